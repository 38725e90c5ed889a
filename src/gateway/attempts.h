/* What the ledger is told of each attempt: one JSON object, in the order in which they were made.
 */
#pragma once

#include "gateway/exchange.h"

/* Of one exchange, those of its steps with them. */
enum { ATTEMPTS_MAX = 16 };

struct attempt_note {
    const struct plan_candidate *candidate;
    const struct node *node;
    struct view outcome; /* "ok", or the error's wire name */
    const char *purpose; /* of a step of a split: "digest", "draft"; NULL: to answer the client */
    int64_t ms;
    int status;                    /* 0: no answer came */
    const struct llm_usage *usage; /* of a step, which no column tells; NULL otherwise */
};

void attempts_add(struct exchange *x, const struct attempt_note *note);
