/*
 * Again after a pause: what becomes of a request when nobody in its plan answered.
 *
 * Another round follows where it may help: shortly after a failure that may pass, at the time that
 * a node asked for, or when an engine has loaded. One deadline covers all of it, nothing has
 * reached the client, and whoever was asked before draws on the fleet's retry budget.
 */
#pragma once

#include "gateway/exchange.h"

/* `rounds` of one exchange; zero at first. */
struct rounds {
    unsigned over;
    unsigned first_attempt;             /* of this round */
    uint8_t asked[PLAN_MAX_CANDIDATES]; /* nodes of each candidate, in this round */
    int64_t loading_until_ns;           /* of the wait for an engine; 0: none yet */
    int64_t again_ns;                   /* when somebody may be asked again; TIMER_NEVER: unknown */
    bool exhausted;                     /* the retry budget was used up */
};

/* Tells that an attempt failed for x->error. */
void rounds_note_failure(struct exchange *x, int status, int64_t retry_after_ms);

/* Whether one more node of candidate `i` may be asked in this round: two are free, so that one dead
 * node costs nobody an answer; each after that is a retry. */
bool rounds_may_ask(struct exchange *x, struct rounds *r, unsigned i);

/* Waits for the next round. False: there is none (`r` says what is left to say), or the client left
 * (then that is the error). */
bool rounds_again(struct exchange *x, struct rounds *r);
