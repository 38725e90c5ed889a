/* The list of hits, and the arrays that a scan grows. */
#include "inspect/detect.h"

#define D (BYTE_DIGIT | BYTE_HEX | BYTE_KEY)
#define U (BYTE_UPPER | BYTE_KEY)
#define L (BYTE_LOWER | BYTE_KEY)

const uint8_t byte_kinds[256] = {
    ['0' ... '9'] = D, ['A' ... 'F'] = U | BYTE_HEX,
    ['G' ... 'Z'] = U, ['a' ... 'f'] = L | BYTE_HEX,
    ['g' ... 'z'] = L, ['_'] = BYTE_KEY,
    ['-'] = BYTE_KEY,  [0x80 ... 0xff] = BYTE_HIGH,
};

bool scan_grow(struct scan *s, void **items, unsigned n, unsigned *cap, size_t size)
{
    if (n < *cap)
        return true;
    unsigned more = *cap ? *cap * 2 : 32;
    void *grown = s->failed ? NULL : arena_alloc(s->a, more * size);
    if (!grown) {
        s->failed = true;
        return false;
    }
    if (n)
        memcpy(grown, *items, n * size);
    *items = grown;
    *cap = more;
    return true;
}

void scan_hit(struct scan *s, uint32_t start, uint32_t end, enum data_class class,
              enum finding_evidence evidence, unsigned confidence, const char *sub)
{
    void *hits = s->hits;

    if (start >= end || !(s->options->classes >> class & 1) ||
        !scan_grow(s, &hits, s->n_hits, &s->cap_hits, sizeof(*s->hits)))
        return;
    s->hits = hits;
    s->hits[s->n_hits++] =
        (struct hit){start, end, (uint8_t) class, (uint8_t)evidence, (uint8_t)confidence, sub};
}

void scan_found(struct scan *s, uint32_t raw, uint32_t raw_end, enum data_class class,
                enum finding_evidence evidence, const char *sub)
{
    void *found = s->found;

    if (raw >= raw_end || !(s->options->classes >> class & 1) ||
        !scan_grow(s, &found, s->n_found, &s->cap_found, sizeof(*s->found)))
        return;
    s->found = found;
    s->found[s->n_found++] = (struct finding){.start = raw,
                                              .end = raw_end,
                                              .class = (uint8_t) class,
                                              .evidence = (uint8_t)evidence,
                                              .confidence = 100,
                                              .sub = sub};
}
