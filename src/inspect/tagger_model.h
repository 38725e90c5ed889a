/*
 * The tagger's model: lists of words (a packed hash table) and a table of rows of 24 signed 8-bit
 * weights, one a label. The score of a label is the sum over the rows of a word's features.
 */
#pragma once

#include "base/view.h"
#include "config/data_class.h"

/* Lists that a word may stand in: a bit each. */
enum tagger_list {
    TAGGER_GIVEN = 1 << 0,
    TAGGER_FAMILY = 1 << 1, /* a common family name */
    TAGGER_FAMILY_RARE = 1 << 2,
    TAGGER_PLACE = 1 << 3,  /* a city */
    TAGGER_REGION = 1 << 4, /* a country, a state, their short forms */
    TAGGER_STREET = 1 << 5,
    TAGGER_CONDITION = 1 << 6,
    TAGGER_DRUG = 1 << 7,
    TAGGER_EVERYDAY = 1 << 8, /* an ordinary word */
    TAGGER_TITLE = 1 << 9,    /* Mr, Dr, Frau */
    TAGGER_CALENDAR = 1 << 10,
    TAGGER_ORGANISATION = 1 << 11, /* Ltd, GmbH, university, theorem: what takes a name away */
    TAGGER_BELIEF = 1 << 12,       /* words of special categories */
    TAGGER_PARTICLE = 1 << 13,     /* van, de, bin */
    /* Cues: words that speak of what follows. A word of these stands in no other list. */
    TAGGER_CUE_PERSON = 1 << 16,
    TAGGER_CUE_ADDRESS = 1 << 17,
    TAGGER_CUE_HEALTH = 1 << 18,
    TAGGER_CUE_MONEY = 1 << 19,
    TAGGER_CUE_BELIEF = 1 << 20,
    TAGGER_CUE_BIRTH = 1 << 21,
    TAGGER_CUE_VISIT = 1 << 22,
    TAGGER_CUE_USER = 1 << 23,
    TAGGER_CUE_PASSWORD = 1 << 24,
    TAGGER_CUE_ID = 1 << 25,
};
#define TAGGER_CUES 0x3FF0000u

/* The labels of a word. What may stand twice in a row has a label for its first word. */
enum tagger_label {
    LABEL_OUT,
    LABEL_PERSON_FIRST,
    LABEL_PERSON,
    LABEL_ADDRESS_FIRST,
    LABEL_ADDRESS,
    LABEL_CONDITION_FIRST,
    LABEL_CONDITION,
    LABEL_FINANCIAL,
    LABEL_SPECIAL_CATEGORY,
    LABEL_USERNAME,
    LABEL_DATE_OF_BIRTH,
    LABEL_MEDICAL_DATE,
    LABEL_PASSWORD,
    LABEL_SECRET,
    LABEL_OTHER_ID,
    LABEL_MEDICAL_RECORD_NUMBER,
    LABEL_HEALTH_PLAN_ID,
    LABEL_PASSPORT,
    LABEL_DRIVER_LICENSE,
    LABEL_BANK_ACCOUNT,
    LABEL_VEHICLE_ID,
    LABEL_DEVICE_ID,
    LABEL_NATIONAL_ID,
    LABEL_PHONE,
    TAGGER_LABELS,
};
#define TAGGER_ROW       24
#define TAGGER_ROW_BITS  17
#define TAGGER_LIST_BITS 18

/* The file models/tagger.bin, little-endian: this head, the lists, the rows. */
struct tagger_model {
    char magic[8];
    char made_of[240]; /* what it was trained on, in words */
    uint32_t row_bits, list_bits;
    float scale;                            /* of a weight */
    float lean[2][TAGGER_ROW];              /* added to the log odds of a label, for each profile */
    uint8_t pad[60];                        /* the tables begin on a cache line */
    uint32_t lists[1u << TAGGER_LIST_BITS]; /* see tagger_list_entry() */
    int8_t rows[1u << TAGGER_ROW_BITS][TAGGER_ROW];
};

#define TAGGER_MAGIC "WEIRTAG1"

/* The model that is built into the program. */
extern const struct tagger_model tagger_built_in;

/* A used entry of `lists`: 14 bits of the hash, and the lower or (for cues) the upper half of the
 * lists. It stands at the hash's lowest bits or behind, before the next free entry (0). */
static inline uint32_t tagger_list_entry(uint32_t hash, uint32_t lists)
{
    uint32_t cue = lists >> 16;
    return UINT32_C(1) << 31 | (uint32_t)(cue != 0) << 30 | hash >> TAGGER_LIST_BITS << 16 |
           (cue ? cue : lists);
}

/* The lists in which a word of this hash stands. */
uint32_t tagger_lists(const struct tagger_model *m, uint32_t hash);

/* The scores of all labels for a word that has these features, in units of `scale`. */
void tagger_score(const struct tagger_model *m, const uint32_t *rows, unsigned n,
                  int16_t ret_scores[TAGGER_ROW]);

/* The class that a label stands for, and whether it begins a new finding. Not LABEL_OUT. */
enum data_class tagger_label_class(enum tagger_label label);
bool tagger_label_begins(enum tagger_label label);
