#include "inspect/tagger_features.h"

#define NAMES      (TAGGER_GIVEN | TAGGER_FAMILY | TAGGER_FAMILY_RARE)
#define SURE_LISTS (TAGGER_CONDITION | TAGGER_DRUG | TAGGER_BELIEF | TAGGER_STREET)
/* Near these a word that is written small and stands in no list may be something. */
#define SMALL_CUES                                                                 \
    ((TAGGER_CUE_HEALTH | TAGGER_CUE_VISIT | TAGGER_CUE_BELIEF | TAGGER_CUE_USER | \
      TAGGER_CUE_PASSWORD) >>                                                      \
     16)
#define UNKNOWN_WORD 0u

static uint16_t cues_of(const struct tagger_word *w)
{
    return (uint16_t)(w->lists >> 16 | (w->lists & TAGGER_TITLE ? TAGGER_CUE_PERSON >> 16 : 0));
}

void tagger_cues_read(const struct tagger_words *words, struct tagger_cues *ret_cues)
{
    unsigned n = words->n, blocks = n / 16 + 3;
    uint16_t own[TAGGER_WORDS_MAX + 16] = {0}, *cue = own + 8;
    for (unsigned i = 0; i < blocks; i++)
        ret_cues->wide[i] = 0;
    for (unsigned i = 0; i < n; i++) {
        cue[i] = cues_of(&words->all[i]);
        ret_cues->wide[i / 16] |= cue[i];
        ret_cues->wide[i / 16 + 1] |= cue[i];
        ret_cues->wide[i / 16 + 2] |= cue[i];
    }
    for (unsigned i = 0; i < n; i++) {
        const uint16_t *c = &cue[i];
        ret_cues->left[i] = c[-1] | c[-2] | c[-3] | c[-4] | c[-5] | c[-6] | c[-7] | c[-8];
        ret_cues->right[i] = c[1] | c[2] | c[3] | c[4];
    }
}

/* What stands before the first word and behind the last. */
static const struct tagger_word outside = {
    .kind = TAGGER_LINE, .hash = 3, .tail = 3, .shape = 258, .blank = true};

static inline const struct tagger_word *at(const struct tagger_words *words, unsigned i, int by)
{
    unsigned k = i + (unsigned)by; /* wraps below zero */
    return k < words->n ? &words->all[k] : &outside;
}

static bool begins_with_digit(const struct tagger_word *w)
{
    return w->kind == TAGGER_NUMBER || w->digit;
}

/* A number is worth a look near a cue, behind a label, and where a house number may stand. */
static bool number_is_worth(const struct tagger_words *words, unsigned i, unsigned near)
{
    const struct tagger_word *w = &words->all[i], *b = at(words, i, 1);
    return near || w->cued || (b->kind == TAGGER_WORD && b->letters != TAGGER_LOWER) ||
           (b->lists | at(words, i, 2)->lists) & TAGGER_STREET ||
           at(words, i, -1)->letters != TAGGER_LOWER;
}

bool tagger_is_worth(const struct tagger_words *words, const struct tagger_cues *cues, unsigned i,
                     const struct tagger_past *past)
{
    const struct tagger_word *w = &words->all[i];
    unsigned near = cues->left[i] | cues->right[i];
    switch ((enum tagger_kind)w->kind) {
    case TAGGER_HINT:
        return false;
    case TAGGER_LINE:
        return past->last != LABEL_OUT;
    case TAGGER_IDEOGRAM:
        return true;
    case TAGGER_MARK:
        /* A currency before its number; a password may begin with any mark. */
        return past->last != LABEL_OUT || (cues->left[i] && w->field && !w->field_far) ||
               (near && begins_with_digit(at(words, i, 1)) && !at(words, i, 1)->blank);
    case TAGGER_NUMBER:
        return past->last != LABEL_OUT || number_is_worth(words, i, near);
    case TAGGER_WORD:
        break;
    }
    if (w->letters == TAGGER_DIGITS)
        return past->last != LABEL_OUT || near || w->cued ||
               (begins_with_digit(w) && number_is_worth(words, i, near));
    return past->last != LABEL_OUT || w->letters != TAGGER_LOWER || w->lists & SURE_LISTS ||
           near & SMALL_CUES || at(words, i, 1)->lists & SURE_LISTS ||
           at(words, i, 2)->lists & TAGGER_CONDITION ||
           (w->lists & NAMES && !(w->lists & TAGGER_EVERYDAY)) || (w->field && w->field_far < 2);
}

struct rows {
    uint32_t *to;
    unsigned n;
};

/* The top bits of a sum of products: a factor for each part, an offset for each kind. */
static inline void emit(struct rows *r, uint32_t a, uint32_t b)
{
    uint64_t x = a * UINT64_C(0x9E3779B97F4A7C15) + b * UINT64_C(0xD6E8FEB86659FD93) +
                 (r->n + 1) * UINT64_C(0xD1342543DE82EF95);
    x ^= x >> 29;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    uint32_t row = (uint32_t)(x >> (64 - TAGGER_ROW_BITS));
    r->to[r->n++] = row + (row == 0);
}

