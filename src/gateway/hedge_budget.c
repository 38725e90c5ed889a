#include "gateway/hedge_budget.h"

enum { ONE = 1000 * 1000 };

void hedge_budget_earn(struct hedge_budget *b, double share)
{
    int64_t more = (int64_t)(share * ONE), most = more * HEDGE_BUDGET_STREAMS;
    int64_t had = atomic_load_explicit(&b->millionths, memory_order_relaxed), has;

    if (most < ONE)
        most = ONE;
    do
        has = had + more < most ? had + more : most;
    while (!atomic_compare_exchange_weak(&b->millionths, &had, has));
}

bool hedge_budget_has(const struct hedge_budget *b)
{
    return atomic_load_explicit(&b->millionths, memory_order_relaxed) >= ONE;
}

bool hedge_budget_spend(struct hedge_budget *b)
{
    int64_t had = atomic_load_explicit(&b->millionths, memory_order_relaxed);

    do
        if (had < ONE)
            return false;
    while (!atomic_compare_exchange_weak(&b->millionths, &had, had - ONE));
    return true;
}

void hedge_budget_give_back(struct hedge_budget *b)
{
    atomic_fetch_add(&b->millionths, ONE);
}
