#include "base/utf8.h"

/* The length of the character at `p`, 0 when it is malformed or cut at `end`. */
static size_t char_length(const unsigned char *p, const unsigned char *end, uint32_t *ret_code)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;

    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    uint32_t code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return n;
}

bool utf8_valid(struct view v)
{
    const unsigned char *p = (const unsigned char *)v.p, *end = p + v.n;
    uint32_t code;

    while (p < end) {
        while (end - p >= 8) { /* eight ASCII bytes a step */
            uint64_t word;
            memcpy(&word, p, 8);
            if (word & UINT64_C(0x8080808080808080))
                break;
            p += 8;
        }
        if (p == end)
            break;
        size_t n = char_length(p, end, &code);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

size_t utf8_put(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    to[0] = (char)((0xf00u >> n) | code);
    return n;
}

uint32_t utf8_take(struct view *v)
{
    uint32_t code;
    size_t n = char_length((const unsigned char *)v->p, (const unsigned char *)v->p + v->n, &code);

    if (n == 0) {
        *v = view_skip(*v, 1);
        return 0xfffd;
    }
    *v = view_skip(*v, n);
    return code;
}
