/* One attempt: one request to one node, and what becomes of its answer. */
#pragma once

#include "gateway/exchange.h"

enum attempt_outcome {
    ATTEMPT_ANSWERED,
    ATTEMPT_NEXT,       /* another node may be asked, of this candidate or the next one */
    ATTEMPT_NEXT_MODEL, /* only another candidate may */
    ATTEMPT_BROKEN,     /* its stream broke after the client got its first bytes */
    ATTEMPT_LOST,       /* of two at the same time the other one answers (race.h) */
    ATTEMPT_FINAL,      /* nobody else is asked; x->error says why, if the client is to be told */
};

/* Asks the node, delivers what it answers, and tells the node's breaker and the record. */
enum attempt_outcome attempt_node(struct exchange *x, const struct plan_candidate *candidate,
                                  struct node *node);
