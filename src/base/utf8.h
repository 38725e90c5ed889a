/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. */
#pragma once

#include "base/view.h"

bool utf8_valid(struct view v);

/* Writes `code` (a scalar value) into `to`, which has room for 4 bytes; returns how many. */
size_t utf8_put(char *to, uint32_t code);

/* Decodes the character at the front of `*v` and moves past it; a malformed byte is taken alone
 * as U+FFFD. `*v` must not be empty. */
uint32_t utf8_take(struct view *v);
