/* What a failed attempt speaks against. */
#pragma once

#include "gateway/exchange.h"

enum blame {
    BLAME_NODE,
    BLAME_REQUEST, /* the node lacks the model or the endpoint */
    BLAME_KEY,     /* what Weir's own key may do there, or the account behind it */
};

/* Tells the node (its breaker, when it is the node's fault) and the log of x->error, which may fail
 * over. `status`: of the answer, 0 when none came; `retry_after_ms` 0: the node said nothing. */
enum blame blame_failure(struct exchange *x, struct node *n, int status, int64_t retry_after_ms);
