/* Chance for waits: those who began to wait together must not end together. No secret hangs on
 * it. */
#pragma once

#include "base/clock.h"
#include "base/hash.h"

/* 0 <= x < 1, another one each time. */
static inline double jitter(const void *who)
{
    uint64_t h = hash_mix((uint64_t)clock_mono_ns() ^ hash_mix((uint64_t)(uintptr_t)who));
    return (double)(h >> 11) * 0x1p-53;
}
