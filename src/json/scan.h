/* The inner loop of the reader: runs of bytes inside strings. Sixteen bytes a step with SSE2,
 * which every x86-64 has; byte by byte elsewhere. Private to json/. */
#pragma once

#include "base/view.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Needs no look inside a string: not a quote, a backslash, a control or a non-ASCII byte. */
static inline bool scan_is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

#ifdef __SSE2__

static inline unsigned scan_mask(const char *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    /* As signed bytes, controls and non-ASCII are all less than a blank. */
    __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), low));
}

/* The first byte from `p` on that is not plain, or `end`. `start` is where readable memory
 * begins: a short tail is read together with what stands before it. */
static inline const char *scan_plain(const char *p, const char *start, const char *end)
{
    while (end - p >= 16) {
        unsigned mask = scan_mask(p);
        if (mask)
            return p + __builtin_ctz(mask);
        p += 16;
    }
    if (p < end && end - start >= 16) {
        unsigned mask = scan_mask(end - 16) >> (16 - (end - p));
        return mask ? p + __builtin_ctz(mask) : end;
    }
    while (p < end && scan_is_plain(*p))
        p++;
    return p;
}

/* Copies from `*from` to `to` up to a backslash or `end`; moves `*from`, returns the new `to`.
 * `to` has room for all that is left of the source. */
static inline char *scan_copy(char *to, const char **from, const char *end)
{
    const char *p = *from;

    while (end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
        _mm_storeu_si128((__m128i *)(void *)to, x);
        if (mask) {
            *from = p + __builtin_ctz(mask);
            return to + __builtin_ctz(mask);
        }
        p += 16;
        to += 16;
    }
    while (p < end && *p != '\\')
        *to++ = *p++;
    *from = p;
    return to;
}

#else

static inline const char *scan_plain(const char *p, const char *start, const char *end)
{
    (void)start;
    while (p < end && scan_is_plain(*p))
        p++;
    return p;
}

static inline char *scan_copy(char *to, const char **from, const char *end)
{
    const char *p = *from;

    while (p < end && *p != '\\')
        *to++ = *p++;
    *from = p;
    return to;
}

#endif

/* Passes a run of non-ASCII characters; NULL when one is not well-formed UTF-8. */
static inline const char *scan_utf8(const char *text, const char *end)
{
    const unsigned char *p = (const unsigned char *)text, *stop = (const unsigned char *)end;

    while (p < stop && *p >= 0x80) {
        size_t left = (size_t)(stop - p);
        if (*p < 0xe0) {
            if (*p < 0xc2 || left < 2 || (p[1] & 0xc0) != 0x80)
                return NULL;
            p += 2;
        } else if (*p < 0xf0) {
            if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
                return NULL;
            if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f))
                return NULL; /* overlong, surrogate */
            p += 3;
        } else {
            if (*p > 0xf4 || left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 ||
                (p[3] & 0xc0) != 0x80)
                return NULL;
            if ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
                return NULL; /* overlong, above U+10FFFF */
            p += 4;
        }
    }
    return (const char *)p;
}
