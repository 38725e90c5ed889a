/*
 * Trains the tagger from the records of prepare.py:
 *
 *     train OUT.bin LISTS "MADE OF" TRAIN.rec... [-- TUNE.rec...]
 *
 * A softmax over the labels of a word, linear over hashed features, read from left to right with
 * its own decisions as the past; Adagrad, averaged over the last half of the epochs, then 8 bits.
 * Words of findings are hidden most of the time, so that it learns where names stand and not which
 * names there are. Deterministic: same records, same file.
 */
#include "inspect/tagger_decode.h"
#include "records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS   (1u << TAGGER_ROW_BITS)
#define EPOCHS 8
#define RATE   0.1F
#define DECAY  5e-5F
/* Chances, of 1 */
#define HIDE_FINDING  0.55F /* that the words of a finding are hidden */
#define HIDE_LISTED   0.4F  /* that then the lists do not know them either */
#define HIDE_OTHER    0.12F /* that another word is hidden */
#define HINT_KNOWN    0.8F  /* that a finding for which there is no label is a hint */
#define HINT_LABELLED 0.3F  /* that one for which there is a label is a hint all the same */
/* Of the findings of a class in the tuning records, the share that may be wrong */
#define WRONG_BALANCED 0.04F
#define WRONG_STRICT   0.10F
#define ALARMS         0.75F /* and this much of that share of the clean texts may ring for a class */
/* What prose gets at least: hiding words makes the model shy. */
#define LEAST_BALANCED   0.25F
#define LEAST_STRICT     1.25F
#define LEAN_MIN         -1.5F
#define LEAN_MAX         1.5F
#define LEAN_MAX_NUMBERS -0.5F /* what passwords and numbers are, other detectors know better */
#define LEAN_STEP        0.25F

typedef float row_floats[TAGGER_ROW];
static row_floats weights[ROWS], squares[ROWS], mean[ROWS];
static struct tagger_model model;

static uint32_t draw(void)
{
    static uint64_t state = 42;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static bool chance(float p)
{
    return (float)draw() < p * (float)(1u << 31);
}

static void lists_add(uint32_t hash, uint32_t lists)
{
    const uint32_t mask = (1u << TAGGER_LIST_BITS) - 1;
    uint32_t at = hash & mask;
    while (model.lists[at])
        at = (at + 1) & mask;
    model.lists[at] = tagger_list_entry(hash, lists);
}

/* Lines of "bits word". Returns how many words. */
static unsigned lists_read(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[256];
    unsigned n = 0;
    if (!f)
        die(path);
    while (fgets(line, sizeof line, f)) {
        char *word;
        uint32_t lists = (uint32_t)strtoul(line, &word, 16);
        struct view v = view_str(word + 1);
        v.n -= v.n && v.p[v.n - 1] == '\n';
        uint32_t hash = tagger_word_hash(v);
        if (v.n && !tagger_lists(&model, hash)) {
            lists_add(hash, lists);
            n++;
        }
    }
    fclose(f);
    if (n > (1u << TAGGER_LIST_BITS) * 3 / 4)
        die("the lists are too long");
    return n;
}

static enum tagger_label label_of(enum data_class class, bool first)
{
    for (unsigned k = LABEL_OUT + 1; k < TAGGER_LABELS; k++) {
        enum tagger_label label = (enum tagger_label)k;
        if (tagger_label_class(label) == class)
            return first || !tagger_label_begins(label) ? label : (enum tagger_label)(k + 1);
    }
    return LABEL_OUT;
}

/* A piece of a record, with what its words are. */
struct lesson {
    struct tagger_words words;
    struct tagger_cues cues;
    uint8_t labels[TAGGER_WORDS_MAX];
    bool starts[TAGGER_WORDS_MAX];
};

static void label(struct lesson *l, const struct record *r)
{
    unsigned s = 0;
    uint32_t begun = UINT32_MAX;
    for (unsigned i = 0; i < l->words.n; i++) {
        const struct tagger_word *w = &l->words.all[i];
        while (s < r->n_spans && r->spans[s].end <= w->start)
            s++;
        bool in = s < r->n_spans && r->spans[s].start < w->end && w->kind != TAGGER_HINT;
        l->starts[i] = in && begun != r->spans[s].start;
        l->labels[i] = (uint8_t)(in ? label_of(r->spans[s].class, l->starts[i]) : LABEL_OUT);
        if (in)
            begun = r->spans[s].start;
    }
}

static void hide(struct lesson *l)
{
    bool hidden = false, unlisted = false;
    for (unsigned i = 0; i < l->words.n; i++) {
        struct tagger_word *w = &l->words.all[i];
        bool finding = l->labels[i] != LABEL_OUT;
        if (l->starts[i]) {
            hidden = chance(HIDE_FINDING);
            /* What is written small and stands in no list is no name. */
            unlisted = hidden && w->letters != TAGGER_LOWER && chance(HIDE_LISTED);
        }
        if (w->kind == TAGGER_WORD && (finding ? hidden : chance(HIDE_OTHER)))
            w->hash = w->tail = w->first = w->last = 0;
        if (w->kind == TAGGER_WORD && (finding ? unlisted : w->hash == 0 && chance(HIDE_LISTED)))
            w->lists = 0;
    }
}

static void softmax(float z[TAGGER_ROW])
{
    float top = z[0], sum = 0;
    for (unsigned k = 1; k < TAGGER_LABELS; k++)
        top = z[k] > top ? z[k] : top;
    for (unsigned k = 0; k < TAGGER_LABELS; k++)
        sum += z[k] = expf(z[k] - top);
    for (unsigned k = 0; k < TAGGER_LABELS; k++)
        z[k] /= sum;
}

/* Returns what it would have said. */
static enum tagger_label learn(const uint32_t *rows, unsigned n, enum tagger_label right)
{
    float z[TAGGER_ROW] = {0};
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < TAGGER_ROW; k++)
            z[k] += weights[rows[i]][k];
    softmax(z);
    unsigned said = 0;
    for (unsigned k = 1; k < TAGGER_LABELS; k++)
        said = z[k] > z[said] ? k : said;
    z[right] -= 1;
    for (unsigned i = 0; i < n; i++) {
        float *w = weights[rows[i]], *s = squares[rows[i]];
        if (rows[i] == 0)
            continue;
        for (unsigned k = 0; k < TAGGER_ROW; k++) {
            float g = z[k] + DECAY * w[k];
            s[k] += g * g;
            w[k] -= RATE * g / (sqrtf(s[k]) + 1e-3F);
        }
    }
    return (enum tagger_label)said;
}

