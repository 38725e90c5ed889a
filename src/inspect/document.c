#include "inspect/document.h"

#include "inspect/tagger.h"
#include "inspect/values.h"
#include "inspect/wordlist.h"

#include <stdlib.h>

#define NEAR 160 /* bytes between a condition and who it belongs to */

static int by_place(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->end == y->end ? 0 : x->end > y->end ? -1 : 1;
}

/* Which of two that overlap gives its name to both together. */
static bool outranks(const struct hit *a, const struct hit *b)
{
    bool a_weak = a->evidence >= FINDING_TAGGED, b_weak = b->evidence >= FINDING_TAGGED;

    if (a_weak != b_weak)
        return b_weak;
    if ((a->evidence == FINDING_HARD) != (b->evidence == FINDING_HARD) &&
        a->end - a->start < 2 * (b->end - b->start) && b->end - b->start < 2 * (a->end - a->start))
        return a->evidence == FINDING_HARD;
    return a->end - a->start > b->end - b->start ||
           (a->end - a->start == b->end - b->start && a->confidence > b->confidence);
}

/* Sorts; what overlaps becomes one. */
static void merge(struct scan *s)
{
    unsigned n = 0;

    if (s->n_hits > 1)
        qsort(s->hits, s->n_hits, sizeof(*s->hits), by_place);
    for (unsigned i = 0; i < s->n_hits; i++) {
        struct hit h = s->hits[i];
        struct hit *last = n ? &s->hits[n - 1] : NULL;
        if (!last || h.start >= last->end) {
            s->hits[n++] = h;
            continue;
        }
        uint32_t start = last->start, end = last->end > h.end ? last->end : h.end;
        if (outranks(&h, last))
            *last = h;
        last->start = start;
        last->end = end;
    }
    s->n_hits = n;
}

static bool is_known(const struct sensitivity_options *o, uint64_t digest)
{
    unsigned low = 0, high = o->n_known;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (o->known[middle] < digest)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->n_known && o->known[low] == digest;
}

