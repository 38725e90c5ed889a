/*
 * The verifier: walks the rows of a proof once, checks every link and every signature, and says
 * what is wrong, and where. It needs public keys and, to see a cut tail or an old file, an anchor;
 * it holds no more than one row.
 */
#pragma once

#include "ledger/anchors.h"
#include "ledger/proof.h"
#include "ledger/proof_answer.h"

enum { VERIFY_FINDINGS = 100, VERIFY_NOTES = 100 };

struct verify_place {
    int64_t writer, opened_ms; /* writer 0: the ledger as a whole */
    int64_t seq;               /* of the record; 0: the chain as a whole */
    int64_t id;                /* the record's; 0: not known */
    char name[96];             /* of the writer */
    char text[240];
};

struct verify_result {
    int64_t writers, records, checkpoints;
    int64_t unsigned_records;                      /* behind the last checkpoint of their chain */
    int64_t old_records;                           /* from before the first chain: not proven */
    int64_t removed;                               /* by retention, as signed stubs say */
    int64_t n_findings;                            /* 0: proven */
    struct verify_place findings[VERIFY_FINDINGS]; /* the first of them */
    unsigned n_notes;
    struct verify_place notes[VERIFY_NOTES]; /* worth knowing, but no fault */
    struct proof_answer *answer;
};

/* `anchors` may be NULL. False: the source could not be read to its end. The caller owns
 * `answer`. */
bool verify_proof(struct proof_source *source, const struct ledger_key_ring *ring,
                  struct anchors *anchors, struct proof_answer *answer,
                  struct verify_result *ret_result, struct error *err) MUST_CHECK;
