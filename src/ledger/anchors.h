/*
 * Anchors as a verifier reads them: a text whose lines hold {"anchor":{...}} somewhere - a file
 * that Weir appended to, or what syslog made of it. Of each writer the last one counts: its hash
 * covers all that came before.
 */
#pragma once

#include "ledger/chain.h"
#include "ledger/key.h"

struct anchor_seen {
    int64_t writer, n, seq, time_ms;
    uint8_t chain[CHAIN_BYTES];
    bool used; /* the verifier's: its writer stands in the ledger */
};

struct anchors {
    struct anchor_seen *all; /* rising by writer */
    unsigned n, room;
};

/* Fails for a file that cannot be read or holds no anchor, and for a line that none of the keys
 * signed. */
bool anchors_load(const char *path, const struct ledger_key_ring *ring, struct anchors *ret_anchors,
                  struct error *err) MUST_CHECK;
void anchors_done(struct anchors *a);
struct anchor_seen *anchors_find(struct anchors *a, int64_t writer);
