/* Where a value begins behind its cue, and the groups of a number. */
#include "inspect/values.h"
#include "inspect/wordlist.h"

#define MAX_CONNECT 64

static bool is_connector(struct view word)
{
    static const char *const by_length[] = {
        [1] = "e s n",
        [2] = "is no nr id of on at as to es er ar om in my le el il em op am",
        [3] = "was are num the ist est for his her and den der vom",
        [4] = "jest code your card date",
        [5] = "reads value their named",
        [6] = "number numero nummer lautet called ending μου мой моя это है",
        [7] = "account nummern",
        [10] = "είναι номер",
        [12] = "नंबर",
    };
    return word.n < sizeof(by_length) / sizeof(by_length[0]) && by_length[word.n] &&
           in_wordlist(by_length[word.n], word);
}

/* What may begin a value in quotes, and would be passed over without them. */
static bool is_value_byte(char c)
{
    return c && strchr("#>*([{-", c) != NULL;
}

/* What may stand between a cue and its value. */
static bool is_between(char c)
{
    switch (c) {
    case '\0':
    case ' ':
    case '\t':
    case '\n':
    case ':':
    case '=':
    case '"':
    case '\'':
    case '`':
    case '#':
    case '>':
    case '*':
    case '(':
    case '[':
    case '{':
    case '-':
    case ',':
    case '\\':
        return true;
    default:
        return false;
    }
}

/* FHIR parts an id's name from its value: "system": "urn:mrn", "value": "123". */
static bool is_value_key(const char *p)
{
    p += *p == ' ';
    return strncmp(p, "\"value\"", 7) == 0;
}

uint32_t value_start(const struct scan *s, uint32_t at, char *ret_sign)
{
    const char *p = s->doc.p;
    uint32_t from = at;
    char sign = 0;

    at += p[at] == '.';
    while (at < s->doc.n && at - from < MAX_CONNECT) {
        char c = p[at];
        if (c == '\n' && sign != ':' && strncmp(p + at, "\nvalue: ", 8) != 0)
            break;
        bool quoted = at > from && (p[at - 1] == '"' || p[at - 1] == '\'' || p[at - 1] == '`');
        if (quoted && is_value_byte(c))
            break;
        if (is_between(c)) {
            if (c == ',' && !is_value_key(p + at + 1))
                break;
            if (c == ':' || c == '=' || c == '"')
                sign = sign == '=' || sign == ':' ? sign : c;
            at++;
            continue;
        }
        uint32_t end = at;
        while (is_word(p[end]) && !is_digit(p[end]))
            end++;
        if (end - at >= 2 && p[at] == '\xc3' && end - at == 2) { /* é, à */
            at = end;
            continue;
        }
        if (end == at || is_digit(p[end]) || p[end] == '_' ||
            !is_connector(view_of(p + at, end - at)))
            break;
        sign = sign ? sign : 'w';
        at = end + (p[end] == '.');
    }
    *ret_sign = sign;
    return at;
}

uint32_t value_id(const struct scan *s, uint32_t at, unsigned digits, unsigned groups)
{
    const char *p = s->doc.p;
    uint32_t end = at, i = at;
    unsigned found = 0;

    for (unsigned n = 0; n < groups; n++) {
        unsigned group = 0, lower = 0, size = 0;
        for (; is_digit(p[i]) || is_alpha(p[i]); i++, size++) {
            group += is_digit(p[i]);
            lower += is_alpha(p[i]) && !is_upper(p[i]);
        }
        if (size == 0 || is_word(p[i]) || size > 40)
            break;
        bool blank = n > 0 && p[i - size - 1] == ' ';
        if (n == 0 && group == 0 && lower > 0 && p[i] != '-')
            break; /* a word */
        if (blank && (group == 0 ? size > 3 || lower > 0 : lower > 0 && group < size))
            break;
        if (blank && group == 0 && (p[i] == ' ' || p[i] == '.' || p[i] == ':') &&
            is_alpha(p[i + 1]) && size == 1)
            break; /* "... A man" */
        found += group;
        end = i;
        if (!p[i] || !strchr(" -./", p[i]))
            break;
        i++;
    }
    return found >= digits ? end : at;
}
