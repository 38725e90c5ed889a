#include "fleet/latency.h"

enum {
    UNIT_BITS = 17, /* 131 us: what is shorter by far counts as nothing */
    STEP_BITS = 3,  /* an octave has eight buckets */
    STEPS = 1 << STEP_BITS,
};

/* ---- buckets --------------------------------------------------------------------------------- */

/* Below STEPS units a bucket is a unit wide; above, the first STEP_BITS + 1 bits tell it. */
static unsigned bucket_of(int64_t ns)
{
    uint64_t units = ns > 0 ? (uint64_t)ns >> UNIT_BITS : 0;

    if (units < STEPS)
        return (unsigned)units;
    unsigned octave = 63 - STEP_BITS - (unsigned)__builtin_clzll(units);
    unsigned bucket = octave * STEPS + (unsigned)(units >> octave);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static int64_t bucket_begins(unsigned bucket)
{
    if (bucket < STEPS)
        return (int64_t)bucket << UNIT_BITS;
    unsigned octave = bucket / STEPS - 1;
    return (int64_t)(bucket % STEPS + STEPS) << octave << UNIT_BITS;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void turn(struct latency *l, int64_t now_ns)
{
    if (now_ns < l->turn_ends_ns)
        return;
    bool long_ago = now_ns >= l->turn_ends_ns + LATENCY_TURN_NS;
    l->older = long_ago ? (struct latency_turn){0} : l->newer;
    l->newer = (struct latency_turn){0};
    l->turn_ends_ns = now_ns + LATENCY_TURN_NS;
}

void latency_add(struct latency *l, int64_t took_ns, int64_t now_ns)
{
    turn(l, now_ns);
    l->newer.counts[bucket_of(took_ns)]++;
    l->newer.total++;
}

uint32_t latency_count(struct latency *l, int64_t now_ns)
{
    turn(l, now_ns);
    return l->newer.total + l->older.total;
}

int64_t latency_quantile(struct latency *l, double q, int64_t now_ns)
{
    double rank = q * latency_count(l, now_ns), below = 0;
    int64_t found = -1;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        double here = l->newer.counts[i] + l->older.counts[i];
        if (here <= 0)
            continue;
        int64_t from = bucket_begins(i), to = bucket_begins(i + 1);
        double part = rank > below ? (rank - below) / here : 0;
        found = from + (int64_t)((part < 1 ? part : 1) * (double)(to - from));
        below += here;
        if (below >= rank)
            break;
    }
    return found;
}
