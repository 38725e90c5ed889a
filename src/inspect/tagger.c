#include "inspect/tagger.h"

#include "inspect/tagger_decode.h"

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

/* One for each thread, so that a body of many strings does not fill its arena: nothing waits here.
 */
static _Thread_local struct tagger_decoder scratch;

bool tagger_run(struct view text, const struct tagger_hint *hints, unsigned n_hints,
                enum data_profile profile, struct arena *a, struct tagged **ret_tagged,
                unsigned *ret_n)
{
    struct collector found = {.arena = a};
    struct tagger_source source = {.text = text, .hints = hints, .n_hints = n_hints};
    struct tagger_decoder *d = &scratch;
    while (tagger_words_read(&source, &tagger_built_in, &d->words)) {
        tagger_decode(d, &tagger_built_in, profile);
        struct tagged t;
        for (unsigned at = 0; tagger_decoded(d, &at, &t);)
            if (!collect(&found, t))
                return false;
    }
    *ret_tagged = found.all;
    *ret_n = found.n;
    return true;
}
