/*
 * Addresses and networks of IP, as bytes: no sockets here. An IPv4 address in IPv6's clothes
 * (::ffff:10.0.0.1) is the IPv4 address.
 */
#pragma once

#include "base/buf.h"

struct network_address {
    unsigned char bytes[16];
    unsigned char n; /* 4 or 16; 0: none is known */
};

struct network {
    unsigned char bytes[16];
    unsigned char n;    /* 4 or 16 */
    unsigned char bits; /* of the prefix */
};

/* `bytes` has 4 or 16. */
struct network_address network_address_of(const unsigned char *bytes, size_t n);
/* "10.0.0.1", "fd00::1"; no brackets, no zone. False: it is no address. */
bool network_address_parse(struct view text, struct network_address *ret_address);
/* Nothing for one that is not known. */
void network_address_write(struct buf *out, const struct network_address *a);

/* "10.0.0.0/8", "fc00::/7"; an address alone is a network of one. False also where bits are set
 * behind the prefix: 10.1.0.0/8 is a slip. */
bool network_parse(struct view text, struct network *ret_network);
void network_write(struct buf *out, const struct network *n);

/* Whether the address lies in one of them. */
bool networks_hold(const struct network *all, unsigned n, const struct network_address *a);
