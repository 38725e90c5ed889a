/* The map between values and placeholders, from inside. Private to inspect/. */
#pragma once

#include "inspect/leaks.h"
#include "inspect/mask.h"
#include "inspect/placeholder.h"

struct mask_entry {
    struct view value;    /* normalised: what makes two findings the same thing */
    struct view spelling; /* as it stood first, decoded: what comes back */
    struct view quoted;   /* the same with JSON's escapes */
    enum data_class class;
    unsigned number;
    char placeholder[PLACEHOLDER_LONGEST];
    size_t n_placeholder;
};

/* How a placeholder of the map can begin. */
enum mask_start { MASK_START_NONE, MASK_START_BRACKET, MASK_START_NAME };

struct mask_map {
    struct arena *a;
    struct mask_entry *entries; /* by number, which rises */
    unsigned n;
    uint32_t *slots; /* by hash of the value: entry + 1 */
    size_t n_slots;  /* a power of two */
    uint32_t classes;
    unsigned next;                                 /* the number to try next */
    uint8_t taken[PLACEHOLDER_MAX_NUMBER / 8 + 1]; /* numbers that stand in the user's own text */
    uint8_t starts[256];                           /* enum mask_start of each byte */
    bool seconds[256]; /* bytes that can follow one that begins a name: most words end here */
    struct leaks leaks;
    struct mask_secret { /* memory that holds values: wiped with the arena */
        struct mask_secret *next;
        size_t n;
        char bytes[];
    } * secrets;
};

/* The entry behind a placeholder, or NULL. */
const struct mask_entry *mask_entry_of(const struct mask_map *m, const struct placeholder *p);
/* Zeroed memory that is wiped; NULL without. */
void *mask_secret_alloc(struct mask_map *m, size_t n);
