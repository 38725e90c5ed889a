/* Weir's own credential in the head of a request: where it is written, and the head without it. */
#pragma once

#include "base/buf.h"
#include "config/config.h"

/* The line that tells a backend of that dialect who asks; nothing with an empty key. */
void credential_write(enum llm_dialect dialect, struct view key, struct buf *head);

/* The head but for the key of that line: what stands before it and what stands behind it, both into
 * `head`. Nothing else is left out, also where it reads like the key. */
void credential_cut(struct view head, struct view key, struct view ret_parts[2]);
