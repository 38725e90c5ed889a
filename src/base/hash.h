/*
 * A fast hash for tables, with a key drawn once at start so that nobody outside can choose
 * collisions. Not for proofs or secrets: those use SHA-256 (OpenSSL).
 */
#pragma once

#include "base/view.h"

uint64_t hash_bytes(struct view v);
/* The same for a fixed seed: equal on every machine and in every run (feature tables). */
uint64_t hash_bytes_seeded(struct view v, uint64_t seed);

/* Spreads the bits of a number. */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}
