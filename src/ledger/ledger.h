/*
 * The ledger: a SQLite file (WAL). One writer thread takes what came together since its last
 * commit and writes it as one transaction (group commit); another connection does the checkpoints,
 * so that none stalls an answer.
 *
 * Promise: when a record's `done` has been called with true, the record survives kill -9 (with
 * sync: full also a power loss). When the file cannot be written the ledger is `failing`: commits
 * are answered false at once, it tries again each second and recovers by itself.
 *
 * The records of a process form a chain of hashes, signed each second (sealer.h, docs/proof.md).
 *
 * ledger_submit() may be called from any thread. `done` runs on the writer thread: it must be
 * short and must not block (it wakes whoever waits).
 */
#pragma once

#include "base/error.h"
#include "ledger/anchor.h"
#include "ledger/record.h"

struct ledger;
struct ledger_commit;

/* Called once, on the writer thread. A record whose id stands in the file already is answered with
 * false, without harm to the others. */
typedef void ledger_done_fn(struct ledger_commit *commit, bool committed);

/* One submission; the submitter owns it and keeps it alive until `done` was called. */
struct ledger_commit {
    struct ledger_commit *next;         /* the ledger's */
    const struct ledger_record *record; /* alive until `done` */
    ledger_done_fn *done;
};

struct ledger_options {
    struct view path;
    enum ledger_sync sync;
    struct view key; /* the file with the key that signs; empty: the path with ".key" behind it */
    struct anchor_options anchor;
};

/* Opens or creates the file and its key, repairs nothing: an unreadable file is an error that says
 * what to do. */
struct ledger *ledger_open(const struct ledger_options *options, struct error *err) MUST_CHECK;
/* Writes what is queued, signs the end of the chain and closes. Accepts NULL. */
void ledger_close(struct ledger *l);

/* Queues without waking the writer: ledger_flush() does. A loop calls it once a turn, so that all
 * records of a turn share one transaction. */
void ledger_submit(struct ledger *l, struct ledger_commit *commit);
void ledger_flush(struct ledger *l);

/* Written with the next commit, and kept until one succeeds; copied at once. ledger_flush() wakes
 * the writer for hours too. */
void ledger_add_node_hours(struct ledger *l, const struct ledger_node_hours *hours);

/* True while the file takes no writes; `err` says why when not NULL. */
bool ledger_failing(struct ledger *l, struct error *err);

/* Rising, unique in this process and after a restart: milliseconds since the epoch x 2^20 + a count
 * that begins at a number of each process's own. Any thread. */
int64_t ledger_next_id(void);

/* The keyed digest (HMAC-SHA256, hex) of bytes that leave, for ledger_record.sent. Any thread. */
enum { LEDGER_DIGEST_HEX = 65 };
bool ledger_sent_digest(const struct ledger *l, struct view bytes,
                        char ret_hex[LEDGER_DIGEST_HEX]) MUST_CHECK;

/* The newest checkpoint as an anchor's line (anchor.h), for whoever tells it to somebody else.
 * False: there is none beyond what `*seen` (0 at first) stands for. Any thread. */
bool ledger_anchor(struct ledger *l, uint64_t *seen, struct buf *out) MUST_CHECK;

struct ledger_stats {
    uint64_t committed, lost, transactions, anchor_failures;
};
struct ledger_stats ledger_stats(struct ledger *l);
