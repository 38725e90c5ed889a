/*
 * A growable buffer with a maximum from birth.
 *
 * Appending past the maximum, or running out of memory, sets `failed` and drops that append and
 * all later ones: build a whole text, then ask buf_ok() once. The bytes belong to the buffer until
 * buf_done() or buf_reset(). Not shared between threads.
 */
#pragma once

#include "base/view.h"

#include <stdarg.h>

struct buf {
    char *p;
    size_t len, cap, max;
    bool failed;
};

#define BUF_MAX(max_bytes) ((struct buf){.max = (max_bytes)})

static inline struct view buf_view(const struct buf *b)
{
    return view_of(b->p, b->len);
}

static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

/* Room for `n` more bytes behind `len`; NULL (and failed) when that would pass the maximum. The
 * caller writes there and adds to `len`. */
char *buf_reserve(struct buf *b, size_t n);

void buf_append_slow(struct buf *b, const char *p, size_t n);

static inline void buf_append(struct buf *b, struct view v)
{
    if (!b->failed && b->cap - b->len >= v.n) {
        if (v.n)
            memcpy(b->p + b->len, v.p, v.n);
        b->len += v.n;
    } else {
        buf_append_slow(b, v.p, v.n);
    }
}

static inline void buf_append_char(struct buf *b, char c)
{
    buf_append(b, view_of(&c, 1));
}

#define buf_append_lit(b, s) buf_append((b), VIEW(s))

void buf_append_u64(struct buf *b, uint64_t value);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Removes `n` bytes at the front. */
void buf_consume(struct buf *b, size_t n);
/* Empties the buffer and forgets a failure, keeping its memory. */
void buf_reset(struct buf *b);
/* Frees the memory; the buffer can be used again. */
void buf_done(struct buf *b);
