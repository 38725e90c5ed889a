/*
 * The values of a GGUF file's metadata. For gguf.c.
 *
 * A cursor walks the file; what it takes points into it. A failure is kept: all later takes return
 * false.
 */
#pragma once

#include "base/view.h"

struct gguf_cursor {
    struct view source;
    size_t at;
    const char *problem; /* static; NULL while all is well */
};

struct gguf_value {
    uint32_t type; /* of the value, or of an array's values */
    bool array;
    uint64_t n;       /* values: 1, or how many the array has; 0: there was no such key */
    struct view text; /* of a string */
    struct view raw;  /* the values of a number, a truth value, or of an array of such */
};

/* Keeps the first problem. Returns false. */
static inline bool gguf_fail(struct gguf_cursor *c, const char *problem)
{
    if (!c->problem)
        c->problem = problem;
    return false;
}

bool gguf_take_u32(struct gguf_cursor *c, uint32_t *ret_number);
bool gguf_take_u64(struct gguf_cursor *c, uint64_t *ret_number);
bool gguf_take_string(struct gguf_cursor *c, struct view *ret_text);
bool gguf_take_value(struct gguf_cursor *c, struct gguf_value *ret_value);

/* Value number `i` of an array, or the one value that there is for all: what is said once holds for
 * each layer. 0 where there is none, and for what is no whole number or below 0. */
uint64_t gguf_number(const struct gguf_value *v, uint64_t i);
/* The largest of them. */
uint64_t gguf_largest(const struct gguf_value *v);
