/*
 * A question of Weir's own to one candidate, answered whole: a step on the way to an answer, such
 * as the digest and the draft of a split. It passes what every attempt passes - the node's breaker,
 * the gate, the deadline - and is told of in the ledger with its purpose, tokens and cost.
 */
#pragma once

#include "gateway/exchange.h"
#include "llm/neutral.h"

struct ask {
    const struct plan_candidate *candidate;
    const struct llm_neutral *request; /* not streamed */
    const char *purpose;
    bool own; /* a question of Weir's own making: the client's head does not go along */
};

/* The answer's text, in the arena. False with x->error: nobody answered, or with something that is
 * no text (a tool call, nothing). */
bool ask_candidate(struct exchange *x, const struct ask *ask, struct arena *a,
                   struct view *ret_text) MUST_CHECK;
