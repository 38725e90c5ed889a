#include "inspect/cues.h"

#include "base/utf8.h"
#include "inspect/detect.h"

#include <stdlib.h>

#define SLOTS   16384 /* a power of two, three times the phrases */
#define PHRASES 4096
#define FOLDED  40 /* of a word; longer ones are none of ours */

static const struct {
    enum cue_kind kind;
    const char *phrases;
} lists[] = {
#define CUES(kind, phrases) {CUE_##kind, phrases},
#include "inspect/conditions.def"
#include "inspect/cues.def"
#undef CUES
};

struct phrase {
    const char *text;
    uint8_t n, kind;
    uint16_t next; /* of the same slot; 0: none */
    uint16_t tag;  /* of the first word's hash */
};

struct cue_index {
    uint16_t slots[SLOTS];          /* number of a phrase; 0: none */
    struct phrase phrases[PHRASES]; /* from 1 */
    unsigned n;
};

static uint32_t hash_step(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 16777619U;
}

static unsigned slot_of(uint32_t hash)
{
    return (hash ^ hash >> 13) & (SLOTS - 1);
}

static bool add_phrase(struct cue_index *index, enum cue_kind kind, struct view text)
{
    uint32_t hash = 2166136261U;

    if (index->n + 1 >= PHRASES || text.n == 0 || text.n > UINT8_MAX)
        return false;
    for (size_t i = 0; i < text.n && text.p[i] != ' '; i++)
        hash = hash_step(hash, text.p[i]);
    uint16_t *slot = &index->slots[slot_of(hash)];
    index->phrases[++index->n] =
        (struct phrase){text.p, (uint8_t)text.n, (uint8_t)kind, *slot, (uint16_t)hash};
    *slot = (uint16_t)index->n;
    return true;
}

struct cue_index *cue_index_new(void)
{
    struct cue_index *index = calloc(1, sizeof(*index));
    bool ok = index != NULL;

    for (size_t i = 0; ok && i < sizeof(lists) / sizeof(lists[0]); i++)
        for (struct view left = view_str(lists[i].phrases); ok && left.n > 0;)
            ok = add_phrase(index, lists[i].kind, view_cut(&left, '|'));
    if (!ok) {
        free(index);
        return NULL;
    }
    return index;
}

void cue_index_free(struct cue_index *index)
{
    free(index);
}

/* The folded form of the letter at `at`; moves past it. A letter that is not Latin folds to its
 * bytes, of which the first comes back. */
static char fold_letter(struct view text, uint32_t *at)
{
    char c = text.p[*at];

    if ((signed char)c >= 0) {
        ++*at;
        return ascii_lower(c);
    }
    if (((unsigned char)c & 0xfc) == 0xc0 ||
        ((unsigned char)c >= 0xc3 && (unsigned char)c <= 0xc5)) {
        struct view v = view_skip(text, *at);
        char base = plain_base_letter(utf8_take(&v));
        if (base) {
            *at = (uint32_t)(v.p - text.p);
            return base;
        }
    }
    ++*at;
    return c;
}

/* "dateOf": a word ends where a small letter meets a capital. */
static bool is_camel(struct view text, uint32_t at)
{
    return at > 0 && is_upper(text.p[at]) && byte_is(text.p[at - 1], BYTE_LOWER);
}

/* What joins the words of a phrase; returns where the next word begins, or `at`. */
static uint32_t pass_joint(struct view text, uint32_t at)
{
    uint32_t from = at;

    if (is_camel(text, at))
        return at;
    while (at < text.n && at - from < 3 &&
           (is_joint(text.p[at]) || text.p[at] == '_' || text.p[at] == '\'' || text.p[at] == '\n'))
        at++;
    return at;
}

/* Whether `phrase` stands at `at`, and where it ends. */
static bool phrase_at(const struct phrase *phrase, struct view text, uint32_t at, uint32_t *ret_end)
{
    for (unsigned i = 0; i < phrase->n; i++) {
        if (phrase->text[i] == ' ') {
            uint32_t next = pass_joint(text, at);
            bool digit = i + 1 < phrase->n && is_digit(phrase->text[i + 1]);
            if (next == at && !is_camel(text, at) && !digit)
                return false;
            at = next;
            continue;
        }
        if (at >= text.n || fold_letter(text, &at) != phrase->text[i])
            return false;
    }
    if (at < text.n && is_letter(text.p[at]) && !is_camel(text, at))
        return false;
    *ret_end = at;
    return true;
}

static void match_slot(const struct cue_index *index, struct view text, uint32_t at, uint32_t hash,
                       struct cue *best)
{
    for (unsigned i = index->slots[slot_of(hash)]; i; i = index->phrases[i].next) {
        uint32_t end;
        if (index->phrases[i].tag != (uint16_t)hash ||
            !phrase_at(&index->phrases[i], text, at, &end) || end < best->end)
            continue;
        if (end > best->end)
            *best = (struct cue){at, end, 0};
        best->kinds |= UINT32_C(1) << index->phrases[i].kind;
    }
}

bool cue_match(const struct cue_index *index, struct view text, uint32_t at, struct cue *ret_cue)
{
    struct cue best = {.end = at};
    uint32_t hash = 2166136261U, end = at;

    for (unsigned n = 0; end < text.n && is_letter(text.p[end]) && n < FOLDED; n++) {
        if (end > at && is_camel(text, end))
            match_slot(index, text, at, hash, &best);
        bool ascii = (signed char)text.p[end] >= 0;
        hash = hash_step(hash, ascii ? (char)(text.p[end++] | 0x20) : fold_letter(text, &end));
    }
    match_slot(index, text, at, hash, &best);
    if (best.end == at)
        return false;
    *ret_cue = best;
    return true;
}

static void add_cue(struct scan *s, struct cue cue)
{
    void *cues = s->cues;

    if (!scan_grow(s, &cues, s->n_cues, &s->cap_cues, sizeof(*s->cues)))
        return;
    s->cues = cues;
    s->cues[s->n_cues++] = cue;
}

/* "9aba6f": letters between the digits of a hash are no word. */
static bool is_part_of_code(struct view text, const struct cue *cue)
{
    bool short_word = cue->end - cue->start <= 3;
    return (cue->start > 0 && is_digit(text.p[cue->start - 1])) ||
           (short_word && cue->end < text.n && is_digit(text.p[cue->end]));
}

void detect_cues(struct scan *s)
{
    struct view text = scan_text(s);

    for (uint32_t at = 0; at < text.n && !s->failed;) {
        struct cue cue;
        if (!is_letter(text.p[at])) {
            at++;
            continue;
        }
        if (cue_match(s->s->cues, text, at, &cue) && !is_part_of_code(text, &cue)) {
            add_cue(s, cue);
            at = cue.end;
            continue;
        }
        do
            at++;
        while (at < text.n && is_letter(text.p[at]) && !is_camel(text, at));
    }
}

unsigned scan_cue_from(const struct scan *s, uint32_t at)
{
    unsigned low = 0, high = s->n_cues;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (s->cues[middle].start < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct cue *scan_cue_before(const struct scan *s, uint32_t at, uint32_t kinds, uint32_t reach)
{
    for (unsigned i = scan_cue_from(s, at); i > 0; i--) {
        const struct cue *cue = &s->cues[i - 1];
        if (at - cue->start > reach + 40)
            return NULL;
        if ((cue->kinds & kinds) && cue->end <= at && at - cue->end <= reach)
            return cue;
    }
    return NULL;
}
