#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 256 };

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->cap - b->len >= n)
        return b->p + b->len;
    if (n > b->max - b->len) {
        b->failed = true;
        return NULL;
    }
    size_t want = b->cap ? b->cap : FIRST_BYTES;
    while (want < b->len + n)
        want *= 2;
    if (want > b->max)
        want = b->max;
    char *grown = realloc(b->p, want);
    if (!grown) {
        b->failed = true;
        return NULL;
    }
    b->p = grown;
    b->cap = want;
    return b->p + b->len;
}

void buf_append_slow(struct buf *b, const char *p, size_t n)
{
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    if (n)
        memcpy(to, p, n);
    b->len += n;
}

void buf_append_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_append(b, view_of(digits + at, sizeof(digits) - at));
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0) {
        b->failed = true;
        return;
    }
    char *to = buf_reserve(b, (size_t)n + 1);
    if (!to)
        return;
    vsnprintf(to, (size_t)n + 1, format, args);
    b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->p, b->p + n, b->len - n);
    b->len -= n;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

void buf_done(struct buf *b)
{
    free(b->p);
    *b = BUF_MAX(b->max);
}