/* For a part that may be unknown. */
static inline void emit_word(struct rows *r, uint32_t a, uint32_t b, bool known)
{
    if (known)
        emit(r, a, b);
    else
        r->to[r->n++] = UNKNOWN_WORD;
}

/* The lists of a word as one number of 16 bits. */
static inline uint32_t lists_of(const struct tagger_word *w)
{
    return (w->lists & 0xFFFF) | (w->lists >> 16 ? 0x8000 | w->lists >> 16 : 0);
}

static inline uint32_t coarse(const struct tagger_word *w)
{
    return w->shape >> 3 | (uint32_t)w->blank << 8;
}

static void emit_self(struct rows *r, const struct tagger_word *w)
{
    bool known = w->hash != UNKNOWN_WORD;
    emit_word(r, w->hash, 0, known);
    emit_word(r, w->first, 0, known);
    emit_word(r, w->last, 0, known);
    emit_word(r, w->last & 0xFFFF, w->shape, known);
    emit_word(r, w->tail, w->letters, known);
    emit(r, w->shape, lists_of(w));
    emit(r, w->shape, w->blank);
    emit(r, lists_of(w), 0);
}

static void emit_neighbours(struct rows *r, const struct tagger_words *words, unsigned i)
{
    const struct tagger_word *w = &words->all[i], *a = at(words, i, -1), *aa = at(words, i, -2),
                             *b = at(words, i, 1), *bb = at(words, i, 2);
    emit_word(r, a->hash, 0, a->hash);
    emit_word(r, b->hash, 0, b->hash);
    emit_word(r, aa->hash, 0, aa->hash);
    emit_word(r, bb->hash, 0, bb->hash);
    emit_word(r, a->hash, w->hash, a->hash && w->hash);
    emit_word(r, w->hash, b->hash, w->hash && b->hash);
    emit_word(r, aa->hash, a->hash, aa->hash && a->hash);
    emit_word(r, b->hash, bb->hash, b->hash && bb->hash);
    emit_word(r, a->hash, coarse(w) << 16 | lists_of(w), a->hash);
    emit_word(r, b->hash, coarse(w) << 16 | lists_of(w), b->hash);
    emit(r, coarse(a) << 10 | coarse(w), coarse(b));
    emit(r, lists_of(a) << 16 | lists_of(w), coarse(w));
    emit(r, lists_of(w) << 16 | lists_of(b), coarse(w));
    emit(r, lists_of(a) << 16 | lists_of(b), lists_of(w) << 1);
    emit(r, coarse(aa) << 10 | coarse(a), coarse(w) << 16 | lists_of(a));
    emit(r, coarse(b) << 10 | coarse(bb), coarse(w) << 16 | lists_of(b));
}

static void emit_past(struct rows *r, const struct tagger_words *words, unsigned i,
                      const struct tagger_past *past)
{
    const struct tagger_word *w = &words->all[i], *a = at(words, i, -1), *b = at(words, i, 1);
    uint32_t since = past->since < 3 ? past->since : past->since < 8 ? 3 : 4;
    emit(r, past->last, past->before_last);
    emit_word(r, past->last, w->hash, w->hash);
    emit_word(r, past->last, a->hash, a->hash);
    emit(r, past->last, w->shape << 16 | lists_of(w));
    emit(r, past->last | coarse(w) << 8, coarse(b) << 16 | lists_of(b));
    emit(r, past->entity | since << 8, coarse(w) << 16 | lists_of(w));
}

static void emit_surroundings(struct rows *r, const struct tagger_words *words,
                              const struct tagger_cues *cues, unsigned i)
{
    const struct tagger_word *w = &words->all[i];
    emit(r, w->field, w->field_far);
    emit(r, w->field_tail, w->shape);
    emit(r, w->field_tail, (uint32_t)w->field_far << 16 | lists_of(w));
    emit(r, cues->left[i], w->shape);
    emit(r, cues->right[i], w->shape);
    emit(r, cues->wide[i / 16 + 1], w->shape);
    emit(r, cues->left[i], lists_of(w));
    emit(r, cues->wide[i / 16 + 1], lists_of(w));
}

unsigned tagger_features_of(const struct tagger_words *words, const struct tagger_cues *cues,
                            unsigned i, const struct tagger_past *past,
                            uint32_t ret_rows[TAGGER_FEATURES])
{
    struct rows r = {.to = ret_rows};
    emit_self(&r, &words->all[i]);
    emit_neighbours(&r, words, i);
    emit_past(&r, words, i, past);
    emit_surroundings(&r, words, cues, i);
    return r.n;
}
