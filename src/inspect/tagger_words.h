/*
 * A text as words for the tagger: words, numbers, marks, lines, and what stands in the lists of the
 * model (names, streets, conditions, cues). Training and serving share this code, so that they
 * cannot drift apart; a change here needs a new model (train/sensitivity/README.md).
 */
#pragma once

#include "inspect/tagger.h"
#include "inspect/tagger_model.h"

enum tagger_kind {
    TAGGER_WORD,
    TAGGER_IDEOGRAM, /* a character of a script without blanks */
    TAGGER_NUMBER,   /* digits, joined by single marks: 2024-02-05, 61,682, 10.0.0.1 */
    TAGGER_MARK,     /* one mark, or a run of the same */
    TAGGER_LINE,     /* one or more ends of lines */
    TAGGER_HINT,     /* a range that another detector knows */
};

#define TAGGER_SHAPE_MARK 128 /* the shape of a mark: this, and its lowest seven bits */

enum tagger_case {
    TAGGER_LOWER,
    TAGGER_CAPITAL, /* Xxxx */
    TAGGER_UPPER,   /* XXXX */
    TAGGER_LETTER,  /* X */
    TAGGER_MIXED,   /* xXxx */
    TAGGER_DIGITS,  /* letters and digits */
    TAGGER_UNCASED, /* a script without capitals */
};

struct tagger_word {
    uint32_t start, end;  /* bytes of the text */
    uint32_t hash;        /* of the letters, lowered and without accents; of a number's form */
    uint32_t tail;        /* of the last part of a camelCase or snake_case word, else `hash` */
    uint32_t first, last; /* the first and last three letters, eight bits each */
    uint32_t lists;       /* bits of enum tagger_list */
    uint32_t field;       /* hash of the label before this word ("name" in `name: Ada`), or 0 */
    uint32_t field_tail;  /* `tail` of that label */
    uint16_t shape;       /* kind, case, length */
    uint8_t kind;
    uint8_t letters;   /* enum tagger_case */
    uint8_t field_far; /* words since the label: 0, 1 few, 2 many */
    bool blank;        /* white space stands before it */
    bool cued;         /* its label is a cue */
    bool digit;        /* a word that begins with one: 221B, 51M */
};

/* A text is read in pieces, which end at a line or a sentence where one ends in time. */
#define TAGGER_WORDS_MAX 1024

struct tagger_words {
    unsigned n;
    struct tagger_word all[TAGGER_WORDS_MAX];
};

struct tagger_source {
    struct view text;
    const struct tagger_hint *hints; /* as in tagger_run() */
    unsigned n_hints;
    unsigned next_hint; /* both 0 at first */
    size_t at;          /* where the next piece begins */
};

/* Reads the next piece; false at the end of the text. */
bool tagger_words_read(struct tagger_source *source, const struct tagger_model *model,
                       struct tagger_words *words);

/* The hash under which a listed word is kept. */
uint32_t tagger_word_hash(struct view word);
