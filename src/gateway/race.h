/*
 * Two attempts at the same time: whoever is first with content answers the client.
 *
 * The exchange's task is the referee. Each attempt runs in a task of its own on the same loop, and
 * over an exchange of its own: the first over the exchange itself, the second over a copy with
 * books of its own. At the commit point (race_claim()) the first one there wins; the other is
 * cancelled and has unwound before the winner goes on, because the winner gives back what both are
 * sent from. The referee passes a client's leaving on to both, takes the winner's exchange over and
 * books what the other one cost.
 */
#pragma once

#include "gateway/attempt_node.h"

struct race_runner {
    struct race *race;
    struct exchange *x;
    const struct plan_candidate *candidate;
    struct node *node;
    struct task *task; /* NULL: it never began */
    enum attempt_outcome outcome;
    bool over;
};

/* Lives on the referee's stack, from race_begin() to race_end(). */
struct race {
    struct race_runner first, second;
    struct race_runner *winner; /* NULL: nobody has content yet */
    struct task *referee;
    struct task *claimant; /* waits until the other one has unwound */
};

/* ---- for the referee ------------------------------------------------------------------------- */

/* Begins the first attempt. False: no memory, and there is no race. */
bool race_begin(struct race *race, struct exchange *x, const struct plan_candidate *candidate,
                struct node *node) MUST_CHECK;
/* Waits until then at most. True: the first attempt still runs and has no content. */
bool race_is_open(struct race *race, int64_t until_ns) MUST_CHECK;
/* Begins the second attempt. False: no memory, the first one runs on alone. */
bool race_join(struct race *race, const struct plan_candidate *candidate,
               struct node *node) MUST_CHECK;
/* Waits for all that runs. What has become of both is what has become of the one attempt that the
 * exchange asked for. */
enum attempt_outcome race_end(struct race *race);

/* ---- for an attempt -------------------------------------------------------------------------- */

/* Its answer is about to reach the client. False: another attempt was faster, and this one ends
 * (x->error). True at once where there is no other. */
bool race_claim(struct exchange *x) MUST_CHECK;
/* Another attempt has claimed the answer. */
bool race_lost(const struct exchange *x);
