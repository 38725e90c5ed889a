/* What the makers of plain text share (plain.c, normalize.c). */
#pragma once

#include "inspect/plain.h"

/* Appends bytes that stand for what begins at `from` of `in` and ends at `to`. */
bool plain_replace(struct plain *out, const struct plain *in, uint32_t from, uint32_t to,
                   const char *p, size_t n);
/* Up to `max` hexadecimal digits at `p`; returns how many there are. */
unsigned plain_hex(const char *p, const char *end, unsigned max, uint32_t *ret_value);
/* "\uXXXX" at `p`, both halves of a pair; returns its length, or 0. */
unsigned plain_unicode_escape(const char *p, const char *end, uint32_t *ret_code);
