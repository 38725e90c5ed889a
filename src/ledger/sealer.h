/*
 * The writer's side of the proof: it opens a chain, links each record to it, and signs where the
 * chain stands, at least each second while records come and at the end. All of it belongs to the
 * transaction that is open, so the file never holds a record without its link.
 */
#pragma once

#include "ledger/chain.h"
#include "ledger/key.h"
#include "ledger/record_row.h"
#include "ledger/store.h"

struct sealer_state {
    int64_t writer; /* 0: the chain is not open; the next record opens it */
    int64_t opened_ms, opened_up_ms;
    int64_t seq, n;     /* records, checkpoints */
    int64_t signed_seq; /* of the last checkpoint */
    int64_t signed_ns;  /* when it was, monotonic; 0: there is none, the first record has its own */
    uint8_t chain[CHAIN_BYTES];
};

struct sealer {
    const struct ledger_key *key; /* the owner's */
    char name[160];               /* this machine and process */
    int64_t old_records, old_id;  /* of a file without a chain: what was there before */
    struct chain_hasher hasher;
    struct buf bytes;
    struct row row;                         /* the record or seal at work */
    uint8_t signature[KEY_SIGNATURE_BYTES]; /* of a seal */
    struct sealer_state now, kept;
};

/* Counts what is in the file where nobody opened a chain yet, which takes a while for a large one.
 */
bool sealer_init(struct sealer *s, const struct ledger_key *key, struct store *store,
                 struct error *err) MUST_CHECK;
/* Harmless for a zeroed one. */
void sealer_done(struct sealer *s);

/* Beside the store's transaction. */
void sealer_begin(struct sealer *s);
void sealer_rollback(struct sealer *s);
/* After a failure of the file nobody knows what it kept: the next record opens a new chain. */
void sealer_leave(struct sealer *s);

/* In a transaction. */
enum store_result sealer_add(struct sealer *s, struct store *store,
                             const struct ledger_record *record, struct error *err);
/* Signs where the chain stands. `last`: nothing comes after it. The row is in s->row then, until
 * the next call. */
bool sealer_checkpoint(struct sealer *s, struct store *store, bool last,
                       struct error *err) MUST_CHECK;

/* When a checkpoint is due, monotonic; INT64_MAX: all is signed. */
int64_t sealer_due_ns(const struct sealer *s);

/* Signs a row: its last column is its signature then, whose bytes are in `signature`. */
bool sealer_sign(const struct ledger_key *key, struct buf *bytes, struct row *row,
                 uint8_t signature[KEY_SIGNATURE_BYTES], struct error *err) MUST_CHECK;
