/* E-mail addresses that are written so that no robot reads them: "ann (at) clinic dot org". */
#include "inspect/detect.h"

#define MAX_LOCAL 64

/* "(at)", "[dot]", " AT ": where it ends, or `at`. `ret_bracket`: it stood in brackets. */
static uint32_t sign(const char *p, uint32_t at, const char *word, bool *ret_bracket)
{
    uint32_t i = at;
    size_t n = strlen(word);

    while (p[i] == ' ' && i - at < 2)
        i++;
    *ret_bracket = p[i] && strchr("([{<", p[i]);
    i += *ret_bracket;
    while (*ret_bracket && p[i] == ' ')
        i++;
    if (!view_eq_nocase(view_of(p + i, strnlen(p + i, n)), view_of(word, n)) || is_word(p[i + n]))
        return at;
    i += (uint32_t)n;
    while (*ret_bracket && p[i] == ' ')
        i++;
    if (*ret_bracket && !(p[i] && strchr(")]}>", p[i])))
        return at;
    i += *ret_bracket;
    while (p[i] == ' ' && i - at < 16)
        i++;
    return i;
}

static bool is_host_byte(char c)
{
    return is_alnum(c) || c == '-';
}

/* The host behind the sign: labels parted by dots, said or written; 0: it has none. */
static uint32_t host(const char *p, uint32_t at, bool *ret_said)
{
    uint32_t end = at;
    unsigned labels = 0;

    for (unsigned n = 0; n < 5; n++) {
        uint32_t from = end;
        bool bracket;
        while (is_host_byte(p[end]) && end - from < 40)
            end++;
        if (end == from || is_word(p[end]))
            return 0;
        labels++;
        uint32_t next = p[end] == '.' && is_host_byte(p[end + 1]) ? end + 1 : end;
        if (next == end && (next = sign(p, end, "dot", &bracket)) > end)
            *ret_said = true;
        if (next == end)
            break;
        end = next;
    }
    return labels > 1 ? end : 0;
}

/* "at" stands at `word`, in brackets or between blanks. */
static void veiled(struct scan *s, uint32_t word)
{
    const char *p = s->doc.p;
    uint32_t from = word;
    bool bracket, said = false;

    while (from > 0 && word - from < 3 && strchr(" ([{<", p[from - 1]))
        from--;
    uint32_t next = from == word ? from : sign(p, from, "at", &bracket), start = from;
    while (start > 0 && from - start < MAX_LOCAL &&
           (is_word(p[start - 1]) || strchr("._+-", p[start - 1])))
        start--;
    if (next == from || start == from)
        return;
    uint32_t end = host(p, next, &said);
    if (end && (bracket || said))
        scan_hit(s, start, end, DATA_EMAIL, FINDING_CUE, 85, NULL);
}

void detect_veiled_bracket(struct scan *s, uint32_t at)
{
    veiled(s, at + 1);
}

void detect_veiled_dot(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t stop = at > MAX_LOCAL ? at - MAX_LOCAL : 0;

    for (uint32_t i = at; i > stop + 3; i--)
        if ((p[i - 3] | 0x20) == 'a' && (p[i - 2] | 0x20) == 't' && p[i - 4] == ' ' &&
            p[i - 1] == ' ') {
            veiled(s, i - 3);
            return;
        }
}
