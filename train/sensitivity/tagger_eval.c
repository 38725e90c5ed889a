/*
 * What a model of the tagger finds by itself in the records of prepare.py:
 *
 *     tagger_eval [--strict] [--hints] [--misses] MODEL.bin FILE.rec...
 *
 * A range is covered when each of its letters and digits lies in a finding of any class. A text
 * without ranges is clean: any finding in it is a false alarm. --hints gives the ranges that the
 * tagger has no label for as hints. --misses prints what was not covered, and the false alarms.
 */
#include "inspect/tagger_decode.h"
#include "records.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct count {
    unsigned all, covered, typed, found, wrong;
};

static struct tagger_model model;
static struct count counts[DATA_CLASSES];
static unsigned clean, alarmed;
static bool strict, with_hints, misses;

static void model_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fread(&model, 1, sizeof model, f) != sizeof model)
        die(path);
    fclose(f);
}

static bool is_labelled(unsigned class)
{
    for (unsigned k = LABEL_OUT + 1; k < TAGGER_LABELS; k++)
        if (tagger_label_class((enum tagger_label)k) == class)
            return true;
    return false;
}

static void show(const char *what, const struct record *r, uint32_t start, uint32_t end, unsigned c)
{
    uint32_t from = start < 40 ? 0 : start - 40;
    uint32_t to = end + 40 < r->text.n ? end + 40 : (uint32_t)r->text.n;
    printf("%s %s [", what, data_class_name((enum data_class)c));
    for (uint32_t i = from; i < to; i++) {
        if (i == start || i == end)
            fputs(i == start ? "<<" : ">>", stdout);
        putchar(r->text.p[i] == '\n' ? ' ' : r->text.p[i]);
    }
    printf("%s] %s\n", to == end ? ">>" : "", r->source);
}

/* `by` has for each byte the class that was found there, plus one. */
static void judge(const struct record *r, const uint8_t *by)
{
    for (unsigned i = 0; i < r->n_spans; i++) {
        const struct tagger_hint *s = &r->spans[i];
        bool covered = true, typed = true;
        for (uint32_t k = s->start; k < s->end; k++) {
            if (!isalnum((unsigned char)r->text.p[k]) && (unsigned char)r->text.p[k] < 0x80)
                continue;
            covered &= by[k] != 0;
            typed &= by[k] == s->class + 1;
        }
        counts[s->class].all++;
        counts[s->class].covered += covered;
        counts[s->class].typed += typed;
        if (misses && !covered && is_labelled(s->class))
            show("missed", r, s->start, s->end, s->class);
    }
}

static void judge_finding(const struct record *r, const struct tagged *t)
{
    bool right = false;
    for (unsigned i = 0; i < r->n_spans; i++)
        right |= r->spans[i].start < t->end && r->spans[i].end > t->start;
    counts[t->class].found++;
    counts[t->class].wrong += !right;
    if (misses && !right)
        show("false ", r, t->start, t->end, t->class);
}

static void evaluate(const struct record *r)
{
    static struct tagger_decoder d;
    struct tagger_hint *hints = calloc(r->n_spans + 1, sizeof *hints);
    struct tagger_source source = {.text = r->text, .hints = hints};
    uint8_t *by = calloc(r->text.n + 1, 1);
    unsigned found = 0;
    if (!hints || !by)
        die("memory");
    for (unsigned i = 0; with_hints && i < r->n_spans; i++)
        if (!is_labelled(r->spans[i].class))
            hints[source.n_hints++] = r->spans[i];
    while (tagger_words_read(&source, &model, &d.words)) {
        struct tagged t;
        tagger_decode(&d, &model, strict ? DATA_STRICT : DATA_BALANCED);
        for (unsigned at = 0; tagger_decoded(&d, &at, &t); found++) {
            memset(by + t.start, t.class + 1, t.end - t.start);
            judge_finding(r, &t);
        }
    }
    judge(r, by);
    clean += r->n_spans == 0;
    alarmed += r->n_spans == 0 && found;
    free(hints);
    free(by);
}

static double share(unsigned part, unsigned of)
{
    return of ? 100.0 * part / of : 0;
}

int main(int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        strict |= strcmp(argv[i], "--strict") == 0;
        with_hints |= strcmp(argv[i], "--hints") == 0;
        misses |= strcmp(argv[i], "--misses") == 0;
    }
    if (i + 1 >= argc)
        die("tagger_eval MODEL.bin FILE.rec...");
    model_read(argv[i++]);
    for (; i < argc; i++) {
        struct records set = {0};
        memset(counts, 0, sizeof counts);
        clean = alarmed = 0;
        records_read(&set, argv[i]);
        for (size_t k = 0; k < set.n; k++)
            evaluate(&set.all[k]);
        printf("%s: %zu texts; %u clean, of those %u with a finding (%.1f %%)\n", argv[i], set.n,
               clean, alarmed, share(alarmed, clean));
        for (unsigned c = 0; c < DATA_CLASSES; c++)
            if (is_labelled(c) && (counts[c].all || counts[c].found))
                printf("  %-22s %5u: covered %5.1f %%, as this class %5.1f %%; %5u findings, of "
                       "those outside %5.1f %%\n",
                       data_class_name((enum data_class)c), counts[c].all,
                       share(counts[c].covered, counts[c].all),
                       share(counts[c].typed, counts[c].all), counts[c].found,
                       share(counts[c].wrong, counts[c].found));
    }
    return 0;
}
