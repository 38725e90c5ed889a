/*
 * Conversations of the Responses dialect that Weir keeps itself: a request that names a former
 * answer becomes one that holds all that was said, whoever answers it.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "gateway/answers.h"

struct conversation_keeper {
    struct answers *answers;
    struct view key; /* the caller's name */
    size_t max_body; /* of a whole conversation */
};

/* Puts the former turns into `*body` (in the arena then) and begins the turn that this request
 * makes, with the id that its answer shall have; NULL when the client does not want it kept.
 * Refuses a former answer that is not kept (any more), or is somebody else's. Any thread. */
bool conversation_begin(const struct conversation_keeper *keeper, struct arena *a,
                        struct view *body, struct answer **ret_turn, struct error *err) MUST_CHECK;
