#include "inspect/tagger_decode.h"

#include <math.h>

/* Log odds against LABEL_OUT, in which the profile's lean is the threshold. */
static enum tagger_label best_of(const int16_t scores[TAGGER_ROW], float scale,
                                 const float lean[TAGGER_ROW], float *ret_margin)
{
    enum tagger_label best = LABEL_OUT;
    float top = 0;
    *ret_margin = 0;
    for (unsigned k = LABEL_OUT + 1; k < TAGGER_LABELS; k++) {
        float margin = (float)(scores[k] - scores[LABEL_OUT]) * scale;
        if (margin + lean[k] > top) {
            top = margin + lean[k];
            best = (enum tagger_label)k;
            *ret_margin = margin;
        }
    }
    return best;
}

void tagger_decode(struct tagger_decoder *d, const struct tagger_model *m,
                   enum data_profile profile)
{
    const float *lean = m->lean[profile == DATA_STRICT];
    struct tagger_past past = {.since = 100};
    tagger_cues_read(&d->words, &d->cues);
    for (unsigned i = 0; i < d->words.n; i++) {
        enum tagger_label label = LABEL_OUT;
        if (tagger_is_worth(&d->words, &d->cues, i, &past)) {
            uint32_t rows[TAGGER_FEATURES];
            int16_t scores[TAGGER_ROW];
            unsigned n = tagger_features_of(&d->words, &d->cues, i, &past, rows);
            tagger_score(m, rows, n, scores);
            label = best_of(scores, m->scale, lean, &d->margins[i]);
        }
        d->labels[i] = (uint8_t)label;
        tagger_past_add(&past, label);
    }
}

/* Log odds as 1..100. */
static uint8_t confidence_of(float margin)
{
    float p = 1 / (1 + expf(-margin));
    return (uint8_t)(1 + 99 * p);
}

/* Commas and ends of lines behind a finding are none of it. */
static bool is_tail(const struct tagger_word *w)
{
    return w->kind == TAGGER_LINE || w->shape == TAGGER_SHAPE_MARK + ',' ||
           w->shape == TAGGER_SHAPE_MARK + ';';
}

bool tagger_decoded(const struct tagger_decoder *d, unsigned *at, struct tagged *ret_tagged)
{
    unsigned i = *at, last;
    while (i < d->words.n && d->labels[i] == LABEL_OUT)
        i++;
    if (i == d->words.n)
        return false;
    enum data_class class = tagger_label_class((enum tagger_label)d->labels[i]);
    float best = d->margins[i];
    last = i++;
    for (unsigned k = i; k < d->words.n; k++) {
        enum tagger_label label = (enum tagger_label)d->labels[k];
        if (label == LABEL_OUT || tagger_label_class(label) != class || tagger_label_begins(label))
            break;
        best = d->margins[k] > best ? d->margins[k] : best;
        last = k;
    }
    *at = last + 1;
    while (last >= i && is_tail(&d->words.all[last]))
        last--;
    *ret_tagged = (struct tagged){.start = d->words.all[i - 1].start,
                                  .end = d->words.all[last].end,
                                  .class = (uint8_t) class,
                                  .confidence = confidence_of(best)};
    return true;
}
