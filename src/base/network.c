#include "base/network.h"

#include <arpa/inet.h>

enum { MAX_TEXT = 64 };

struct network_address network_address_of(const unsigned char *bytes, size_t n)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct network_address a = {.n = (unsigned char)n};

    if (n == 16 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        bytes += sizeof(mapped);
        a.n = 4;
    }
    memcpy(a.bytes, bytes, a.n);
    return a;
}

bool network_address_parse(struct view text, struct network_address *ret_address)
{
    unsigned char bytes[16];
    char copy[MAX_TEXT];
    bool v6 = view_find_char(text, ':') != VIEW_NPOS;

    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (strlen(copy) != text.n || inet_pton(v6 ? AF_INET6 : AF_INET, copy, bytes) != 1)
        return false;
    *ret_address = network_address_of(bytes, v6 ? 16 : 4);
    return true;
}

static void write_bytes(struct buf *out, const unsigned char *bytes, unsigned n)
{
    char text[MAX_TEXT];

    if (n > 0 && inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
        buf_append(out, view_str(text));
}

void network_address_write(struct buf *out, const struct network_address *a)
{
    write_bytes(out, a->bytes, a->n);
}

/* The last byte of the prefix counts in part. */
static unsigned char mask_of(unsigned bits)
{
    return (unsigned char)(0xff00U >> bits % 8);
}

bool network_parse(struct view text, struct network *ret_network)
{
    size_t slash = view_find_char(text, '/');
    struct network_address a;
    uint64_t bits;

    if (!network_address_parse(view_first(text, slash == VIEW_NPOS ? text.n : slash), &a))
        return false;
    bits = a.n * 8U;
    if (slash != VIEW_NPOS && (!view_to_u64(view_skip(text, slash + 1), &bits) || bits > a.n * 8U))
        return false;
    for (unsigned i = (unsigned)bits / 8; i < a.n; i++) {
        unsigned char behind = i == bits / 8 ? (unsigned char)~mask_of((unsigned)bits) : 0xff;
        if (a.bytes[i] & behind)
            return false;
    }
    *ret_network = (struct network){.n = a.n, .bits = (unsigned char)bits};
    memcpy(ret_network->bytes, a.bytes, a.n);
    return true;
}

void network_write(struct buf *out, const struct network *n)
{
    write_bytes(out, n->bytes, n->n);
    buf_append_char(out, '/');
    buf_append_u64(out, n->bits);
}

static bool holds(const struct network *n, const struct network_address *a)
{
    unsigned whole = n->bits / 8;

    if (n->n != a->n || memcmp(n->bytes, a->bytes, whole) != 0)
        return false;
    return n->bits % 8 == 0 || ((n->bytes[whole] ^ a->bytes[whole]) & mask_of(n->bits)) == 0;
}

bool networks_hold(const struct network *all, unsigned n, const struct network_address *a)
{
    for (unsigned i = 0; i < n; i++)
        if (holds(&all[i], a))
            return true;
    return false;
}
