/*
 * The retry budget: how many requests may be asked again where they were asked before, so that a
 * fleet in trouble is not given more work than it had. A share of the requests of the last ten
 * seconds, beside a floor for whoever sends few. Pure: clocks are given; the caller locks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_SECONDS 10
#define BUDGET_FLOOR   10

struct budget {
    struct budget_slice {
        int64_t second;
        uint32_t requests, retries;
    } slices[BUDGET_SECONDS];
};

/* A request came. */
void budget_count(struct budget *b, int64_t now_ns);
/* Takes one retry; false: there is none left. `share`: of the requests, 0 to 1. */
bool budget_take(struct budget *b, double share, int64_t now_ns);