static void study(struct lesson *l, bool own_past)
{
    struct tagger_past past = {.since = 100};
    tagger_cues_read(&l->words, &l->cues);
    hide(l);
    for (unsigned i = 0; i < l->words.n; i++) {
        enum tagger_label right = (enum tagger_label)l->labels[i], said = LABEL_OUT;
        if (tagger_is_worth(&l->words, &l->cues, i, &past)) {
            uint32_t rows[TAGGER_FEATURES];
            unsigned n = tagger_features_of(&l->words, &l->cues, i, &past, rows);
            said = learn(rows, n, right);
        }
        tagger_past_add(&past, own_past ? said : right);
    }
}

static void study_record(struct record *r, bool own_past)
{
    static struct lesson l;
    struct tagger_hint hints[4096];
    struct tagger_source source = {.text = r->text, .hints = hints};
    for (unsigned i = 0; i < r->n_spans && source.n_hints < 4096; i++) {
        bool labelled = label_of(r->spans[i].class, true) != LABEL_OUT;
        bool prose = r->spans[i].class == DATA_PERSON || r->spans[i].class == DATA_ADDRESS ||
                     r->spans[i].class == DATA_MEDICAL_CONDITION;
        if (!prose && chance(labelled ? HINT_LABELLED : HINT_KNOWN))
            hints[source.n_hints++] = r->spans[i];
    }
    while (tagger_words_read(&source, &model, &l.words)) {
        label(&l, r);
        study(&l, own_past);
    }
}

static void train(struct records *set)
{
    for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
        for (size_t i = set->n; i > 1; i--) {
            size_t j = draw() % i;
            struct record r = set->all[i - 1];
            set->all[i - 1] = set->all[j];
            set->all[j] = r;
        }
        for (size_t i = 0; i < set->n; i++)
            study_record(&set->all[i], epoch > 0);
        if (epoch >= EPOCHS / 2)
            for (unsigned r = 0; r < ROWS; r++)
                for (unsigned k = 0; k < TAGGER_ROW; k++)
                    mean[r][k] += weights[r][k] / (EPOCHS - EPOCHS / 2);
    }
}

