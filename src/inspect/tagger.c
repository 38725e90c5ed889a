#include "inspect/tagger.h"

#include "inspect/tagger_decode.h"

#include <stdlib.h>

#define TAGGED_ROOM 16 /* at first */

struct collector {
    struct tagged *all;
    unsigned n, room;
    struct arena *arena;
};

static bool collect(struct collector *c, struct tagged t)
{
    if (c->n == c->room) {
        unsigned room = c->room ? 2 * c->room : TAGGED_ROOM;
        struct tagged *all = arena_new_array(c->arena, struct tagged, room);
        if (!all)
            return false;
        if (c->n)
            memcpy(all, c->all, c->n * sizeof *all);
        c->all = all;
        c->room = room;
    }
    c->all[c->n++] = t;
    return true;
}

static bool run(struct tagger_decoder *d, struct tagger_source *source, enum data_profile profile,
                struct collector *found)
{
    struct tagged t;

    while (tagger_words_read(source, &tagger_built_in, &d->words)) {
        tagger_decode(d, &tagger_built_in, profile);
        for (unsigned at = 0; tagger_decoded(d, &at, &t);)
            if (!collect(found, t))
                return false;
    }
    return true;
}

bool tagger_run(struct view text, const struct tagger_hint *hints, unsigned n_hints,
                enum data_profile profile, struct arena *a, struct tagged **ret_tagged,
                unsigned *ret_n)
{
    struct collector found = {.arena = a};
    struct tagger_source source = {.text = text, .hints = hints, .n_hints = n_hints};
    /* Too large for a task's stack, and not the arena's: a body of many strings would fill it. */
    struct tagger_decoder *d = calloc(1, sizeof(*d));
    bool ok = d && run(d, &source, profile, &found);

    free(d);
    if (!ok)
        return false;
    *ret_tagged = found.all;
    *ret_n = found.n;
    return true;
}
