/*
 * What the tagger's model sees of a word: rows of its table, for the word, its neighbours, the
 * cues around it and the labels before it. Shared by training and serving, as tagger_words.h.
 */
#pragma once

#include "inspect/tagger_words.h"

#define TAGGER_FEATURES 40

/* Cues (the upper half of enum tagger_list) around each word of a piece. */
struct tagger_cues {
    uint16_t left[TAGGER_WORDS_MAX];          /* among the eight words before */
    uint16_t right[TAGGER_WORDS_MAX];         /* among the four words behind */
    uint16_t wide[TAGGER_WORDS_MAX / 16 + 3]; /* [1 + i / 16]: within some 24 words of word i */
};

/* What was decided so far. */
struct tagger_past {
    enum tagger_label last, before_last;
    enum tagger_label entity; /* the last one that is not LABEL_OUT */
    unsigned since;           /* words since then */
};

void tagger_cues_read(const struct tagger_words *words, struct tagger_cues *ret_cues);

/* Whether a word can be anything at all: the others are LABEL_OUT unseen. */
bool tagger_is_worth(const struct tagger_words *words, const struct tagger_cues *cues, unsigned i,
                     const struct tagger_past *past);

/* Returns how many. Row 0 stands for a word that is not to be known (in training). */
unsigned tagger_features_of(const struct tagger_words *words, const struct tagger_cues *cues,
                            unsigned i, const struct tagger_past *past,
                            uint32_t ret_rows[TAGGER_FEATURES]);

static inline void tagger_past_add(struct tagger_past *past, enum tagger_label label)
{
    past->before_last = past->last;
    past->last = label;
    past->since++;
    if (label != LABEL_OUT) {
        past->entity = label;
        past->since = 0;
    }
}
