/*
 * How many second attempts may be begun: a share of the streams. Each stream adds the share to a
 * credit, each hedge takes a whole one. The credit begins with nothing and holds at most what
 * HEDGE_BUDGET_STREAMS streams add (one hedge at least), so the share holds from the first stream
 * on, and after a quiet time no more than that comes at once. Any thread may call.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HEDGE_BUDGET_STREAMS 200

struct hedge_budget {
    _Atomic(int64_t) millionths; /* of a hedge */
};

/* Books a stream. */
void hedge_budget_earn(struct hedge_budget *b, double share);
/* Whether a hedge could be begun now. */
bool hedge_budget_has(const struct hedge_budget *b);
/* Takes one; false: there is none. */
bool hedge_budget_spend(struct hedge_budget *b);
/* One that was taken was not begun after all. */
void hedge_budget_give_back(struct hedge_budget *b);
