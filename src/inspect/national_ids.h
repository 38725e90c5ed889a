/* National numbers of persons and firms: shape, ranges, check digits, by country. */
#pragma once

#include "base/view.h"

struct national_id {
    const char *sub;   /* "ssn", "steuerid", ... */
    const char *shape; /* 9: a digit, A: a letter, X: either; anything else for itself */
    size_t n;          /* of the shape */
    bool (*check)(struct view compact); /* NULL: nothing but the shape */
    bool strong; /* shape and check together prove it without a word beside it */
};

/* The first one of `from` on that `compact` (no separators, upper case) is a valid number of; NULL:
 * none. Walk all of them with from = found + 1. */
const struct national_id *national_id_match(struct view compact, const struct national_id *from);
/* By its name; NULL. */
const struct national_id *national_id_named(struct view sub);
