#include "prompts.h"
#include "applications.h"
#include "common.h"

#include <stdio.h>
#include <string.h>

enum {
    DRAWS = 1024, /* ten bits of a random number choose a word */
    COMMON = 64,  /* the words of which half of a text is made, as in a natural one */
    LONG_PROMPT_FROM = 2000,
    ENVELOPE_MAX = 4096,
};

struct word {
    char text[15]; /* with the space behind it */
    unsigned char len;
};

static struct word draws[DRAWS];
static uint64_t state;
static unsigned turn;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void prompts_init(uint64_t seed)
{
    static struct word words[DRAWS];
    size_t n = 0;
    for (const char *p = word_list; *p && n < DRAWS; n++) {
        size_t len = strcspn(p, " ");
        if (len > sizeof words[n].text - 1)
            die("a word of the list is too long: %.*s", (int)len, p);
        memcpy(words[n].text, p, len);
        words[n].text[len] = ' ';
        words[n].len = (unsigned char)(len + 1);
        p += len + (p[len] == ' ');
    }
    for (size_t i = 0; i < DRAWS; i++)
        draws[i] = i < DRAWS / 2 ? words[i % COMMON] : words[i % n];
    state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < 8; i++)
        next_random();
}

/* Sentences of random words from `p` up to `end`, which it fills exactly. May write up to 16
 * bytes behind `end`. */
static void write_text(char *p, char *end)
{
    unsigned in_sentence = 0, sentences = 0, length = 8;
    while (p < end) {
        uint64_t random = next_random();
        for (int k = 0; k < 6 && p < end; k++, random >>= 10) {
            const struct word *w = &draws[random % DRAWS];
            memcpy(p, w->text, sizeof w->text);
            if (!in_sentence && *p >= 'a' && *p <= 'z')
                *p = (char)(*p - 'a' + 'A');
            p += w->len;
            if (++in_sentence < length)
                continue;
            p[-1] = '.';
            memcpy(p, sentences % 6 == 5 ? "\\n" : " ", 2);
            p += sentences++ % 6 == 5 ? 2 : 1;
            in_sentence = 0;
            length = 6 + (unsigned)(random >> 4) % 12;
        }
        if (random & 1 && p < end && in_sentence)
            p += snprintf(p, 16, "%u ", (unsigned)(next_random() % 100000));
    }
    /* An escape that was cut in two would be no JSON. */
    if (end[-1] == '\\')
        end[-1] = '.';
}

size_t prompt_room(const struct prompt_spec *spec)
{
    return ENVELOPE_MAX + spec->bytes;
}

size_t prompt_write(char *out, const struct prompt_spec *spec)
{
    const struct application *app = &applications[turn++ % APPLICATIONS];
    bool is_long = spec->bytes >= LONG_PROMPT_FROM;
    int head =
        snprintf(out, ENVELOPE_MAX,
                 "{\"model\":\"%s\",\"user\":\"%s\",\"stream\":%s,%s\"messages\":["
                 "{\"role\":\"system\",\"content\":\"%s%s\"},"
                 "{\"role\":\"user\",\"content\":\"%s",
                 spec->model, spec->user, spec->stream ? "true" : "false",
                 is_long ? app->options : "", app->brief, is_long ? app->detail : "", app->opening);
    static const char tail[] = "\"}]}";
    if (head < 0 || head >= ENVELOPE_MAX)
        die("a system prompt is too long");
    char *text = out + head;
    size_t fixed = (size_t)head + sizeof tail - 1;
    size_t n = spec->bytes > fixed + 40 ? spec->bytes - fixed : 40;
    write_text(text, text + n);
    memcpy(text + n, tail, sizeof tail - 1);
    return fixed + n;
}
