#include "http/syntax.h"

#include <arpa/inet.h>

enum {
    X = CHAR_TEXT,
    K = CHAR_TEXT | CHAR_TOKEN,
    G = CHAR_TEXT | CHAR_TARGET,
    B = CHAR_TEXT | CHAR_TOKEN | CHAR_TARGET,
    A = CHAR_TEXT | CHAR_TOKEN | CHAR_TARGET | CHAR_NAME,
};

/* clang-format off */
const uint8_t http_char_classes[256] = {
    ['\t'] = X, [' '] = X, ['"'] = X, ['<'] = X, ['>'] = X, ['\\'] = X, ['{'] = X, ['}'] = X,
    [0x80 ... 0xff] = X,
    ['#'] = K, ['^'] = K, ['`'] = K, ['|'] = K,
    ['('] = G, [')'] = G, [','] = G, ['/'] = G, [':'] = G, [';'] = G, ['='] = G, ['?'] = G,
    ['@'] = G, ['['] = G, [']'] = G,
    ['!'] = B, ['$'] = B, ['%'] = B, ['&'] = B, ['\''] = B, ['*'] = B, ['+'] = B,
    ['-'] = A, ['.'] = A, ['_'] = A, ['~'] = A,
    ['0' ... '9'] = A, ['A' ... 'Z'] = A, ['a' ... 'z'] = A,
};
/* clang-format on */

/* The length of [IPv6] at the front; 0: it is none. */
static size_t bracketed(struct view v)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t close = view_find_char(v, ']');

    if (close == VIEW_NPOS || close > sizeof(text))
        return 0;
    memcpy(text, v.p + 1, close - 1);
    text[close - 1] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1 ? close + 1 : 0;
}

bool http_host_valid(struct view v)
{
    size_t n = 0;
    uint64_t port;

    if (v.n && v.p[0] == '[')
        n = bracketed(v);
    else
        while (n < v.n && char_is(v.p[n], CHAR_NAME))
            n++;
    if (n == 0 || n == v.n)
        return n > 0;
    v = view_skip(v, n);
    if (v.p[0] != ':' || v.n > sizeof(":65535") - 1)
        return false;
    return v.n == 1 || (view_to_u64(view_skip(v, 1), &port) && port <= 65535);
}

struct view http_percent_decoded(struct view v, struct arena *a)
{
    char *to = arena_bytes(a, v.n + 1);
    size_t n = 0;

    for (size_t i = 0; to && i < v.n; i++) {
        int high = v.p[i] == '%' && i + 2 < v.n ? ascii_hex(v.p[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex(v.p[i + 2]) : -1;
        to[n++] = low >= 0 ? (char)(high << 4 | low) : v.p[i];
        i += low >= 0 ? 2 : 0;
    }
    return view_of(to, n);
}
