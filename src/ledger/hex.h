/* Bytes as lower-case hex digits, and back. */
#pragma once

#include "base/view.h"

/* Writes 2 * bytes.n digits, without a NUL. */
void hex_write(char *to, struct view bytes);
/* Reads hex.n / 2 bytes. False, and `to` undefined, when it is no hex. */
bool hex_read(struct view hex, char *to);
