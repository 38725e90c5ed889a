/*
 * Words that say what stands beside them: cues ("date of birth"), counter-cues ("order no."),
 * and the lists of conditions, streets, titles. All phrases of cues.def in one pass, by a hash of
 * each word; case, accents and what joins words (blank, hyphen, underscore) do not count.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

enum cue_kind {
#define CUES(kind, phrases) CUE_##kind,
#include "inspect/conditions.def"
#include "inspect/cues.def"
#undef CUES
};

#define CUE_BIT(kind) (UINT32_C(1) << CUE_##kind)

struct cue {
    uint32_t start, end; /* of the text */
    uint32_t kinds;      /* a bit for each enum cue_kind: a word may say several things */
};

/* Immutable, any thread. */
struct cue_index;
struct cue_index *cue_index_new(void); /* NULL without memory */
void cue_index_free(struct cue_index *index);

/* The longest phrase that begins with the word at `at`; false: none does. */
bool cue_match(const struct cue_index *index, struct view text, uint32_t at, struct cue *ret_cue);
