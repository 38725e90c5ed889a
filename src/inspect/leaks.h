/* The last look for masked values in what leaves (mask_leaks()). Private to inspect/. */
#pragma once

#include "base/error.h"
#include "inspect/needles.h"

struct mask_map;

struct leaks {
    struct needles folded; /* letters and digits only, in lower case */
    struct needles base64; /* as encoded, at each of the three alignments */
    struct leak_rule {     /* of a folded string, by its id - 1 */
        uint8_t n;
        bool borders;      /* counts only as whole words */
        bool exact;        /* counts only with these capitals, or with nothing else */
        uint16_t capitals; /* a bit for each byte, the last lowest */
    } * rules;
};

/* For all values of the map. False: no memory. */
bool leaks_init(struct leaks *l, struct mask_map *m) MUST_CHECK;
bool leaks_find(const struct leaks *l, struct view bytes);
