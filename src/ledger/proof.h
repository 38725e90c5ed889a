/*
 * What a proof is made of, as a stream of rows: for each writer in the order of their beginnings
 * its opening, the stub of what was removed, and its records and checkpoints in the order of the
 * chain. It comes from a ledger's file or from an export of one; neither is held in memory.
 *
 * An export is a text of JSON lines: {"weir_proof":1,"made_ms":N}, then {"writer":{...}},
 * {"stub":{...}}, {"record":{...}}, {"checkpoint":{...}}, {"old":{...}}, and {"end":{"lines":N}}.
 */
#pragma once

#include "base/error.h"
#include "ledger/row.h"

#include <stdio.h>

enum proof_step {
    PROOF_ROW,
    PROOF_OLD, /* rows that are in no chain: older than the chains, or forged */
    PROOF_END,
    PROOF_FAILED, /* err says why */
};

struct proof_source;

/* The views of the row live until the next call. */
typedef enum proof_step proof_next_fn(struct proof_source *source, struct error *err);

struct proof_source {
    proof_next_fn *next;
    void (*close)(struct proof_source *source);
    struct row row;              /* PROOF_ROW */
    int64_t old_records, old_id; /* PROOF_OLD: how many, the newest of them */
};

/* A ledger's file or an export, whichever stands there. */
struct proof_source *proof_open(const char *path, struct error *err) MUST_CHECK;
/* One of the two. */
struct proof_source *proof_open_file(const char *path, struct error *err) MUST_CHECK;
struct proof_source *proof_open_text(FILE *f, struct error *err) MUST_CHECK; /* takes `f` over */
void proof_close(struct proof_source *source);                               /* accepts NULL */

/* Writes all that a source gives as an export. */
bool proof_export(struct proof_source *source, int64_t made_ms, FILE *out,
                  struct error *err) MUST_CHECK;
