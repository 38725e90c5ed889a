#include "ledger/id.h"

#include "base/clock.h"
#include "base/hash.h"
#include "ledger/ledger.h"

#include <stdatomic.h>

enum { COUNT_BITS = 20 };

static _Atomic int64_t last_id;

void ledger_id_raise(int64_t past)
{
    int64_t last = atomic_load_explicit(&last_id, memory_order_relaxed);

    while (last < past && !atomic_compare_exchange_weak(&last_id, &last, past))
        ;
}

/* Each process counts from a start of its own inside a millisecond, so that two gateways with one
 * file do not give the same id. */
int64_t ledger_next_id(void)
{
    int64_t start = (int64_t)(hash_bytes(VIEW("ledger id")) >> (64 - COUNT_BITS));
    int64_t wanted = clock_wall_ms() << COUNT_BITS | start;
    int64_t last = atomic_load_explicit(&last_id, memory_order_relaxed);
    int64_t next;

    do
        next = wanted > last ? wanted : last + 1;
    while (!atomic_compare_exchange_weak(&last_id, &last, next));
    return next;
}

int64_t ledger_id_at(int64_t wall_ms)
{
    const int64_t latest_ms = INT64_MAX >> COUNT_BITS; /* the year 2248 */

    if (wall_ms < 0)
        return 0;
    return wall_ms > latest_ms ? INT64_MAX : wall_ms << COUNT_BITS;
}
