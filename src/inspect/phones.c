/* Phone numbers as they are written: international, and the usual national forms. */
#include "inspect/detect.h"

#define NEAR 24 /* of a word that says that a number counts something else */

struct digits {
    uint32_t end;
    unsigned n, groups;
    unsigned sizes[8];
    char text[16], joint; /* the first one */
};

/* Up to 15 digits from `at` on, with one or two separators between groups. */
static void read_digits(const struct scan *s, uint32_t at, struct digits *d)
{
    const char *p = s->doc.p;

    *d = (struct digits){.end = at};
    while (d->groups < 8) {
        unsigned size = 0;
        while (is_digit(p[at + size]) && d->n + size < 16)
            d->text[(d->n + size) & 15] = p[at + size], size++;
        if (size == 0 || d->n + size > 15)
            return;
        d->n += size;
        d->sizes[d->groups++] = size;
        at += size;
        d->end = at;
        uint32_t next = at;
        while (next - at < 2 && (is_joint(p[next]) || p[next] == '(' || p[next] == ')'))
            next++;
        if (next == at || !is_digit(p[next]))
            return;
        if (d->groups == 1)
            d->joint = p[at];
        at = next;
    }
}

static bool is_counted(const struct scan *s, uint32_t at)
{
    return scan_cue_before(s, at, CUE_BIT(COUNTER), NEAR) != NULL;
}

static void phone(struct scan *s, uint32_t start, uint32_t end, enum finding_evidence evidence,
                  unsigned confidence)
{
    char first = 0;
    bool varied = false; /* not (555) 555-5555 */

    for (uint32_t at = start; at < end; at++)
        if (is_digit(s->doc.p[at])) {
            first = first ? first : s->doc.p[at];
            varied |= s->doc.p[at] != first;
        }
    if (varied && !is_word(s->doc.p[end]))
        scan_hit(s, start, end, DATA_PHONE, evidence, confidence, NULL);
}

/* "+44 7215 267395" */
static void international(struct scan *s, uint32_t at)
{
    struct digits d;
    uint32_t from = at + 1;

    while (s->doc.p[from] == ' ' || s->doc.p[from] == '(')
        from++;
    if (from - at > 3)
        return;
    read_digits(s, from, &d);
    if (d.n >= 8 && d.n <= 15 && d.text[0] != '0')
        phone(s, at, d.end, FINDING_HARD, 90);
}

/* "(415) 502-5831", "(0221) 55512" */
static void in_brackets(struct scan *s, uint32_t at)
{
    struct digits d;

    read_digits(s, at + 1, &d);
    if (d.sizes[0] < 2 || d.sizes[0] > 5 || s->doc.p[at + 1 + d.sizes[0]] != ')' || d.n < 8 ||
        d.n > 12)
        return;
    bool american = d.n == 10 && d.sizes[0] == 3;
    if (american || d.text[0] == '0' || scan_cue_before(s, at, CUE_BIT(PHONE), 40))
        phone(s, at, d.end, FINDING_HARD, 80);
}

static bool sizes_are(const struct digits *d, unsigned a, unsigned b, unsigned c, unsigned e)
{
    unsigned n = 2 + (c > 0) + (e > 0);
    return d->groups == n && d->sizes[0] == a && d->sizes[1] == b && (!c || d->sizes[2] == c) &&
           (!e || d->sizes[3] == e);
}

static bool is_american(const struct digits *d)
{
    bool one = d->text[0] == '1' && sizes_are(d, 1, 3, 3, 4);
    return one || (sizes_are(d, 3, 3, 4, 0) && d->text[0] >= '2');
}

/* A trunk zero, and groups as in Britain, France, Germany, Italy, the Netherlands. */
static bool is_trunk(const struct digits *d)
{
    if (d->text[0] != '0' || d->n < 9 || d->n > 12 || !d->joint || strchr(".(", d->joint))
        return d->text[0] == '0' && d->joint == '.' && d->n == 10 && d->groups == 5;
    if (d->n == 10 && d->groups == 5 && d->sizes[0] == 2)
        return true;
    if (d->text[1] == '0')
        return d->n >= 10 && d->groups >= 3; /* 00 33 ... */
    return d->sizes[0] >= 3 && d->sizes[0] <= 5 && d->groups <= 4;
}

/* A number that begins at `at`; returns its end when it was taken, or `at`. */
static uint32_t national(struct scan *s, uint32_t at)
{
    struct digits d;
    const char *p = s->doc.p;

    read_digits(s, at, &d);
    if (d.n < 7 || is_word(p[d.end]))
        return at;
    bool cued = scan_cue_before(s, at, CUE_BIT(PHONE), 48) != NULL, counted = is_counted(s, at);
    bool mobile = d.groups == 1 && ((d.n == 11 && d.text[0] == '0' && d.text[1] == '7') ||
                                    (d.n >= 10 && d.text[0] == '0' && d.text[1] == '0'));
    if (is_american(&d) || is_trunk(&d) || (mobile && !counted)) {
        if (counted && !cued)
            return at;
        phone(s, at, d.end, FINDING_CUE, cued ? 90 : 75);
        return d.end;
    }
    return at;
}

void detect_phones(struct scan *s)
{
    const char *p = s->doc.p;

    for (uint32_t at = 0; at < s->doc.n && !s->failed;) {
        char c = p[at], prev = p[(int64_t)at - 1];
        if (is_digit(c)) {
            uint32_t end = at;
            bool behind = is_word(prev) || prev == '.' || prev == '-' || prev == '_' ||
                          prev == '/' || prev == '$' || prev == '#';
            if (!behind)
                end = national(s, at);
            while (is_digit(p[end]))
                end++;
            at = end;
            continue;
        }
        if (c == '+' && !is_word(prev))
            international(s, at);
        else if (c == '(' && is_digit(p[at + 1]))
            in_brackets(s, at);
        at++;
    }
}
