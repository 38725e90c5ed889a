/*
 * Kept answers: the turns of conversations that a client goes on with by the id of an answer.
 *
 * They live in this process's memory only, bounded in bytes and in time, and are wiped when they
 * go. A turn holds what was new in it and a reference to the turn before, so a conversation is kept
 * once however long it is. All loops share the store; its lock is held for a few instructions.
 */
#pragma once

#include "base/list.h"
#include "base/view.h"

#include <pthread.h>
#include <stdatomic.h>

struct answers;

/* One turn: a request's input, and once it is kept the answer to it. Its texts do not change then
 * and may be read without a lock by whoever holds a reference. */
struct answer {
    struct answer *before; /* what it goes on from, with a reference; NULL: a conversation begins */
    struct view key;       /* the name of the caller whose it is */
    struct view id;
    struct view input;  /* what the request brought: items, raw, with commas between them */
    struct view object; /* the answer as the client saw it; empty: it was too long to be kept */
    struct view output; /* its items as the input of a next request */
    size_t whole;       /* bytes of this turn and all before it */
    /* the store's own */
    struct answers *owner;
    char *said; /* the memory of `object` and `output` */
    size_t size, said_size;
    size_t counted; /* of the store's bytes */
    struct list by_use;
    struct answer *next; /* in its bucket */
    int64_t used_ns;
    atomic_uint refs;
};

#define ANSWERS_BUCKETS 4096

struct answers {
    pthread_mutex_t mutex;
    struct list by_use; /* the least recently used first */
    struct answer *buckets[ANSWERS_BUCKETS];
    _Atomic(size_t) bytes,
        max_bytes; /* of everything kept, turns that others go on from included */
    _Atomic(int64_t) keep_ns;
};

/* Until answers_limit() nothing is kept. */
void answers_init(struct answers *s);
/* Wipes all. Turns that somebody still holds go with their last reference. */
void answers_done(struct answers *s);

/* How much is kept, and for how long after it was last used. 0 bytes: nothing any more. What is
 * beyond the new limits is wiped now. */
void answers_limit(struct answers *s, size_t max_bytes, int64_t keep_ns, int64_t now_ns);
void answers_expire(struct answers *s, int64_t now_ns);

/* A turn that is not kept yet, with one reference for the caller. The texts are copied; `before`
 * gets a reference of its own. NULL without memory. */
struct answer *answer_new(struct answers *s, struct answer *before, struct view key, struct view id,
                          struct view input);
/* One reference more. Both take NULL. */
struct answer *answer_ref(struct answer *a);
void answer_unref(struct answer *a);

/* Keeps the turn with its answer (`object` is not empty; `output` may lie in it), at the price of
 * those that were not used for longest. Of a conversation that is longer than the limit only the id
 * is kept, so that whoever asks for it can be told. Without memory nothing is. */
void answers_keep(struct answers *s, struct answer *a, struct view object, struct view output,
                  int64_t now_ns);

/* The caller's own answer with that id, with a reference; NULL: there is none (any more). */
struct answer *answers_find(struct answers *s, struct view key, struct view id, int64_t now_ns);
/* Forgets it; false: there was none. A later turn that goes on from it still holds its texts. */
bool answers_drop(struct answers *s, struct view key, struct view id, int64_t now_ns);
