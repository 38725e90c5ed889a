/* Ledgers with chains and an anchor, and the verifier's word on them. */
#pragma once

#include "fixture.h"

#include "ledger/proof.h"
#include "ledger/sealer.h"
#include "ledger/verify.h"

enum { PROOF_RECORDS = 12 };

extern char proof_key_path[96], proof_anchor_path[96], proof_copy_path[96], proof_export_path[96];
extern struct verify_result proof_verified; /* of the last proof_verify() */

int proof_setup(void **state);
int proof_teardown(void **state);

/* A ledger with an anchor in the fixture's folder. */
struct ledger *proof_open_anchored(void);
/* A record with something of everything, unlike the others. */
struct ledger_record proof_odd_record(int i);
void proof_write_records(struct ledger *l, int n);
/* One writer's life: PROOF_RECORDS records. */
void proof_ledger(void);
void proof_copy(const char *from, const char *to);

/* Without an anchor where it is NULL. The answer lives until the next call. */
const struct verify_result *proof_verify(const char *path, const char *anchor);
void proof_assert_proven(const struct verify_result *r);

/* Makes all hashes again behind what was changed, and signs them where there is a key. */
void proof_make_again(const struct ledger_key *key);
