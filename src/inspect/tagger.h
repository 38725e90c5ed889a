/*
 * The tagger: names of persons, addresses, conditions and the like in running text, by a small
 * trained linear model over hashed features of words (models/tagger.bin, made by
 * train/sensitivity). Pure; cost is linear in the bytes; words that nothing hints at are skipped.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "config/data_class.h"

/* What the other detectors know of a range already: the tagger sees it as one opaque word. */
struct tagger_hint {
    uint32_t start, end;
    uint8_t class; /* enum data_class */
};

struct tagged {
    uint32_t start, end; /* bytes of `text` */
    uint8_t class;
    uint8_t confidence; /* 1..100, from the margin */
};

/* `text` is normalised (plain.h). Hints are sorted and do not overlap. At `strict` the threshold is
 * lower. False: no memory. Results are sorted, do not overlap each other or a hint, in the arena.
 */
bool tagger_run(struct view text, const struct tagger_hint *hints, unsigned n_hints,
                enum data_profile profile, struct arena *a, struct tagged **ret_tagged,
                unsigned *ret_n) MUST_CHECK;
