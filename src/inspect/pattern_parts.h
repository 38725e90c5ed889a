/* The program of a pattern: what pattern_compile.c makes and pattern.c runs. */
#pragma once

#include "inspect/pattern.h"

enum pattern_op {
    PATTERN_SET,   /* a byte of `set`, then the next state */
    PATTERN_SPLIT, /* `x` and `y` */
    PATTERN_JUMP,  /* `x` */
    PATTERN_BEGIN, /* of a line, and so on: goes on without a byte where that holds */
    PATTERN_END,
    PATTERN_BORDER,
    PATTERN_NO_BORDER,
    PATTERN_MATCH,
};

struct pattern_state {
    uint8_t op;
    uint16_t x, y; /* states, or the set's number */
};

struct pattern {
    struct pattern_state *states;
    unsigned n;
    uint32_t (*sets)[8]; /* a bit for each byte */
    unsigned n_sets;
    uint32_t first[8]; /* bytes that a match may begin with */
};

static inline bool pattern_set_has(const uint32_t set[8], unsigned char c)
{
    return set[c >> 5] >> (c & 31) & 1;
}