/* Whether these bytes lie in a word of the protocol; parts are in order. */
static bool on_the_wire(const struct scan *s, uint32_t start, uint32_t end)
{
    unsigned low = 0, high = s->n_parts;

    while (low < high) { /* the first part that ends behind `start` */
        unsigned middle = low + (high - low) / 2;
        if (s->parts[middle].end <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_parts && s->parts[low].wire && end <= s->parts[low].end;
}

enum { MAX_PUBLIC = 40 }; /* bytes of such a number */

/* Whether these bytes are part of a number that the world gives to faults and papers. */
static bool in_public_number(const struct scan *s, uint32_t start)
{
    static const struct view heads[] = {VIEW_LIT("CVE-"), VIEW_LIT("CWE-"), VIEW_LIT("GHSA-")};
    struct view text = scan_text(s);

    for (unsigned n = 0; n < MAX_PUBLIC && start > 0 && text.p[start - 1] > ' '; n++)
        start--;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (view_starts(view_skip(text, start), heads[i]))
            return true;
    return false;
}

static bool has_word(const struct scan *s, uint32_t start, uint32_t end)
{
    while (start < end && !is_word(s->doc.p[start]))
        start++;
    return start < end;
}

/* The tagger over bytes `from` to `to`; what is found already is shown to it. */
static bool tag(struct scan *s, uint32_t from, uint32_t to)
{
    struct tagger_hint *hints = arena_new_array(s->a, struct tagger_hint, s->n_hits + 1);
    struct tagged *tagged;
    unsigned n_hints = 0, n;

    if (!hints)
        return false;
    for (unsigned i = 0; i < s->n_hits; i++)
        if (s->hits[i].start >= from && s->hits[i].end <= to)
            hints[n_hints++] = (struct tagger_hint){s->hits[i].start - from, s->hits[i].end - from,
                                                    s->hits[i].class};
    if (!tagger_run(view_of(s->doc.p + from, to - from), hints, n_hints, s->options->profile, s->a,
                    &tagged, &n))
        return false;
    for (unsigned i = 0; i < n; i++) {
        uint32_t start = from + tagged[i].start, end = from + tagged[i].end;
        bool a_day = tagged[i].class == DATA_NATIONAL_ID && value_date(s, start, false) == end;
        if (!a_day && has_word(s, start, end) && !on_the_wire(s, start, end) &&
            !in_public_number(s, start))
            scan_hit(s, start, end, tagged[i].class, FINDING_TAGGED, tagged[i].confidence, NULL);
    }
    return true;
}

/* Strings that were read before are not read again; the others in runs, with what stands between
 * them. */
static bool tag_parts(struct scan *s)
{
    for (unsigned i = 0; i < s->n_parts;) {
        unsigned last = i;
        if (is_known(s->options, s->parts[i].digest)) {
            i++;
            continue;
        }
        while (last + 1 < s->n_parts && !is_known(s->options, s->parts[last + 1].digest))
            last++;
        if (!tag(s, s->parts[i].start, s->parts[last].end))
            return false;
        i = last + 1;
    }
    return true;
}

static bool is_identity(uint8_t class)
{
    return class == DATA_PERSON || class == DATA_MEDICAL_RECORD_NUMBER ||
           class == DATA_NATIONAL_ID || class == DATA_DATE_OF_BIRTH ||
           class == DATA_HEALTH_PLAN_ID || class == DATA_EMAIL || class == DATA_ADDRESS ||
           class == DATA_OTHER_ID;
}

/* "patient education": of patients in general. */
static bool is_general(const struct scan *s, const struct cue *cue)
{
    static const struct view things[] = {VIEW_LIT(" education"), VIEW_LIT(" information"),
                                         VIEW_LIT(" leaflet"),   VIEW_LIT(" safety"),
                                         VIEW_LIT(" portal"),    VIEW_LIT(" care"),
                                         VIEW_LIT(" data"),      VIEW_LIT(" handbook")};
    for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++)
        if (view_starts(view_skip(scan_text(s), cue->end), things[i]))
            return true;
    return false;
}

/* "a patient", "a first-year student": anybody. */
static bool is_anybody(const struct scan *s, const struct cue *cue)
{
    static const char articles[] = "a an any every each ein eine einem einer un une una uma een en";
    const char *p = s->doc.p;
    uint32_t at = cue->start;

    for (unsigned n = 0; n < 3 && at > 1 && p[at - 1] == ' '; n++) {
        uint32_t word = at - 1;
        while (word > 0 && (is_letter(p[word - 1]) || p[word - 1] == '-'))
            word--;
        if (in_wordlist(articles, view_of(p + word, at - 1 - word)))
            return true;
        at = word;
    }
    return false;
}

/* "58M", "43F" */
static bool has_age(const struct scan *s, uint32_t from, uint32_t to)
{
    const char *p = s->doc.p;

    for (uint32_t i = from + 1; i + 1 < to; i++)
        if ((p[i] == 'M' || p[i] == 'F') && is_digit(p[i - 1]) && !is_word(p[i + 1]) &&
            (i < 4 || !is_digit(p[i - 4])))
            return true;
    return false;
}

static bool on_one_line(const struct scan *s, uint32_t a, uint32_t b)
{
    return a >= b || !memchr(s->doc.p + a, '\n', b - a);
}

static bool has_somebody(const struct scan *s, const struct hit *h)
{
    for (unsigned i = scan_cue_from(s, h->start > NEAR ? h->start - NEAR : 0);
         i < s->n_cues && s->cues[i].start < h->end + NEAR; i++)
        if ((s->cues[i].kinds & CUE_BIT(SOMEBODY)) && !is_general(s, &s->cues[i]) &&
            !is_anybody(s, &s->cues[i]) && on_one_line(s, s->cues[i].end, h->start) &&
            on_one_line(s, h->end, s->cues[i].start))
            return true;
    uint32_t from = h->start > NEAR ? h->start - NEAR : 0;
    uint32_t to = h->end + NEAR < s->doc.n ? h->end + NEAR : s->doc.n;
    return has_age(s, from, to);
}

/* Conditions, special categories and medical days say nothing where nobody is meant. */
static void drop_general(struct scan *s)
{
    bool identity = false;
    unsigned n = 0;

    for (unsigned i = 0; i < s->n_hits && !identity; i++)
        identity = is_identity(s->hits[i].class);
    for (unsigned i = 0; i < s->n_hits; i++) {
        const struct hit *h = &s->hits[i];
        bool personal = h->class == DATA_MEDICAL_CONDITION || h->class == DATA_SPECIAL_CATEGORY ||
                        h->class == DATA_MEDICAL_DATE;
        if (!personal || identity || has_somebody(s, h))
            s->hits[n++] = *h;
    }
    s->n_hits = n;
}

/* The last part that begins at `at` or before it. */
static unsigned part_at(const struct scan *s, uint32_t at)
{
    unsigned low = 0, high = s->n_parts;

    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (s->parts[middle].start <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct finding finding_of(const struct scan *s, const struct hit *h, unsigned index)
{
    const struct part *part = &s->parts[index];
    uint32_t start = h->start > part->start ? h->start : part->start;
    uint32_t end = h->end < part->end ? h->end : part->end;
    struct finding f = {.class = h->class,
                        .evidence = h->evidence,
                        .confidence = h->confidence,
                        .maskable = part->maskable,
                        .sub = h->sub,
                        .value = view_of(s->doc.p + start, end - start),
                        .string = index};

    f.start = start == part->start ? part->raw : plain_raw(&s->doc, start);
    f.end = end == part->end ? part->raw_end : plain_raw_end(&s->doc, end);
    f.start = f.start < part->raw ? part->raw : f.start;
    f.end = f.end > part->raw_end ? part->raw_end : f.end;
    return f;
}

static int by_raw(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->end == y->end ? 0 : x->end > y->end ? -1 : 1;
}

static void add_finding(struct scan *s, struct finding f)
{
    void *found = s->found;

    if (f.start >= f.end || !scan_grow(s, &found, s->n_found, &s->cap_found, sizeof(*s->found)))
        return;
    s->found = found;
    s->found[s->n_found++] = f;
}

/* From the document's hits to findings of the body, in order, none over another. */
static void place(struct scan *s, struct findings *ret_findings)
{
    struct findings out = {.tagged = s->tagged};
    unsigned n = 0;

    for (unsigned i = 0; i < s->n_hits; i++)
        for (unsigned part = part_at(s, s->hits[i].start);
             part < s->n_parts && s->parts[part].start < s->hits[i].end; part++)
            if (s->parts[part].end > s->hits[i].start)
                add_finding(s, finding_of(s, &s->hits[i], part));
    if (s->n_found > 1)
        qsort(s->found, s->n_found, sizeof(*s->found), by_raw);
    for (unsigned i = 0; i < s->n_found; i++) {
        struct finding f = s->found[i];
        out.classes |= UINT32_C(1) << f.class;
        out.counts[f.class] = (uint16_t)(out.counts[f.class] + (out.counts[f.class] < UINT16_MAX));
        if (n && f.start < s->found[n - 1].end) { /* inside of what nobody may touch */
            struct finding *last = &s->found[n - 1];
            last->end = last->end > f.end ? last->end : f.end;
            last->maskable &= f.maskable;
        } else {
            s->found[n++] = f;
        }
    }
    out.all = s->found;
    out.n = n;
    out.n_strings = s->n_parts;
    out.strings = arena_new_array(s->a, struct scanned_string, s->n_parts + 1);
    if (!out.strings) {
        s->failed = true;
        return;
    }
    for (unsigned i = 0; i < s->n_parts; i++)
        out.strings[i] = (struct scanned_string){s->parts[i].digest, s->parts[i].raw,
                                                 s->parts[i].raw_end, s->parts[i].key};
    if (!s->failed)
        *ret_findings = out;
}

void document_finish(struct scan *s, struct findings *ret_findings)
{
    merge(s);
    document_open_blobs(s);
    if (!s->options->no_tagger) {
        s->tagged = tag_parts(s);
        s->failed |= !s->tagged;
        merge(s);
    }
    document_whole_addresses(s);
    merge(s);
    document_repeat_names(s);
    merge(s);
    document_pay(s);
    merge(s);
    drop_general(s);
    if (!s->failed)
        place(s, ret_findings);
}
