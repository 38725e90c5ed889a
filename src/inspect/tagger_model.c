#include "inspect/tagger_model.h"

_Static_assert(offsetof(struct tagger_model, lists) % 64 == 0 &&
                   offsetof(struct tagger_model, rows) % 64 == 0,
               "the tables begin on a cache line");
_Static_assert(TAGGER_LABELS <= TAGGER_ROW, "a weight for each label");

uint32_t tagger_lists(const struct tagger_model *m, uint32_t hash)
{
    const uint32_t mask = (1u << TAGGER_LIST_BITS) - 1, kept = 0xBFFF0000u;
    uint32_t want = tagger_list_entry(hash, 0) & kept;
    for (uint32_t at = hash & mask, steps = 0; m->lists[at] && steps < 64; at = (at + 1) & mask) {
        uint32_t entry = m->lists[at];
        if ((entry & kept) == want)
            return entry >> 30 & 1 ? entry << 16 : entry & 0xFFFF;
        steps++;
    }
    return 0;
}

typedef int16_t lanes __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));
_Static_assert(TAGGER_ROW == 24, "sixteen weights and eight");

/* Each lane holds two weights: the odd one is its upper byte, the even one its lower. */
void tagger_score(const struct tagger_model *m, const uint32_t *rows, unsigned n,
                  int16_t ret_scores[TAGGER_ROW])
{
    lanes even[2] = {0}, odd[2] = {0};
    for (unsigned i = 0; i < n; i++) {
        const int8_t *row = m->rows[rows[i]];
        uint64_t rest;
        lanes low, high;
        memcpy(&low, row, sizeof low);
        memcpy(&rest, row + sizeof low, sizeof rest);
        high = (lanes)(halves){rest, 0};
        odd[0] += low >> 8;
        odd[1] += high >> 8;
        even[0] += (lanes)(low << 8) >> 8;
        even[1] += (lanes)(high << 8) >> 8;
    }
    for (unsigned k = 0; k < TAGGER_ROW; k++)
        ret_scores[k] = k % 2 ? odd[k / 16][k / 2 % 8] : even[k / 16][k / 2 % 8];
}

static const uint8_t classes[TAGGER_LABELS] = {
    [LABEL_PERSON_FIRST] = DATA_PERSON,
    [LABEL_PERSON] = DATA_PERSON,
    [LABEL_ADDRESS_FIRST] = DATA_ADDRESS,
    [LABEL_ADDRESS] = DATA_ADDRESS,
    [LABEL_CONDITION_FIRST] = DATA_MEDICAL_CONDITION,
    [LABEL_CONDITION] = DATA_MEDICAL_CONDITION,
    [LABEL_FINANCIAL] = DATA_FINANCIAL,
    [LABEL_SPECIAL_CATEGORY] = DATA_SPECIAL_CATEGORY,
    [LABEL_USERNAME] = DATA_USERNAME,
    [LABEL_DATE_OF_BIRTH] = DATA_DATE_OF_BIRTH,
    [LABEL_MEDICAL_DATE] = DATA_MEDICAL_DATE,
    [LABEL_PASSWORD] = DATA_PASSWORD,
    [LABEL_SECRET] = DATA_SECRET,
    [LABEL_OTHER_ID] = DATA_OTHER_ID,
    [LABEL_MEDICAL_RECORD_NUMBER] = DATA_MEDICAL_RECORD_NUMBER,
    [LABEL_HEALTH_PLAN_ID] = DATA_HEALTH_PLAN_ID,
    [LABEL_PASSPORT] = DATA_PASSPORT,
    [LABEL_DRIVER_LICENSE] = DATA_DRIVER_LICENSE,
    [LABEL_BANK_ACCOUNT] = DATA_BANK_ACCOUNT,
    [LABEL_VEHICLE_ID] = DATA_VEHICLE_ID,
    [LABEL_DEVICE_ID] = DATA_DEVICE_ID,
    [LABEL_NATIONAL_ID] = DATA_NATIONAL_ID,
    [LABEL_PHONE] = DATA_PHONE,
};

enum data_class tagger_label_class(enum tagger_label label)
{
    return classes[label];
}

bool tagger_label_begins(enum tagger_label label)
{
    return label == LABEL_PERSON_FIRST || label == LABEL_ADDRESS_FIRST ||
           label == LABEL_CONDITION_FIRST;
}
