/*
 * How long something took lately, by quantile: a sketch of fixed size.
 *
 * Times fall into buckets whose width is an eighth of their octave or less, so a quantile is exact
 * to about 6 %. Two such counts take turns, and the older one is dropped: what is said covers the
 * last LATENCY_TURN_NS at least and twice that at most. The caller gives the time (monotonic) and
 * keeps other threads out.
 */
#pragma once

#include "base/view.h"

#define LATENCY_TURN_NS (INT64_C(120) * 1000 * 1000 * 1000)
#define LATENCY_BUCKETS 176

struct latency {
    struct latency_turn {
        uint32_t counts[LATENCY_BUCKETS];
        uint32_t total;
    } newer, older;
    int64_t turn_ends_ns; /* of the newer one */
};

/* One more that took `took_ns`. */
void latency_add(struct latency *l, int64_t took_ns, int64_t now_ns);

/* How many count still. */
uint32_t latency_count(struct latency *l, int64_t now_ns);

/* The time within which the share `q` (0 to 1) of them was done, ns; -1: there is none. */
int64_t latency_quantile(struct latency *l, double q, int64_t now_ns);
