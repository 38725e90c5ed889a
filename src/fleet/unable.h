/*
 * Models of backends that were found unable to go on with a text, for a while: they refused it, or
 * began anew. Any thread may ask and tell; what does not fit replaces what is older.
 */
#pragma once

#include "base/view.h"

#include <stdatomic.h>

#define UNABLE_MAX 64

struct unable {
    struct unable_entry {
        _Atomic(uint64_t) who; /* a hash of backend and model; 0: nobody */
        _Atomic(int64_t) until_ns;
    } entries[UNABLE_MAX];
};

void unable_set(struct unable *u, struct view backend, struct view model, int64_t until_ns);
bool unable_is(const struct unable *u, struct view backend, struct view model, int64_t now_ns);
