/*
 * Labels for the words of one piece, and the findings that they make: greedy, from left to right.
 * Shared by the tagger and by its training.
 */
#pragma once

#include "inspect/tagger.h"
#include "inspect/tagger_features.h"

struct tagger_decoder {
    struct tagger_words words; /* read by the caller */
    struct tagger_cues cues;
    uint8_t labels[TAGGER_WORDS_MAX]; /* enum tagger_label */
    float margins[TAGGER_WORDS_MAX];  /* above LABEL_OUT, in log odds */
};

void tagger_decode(struct tagger_decoder *d, const struct tagger_model *m,
                   enum data_profile profile);

/* The next finding from word `*at` on. */
bool tagger_decoded(const struct tagger_decoder *d, unsigned *at, struct tagged *ret_tagged);
