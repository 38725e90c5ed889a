/* SHA-256 over rows: the links of a chain. One thread at a time uses a hasher. */
#pragma once

#include "ledger/row.h"

enum { CHAIN_BYTES = 32 };

struct chain_hasher {
    void *context, *method; /* OpenSSL's; made once, because making them costs more than a hash */
    struct buf bytes;       /* what is hashed; kept for the next row */
};

bool chain_hasher_init(struct chain_hasher *h);
/* Harmless for a zeroed one. */
void chain_hasher_done(struct chain_hasher *h);

/* A chain begins with the hash of its writer's row. False: no memory. */
bool chain_begin(struct chain_hasher *h, const struct row *writer, uint8_t ret_chain[CHAIN_BYTES]);
/* From the hash before `record` to the hash with it; `chain` stays as it was on failure. */
bool chain_next(struct chain_hasher *h, const struct row *record, uint8_t chain[CHAIN_BYTES]);