static void quantize(void)
{
    float top = 1e-6F;
    for (unsigned r = 0; r < ROWS; r++)
        for (unsigned k = 0; k < TAGGER_LABELS; k++)
            top = fabsf(mean[r][k]) > top ? fabsf(mean[r][k]) : top;
    model.scale = (top < 4 ? top : 4) / 127;
    for (unsigned r = 0; r < ROWS; r++)
        for (unsigned k = 0; k < TAGGER_LABELS; k++) {
            long w = lrintf(mean[r][k] / model.scale);
            model.rows[r][k] = (int8_t)(w > 127 ? 127 : w < -127 ? -127 : w);
        }
    printf("largest weight %.2f\n", (double)top);
}

struct tally {
    unsigned found, wrong, alarms; /* alarms: in texts that are clean */
};

/* What is found in `set`, and how much of it lies outside of what is sensitive. */
static void tally(const struct records *set, enum data_profile profile,
                  struct tally ret_tallies[DATA_CLASSES])
{
    static struct tagger_decoder d;
    memset(ret_tallies, 0, DATA_CLASSES * sizeof *ret_tallies);
    for (size_t i = 0; i < set->n; i++) {
        const struct record *r = &set->all[i];
        struct tagger_source source = {.text = r->text};
        while (tagger_words_read(&source, &model, &d.words)) {
            struct tagged t;
            tagger_decode(&d, &model, profile);
            for (unsigned at = 0; tagger_decoded(&d, &at, &t);) {
                bool right = false;
                for (unsigned k = 0; k < r->n_spans; k++)
                    right |= r->spans[k].start < t.end && r->spans[k].end > t.start;
                ret_tallies[t.class].found++;
                ret_tallies[t.class].wrong += !right;
                ret_tallies[t.class].alarms += r->n_spans == 0;
            }
        }
    }
}

/* For each label, as much lean as leaves the wrong findings of its class within `wrong_max`. */
static void tune(const struct records *set, enum data_profile profile, float wrong_max,
                 float prose_least)
{
    float *lean = model.lean[profile], best[TAGGER_ROW];
    struct tally tallies[DATA_CLASSES];
    size_t clean = 0;
    for (size_t i = 0; i < set->n; i++)
        clean += set->all[i].n_spans == 0;
    for (unsigned k = 0; k < TAGGER_ROW; k++)
        best[k] = k < LABEL_PASSWORD ? prose_least : LEAN_MIN;
    for (float step = LEAN_MIN; step <= LEAN_MAX; step += LEAN_STEP) {
        for (unsigned k = 0; k < TAGGER_ROW; k++)
            lean[k] = k < LABEL_PASSWORD || step < LEAN_MAX_NUMBERS ? step : LEAN_MAX_NUMBERS;
        tally(set, profile, tallies);
        for (unsigned k = LABEL_OUT + 1; k < TAGGER_LABELS; k++) {
            const struct tally *t = &tallies[tagger_label_class((enum tagger_label)k)];
            if ((float)t->wrong <= wrong_max * (float)t->found &&
                (float)t->alarms <= wrong_max * ALARMS * (float)clean && lean[k] > best[k])
                best[k] = lean[k];
        }
    }
    memcpy(lean, best, sizeof best);
    for (unsigned k = LABEL_OUT + 1; k < TAGGER_LABELS; k++)
        printf("%s%s %.2f",
               k > 1                    ? ", "
               : profile == DATA_STRICT ? "strict: "
                                        : "balanced: ",
               data_class_name(tagger_label_class((enum tagger_label)k)), (double)lean[k]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct records set = {0}, apart = {0};
    int i = 4;
    if (argc < 5)
        die("train OUT.bin LISTS MADE_OF TRAIN.rec...");
    memcpy(model.magic, TAGGER_MAGIC, sizeof model.magic);
    snprintf(model.made_of, sizeof model.made_of, "%s", argv[3]);
    model.row_bits = TAGGER_ROW_BITS;
    model.list_bits = TAGGER_LIST_BITS;
    printf("%u words in lists\n", lists_read(argv[2]));
    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        records_read(&set, argv[i]);
    for (i++; i < argc; i++)
        records_read(&apart, argv[i]);
    train(&set);
    quantize();
    tune(&apart, DATA_BALANCED, WRONG_BALANCED, LEAST_BALANCED);
    tune(&apart, DATA_STRICT, WRONG_STRICT, LEAST_STRICT);
    FILE *out = fopen(argv[1], "wb");
    if (!out || fwrite(&model, 1, sizeof model, out) != sizeof model || fclose(out) != 0)
        die(argv[1]);
    return 0;
}
