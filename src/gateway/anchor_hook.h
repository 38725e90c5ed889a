/*
 * Tells the ledger's checkpoints to a webhook (`ledger.anchor_webhook`): one more place outside of
 * this machine's reach that knows how far the history went.
 *
 * The newest checkpoint is told, at most one a second; while the webhook does not answer with a 2xx
 * it is tried again, with growing pauses, always with the newest one. No request waits for it. What
 * the ledger signs at its very end is told by nobody: the loops have stopped then.
 */
#pragma once

#include "gateway/gateway.h"

struct anchor_hook;

/* Runs as a task on the loop until it is stopped. NULL in `ret_hook` where no webhook is
 * configured. */
bool anchor_hook_start(struct gateway *g, const struct config *c, struct loop *l,
                       struct anchor_hook **ret_hook, struct error *err) MUST_CHECK;
/* Ends the task, soon. On its loop. Accepts NULL. */
void anchor_hook_stop(struct anchor_hook *h);
/* Behind the loops' end. Accepts NULL. */
void anchor_hook_free(struct anchor_hook *h);
