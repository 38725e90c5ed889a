/* The characters of HTTP and of its URLs. */
#pragma once

#include "base/arena.h"

enum char_class {
    CHAR_TOKEN = 1,  /* RFC 9110, 5.6.2 */
    CHAR_TARGET = 2, /* RFC 3986, and [ ], which browsers leave as they are in a query */
    CHAR_NAME = 4,   /* a host name; RFC 3986 allows more that no resolver knows */
    CHAR_TEXT = 8,   /* field content: all but control characters; HTAB and 0x80 on are allowed */
};

extern const uint8_t http_char_classes[256];

static inline bool char_is(char c, unsigned classes)
{
    return http_char_classes[(unsigned char)c] & classes;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A name, an IPv4 address or an IPv6 address in brackets, each with a port or without. */
bool http_host_valid(struct view v);

/* Undoes %40 and the like; a percent sign without two digits stands for itself. Lives in the arena;
 * empty without memory. */
struct view http_percent_decoded(struct view v, struct arena *a);
