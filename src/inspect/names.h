/* Capitalised words that may be a name. Private to inspect/. */
#pragma once

#include "inspect/detect.h"

/* Where the name that begins at `at` ends, with particles and initials, or `at`. */
uint32_t name_end(struct view text, uint32_t at, unsigned *ret_words);
/* Where an address that is known up to `at` ends: units, storeys, postcode, town, state. */
uint32_t place_extend(const struct scan *s, uint32_t at);
