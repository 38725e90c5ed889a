#include "fleet/budget.h"

#include "base/clock.h"

static struct budget_slice *slice_of(struct budget *b, int64_t now_ns)
{
    int64_t second = now_ns / NS_PER_S;
    struct budget_slice *s = &b->slices[second % BUDGET_SECONDS];

    if (s->second != second)
        *s = (struct budget_slice){.second = second};
    return s;
}

void budget_count(struct budget *b, int64_t now_ns)
{
    slice_of(b, now_ns)->requests++;
}

bool budget_take(struct budget *b, double share, int64_t now_ns)
{
    struct budget_slice *now = slice_of(b, now_ns);
    uint64_t requests = 0, retries = 0;

    for (unsigned i = 0; i < BUDGET_SECONDS; i++) {
        const struct budget_slice *s = &b->slices[i];
        if (s->second <= now->second - BUDGET_SECONDS)
            continue;
        requests += s->requests;
        retries += s->retries;
    }
    if ((double)retries >= BUDGET_FLOOR + share * (double)requests)
        return false;
    now->retries++;
    return true;
}
