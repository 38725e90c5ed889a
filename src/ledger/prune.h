/*
 * Retention: whole checkpointed spans at the front of each chain are removed, and a signed stub
 * says what was there. What does not verify is not removed. A gateway may write meanwhile: the file
 * is changed in small pieces.
 */
#pragma once

#include "ledger/key.h"

struct prune_result {
    int64_t records, old_records, spans; /* removed: of chains, from before them; checkpoints */
};

/* Removes what was signed before `before_ms`. The result counts also what an error interrupted. */
bool prune_ledger(const char *path, const struct ledger_key *key, int64_t before_ms,
                  struct prune_result *ret_result, struct error *err) MUST_CHECK;
