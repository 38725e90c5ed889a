#include "inspect/own.h"

#include "inspect/detect.h"
#include "inspect/pattern.h"

#include <stdlib.h>

struct own {
    struct view *words;
    unsigned n_words;
    struct pattern **patterns;
    unsigned n_patterns;
};

static bool copy_words(struct own *to, const struct sensitivity_own *own)
{
    to->words = calloc(own->n_words + 1, sizeof(*to->words));
    for (; to->words && to->n_words < own->n_words; to->n_words++) {
        struct view word = own->words[to->n_words];
        char *p = malloc(word.n + 1);
        if (!p)
            return false;
        memcpy(p, word.p, word.n);
        to->words[to->n_words] = view_of(p, word.n);
    }
    return to->words != NULL;
}

static bool compile(struct own *to, const struct sensitivity_own *own, struct error *err)
{
    to->patterns = calloc(own->n_patterns + 1, sizeof(*to->patterns));
    for (; to->patterns && to->n_patterns < own->n_patterns; to->n_patterns++)
        if (!(to->patterns[to->n_patterns] = pattern_new(own->patterns[to->n_patterns], err)))
            return false;
    return to->patterns || error_set(err, ERROR_NO_MEMORY, "no memory for the patterns");
}

struct own *own_new(const struct sensitivity_own *own, struct error *err)
{
    struct own *made = calloc(1, sizeof(*made));

    if (!made || !copy_words(made, own))
        error_set(err, ERROR_NO_MEMORY, "no memory for the words of sensitivity");
    else if (compile(made, own, err))
        return made;
    own_free(made);
    return NULL;
}

void own_free(struct own *own)
{
    if (!own)
        return;
    for (unsigned i = 0; i < own->n_words; i++)
        free((char *)(uintptr_t)own->words[i].p);
    for (unsigned i = 0; i < own->n_patterns; i++)
        pattern_free(own->patterns[i]);
    free(own->words);
    free(own->patterns);
    free(own);
}

static void find_pattern(struct scan *s, const struct pattern *pattern)
{
    struct pattern_search *search = pattern_search_new(pattern, s->a);
    size_t start, end;

    s->failed |= search == NULL;
    for (size_t at = 0; !s->failed && pattern_find(search, scan_text(s), at, &start, &end);
         at = end)
        scan_hit(s, (uint32_t)start, (uint32_t)end, DATA_CONFIDENTIAL, FINDING_OWN, 100, "pattern");
}

void detect_own(struct scan *s)
{
    const struct own *own = s->s->own;
    struct view text = scan_text(s);

    for (unsigned i = 0; own && i < own->n_patterns; i++)
        find_pattern(s, own->patterns[i]);
    for (unsigned i = 0; own && i < own->n_words; i++) {
        struct view word = own->words[i];
        for (size_t at = 0, hit; word.n > 0 && at < text.n; at += hit + word.n) {
            hit = view_find_nocase(view_skip(text, at), word);
            if (hit == VIEW_NPOS)
                break;
            size_t start = at + hit, end = start + word.n;
            if ((start == 0 || !is_word(text.p[start - 1])) && !is_word(text.p[end]))
                scan_hit(s, (uint32_t)start, (uint32_t)end, DATA_CONFIDENTIAL, FINDING_OWN, 100,
                         "word");
        }
    }
}
