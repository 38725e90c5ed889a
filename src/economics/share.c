#include "economics/share.h"

#include "base/clock.h"

#include <math.h>

/* Accounts the time since the last change; a clock that stands or steps back adds nothing. */
static void advance(struct share_meter *m, int64_t now_ns)
{
    int64_t passed = now_ns - m->last_ns;

    if (passed <= 0)
        return;
    m->last_ns = now_ns;
    if (m->in_flight == 0)
        return;
    m->busy_ns += passed;
    m->integral_ns += (double)passed / m->in_flight;
}

void share_start(struct share_meter *m, int64_t now_ns)
{
    *m = (struct share_meter){.since_ns = now_ns, .last_ns = now_ns};
}

double share_begin(struct share_meter *m, int64_t now_ns)
{
    advance(m, now_ns);
    m->in_flight++;
    return m->integral_ns;
}

int64_t share_end(struct share_meter *m, double begin, int64_t now_ns)
{
    advance(m, now_ns);
    if (m->in_flight > 0)
        m->in_flight--;
    return llround(m->integral_ns - begin);
}

int64_t share_idle_ns(const struct share_meter *m, int64_t now_ns)
{
    struct share_meter then = *m;

    advance(&then, now_ns);
    return then.last_ns - then.since_ns - then.busy_ns;
}

int64_t share_cost_nano(int64_t share_ns, int64_t cost_per_hour_nano)
{
    const int64_t hour_ns = 3600 * NS_PER_S;
    __int128 product = (__int128)share_ns * cost_per_hour_nano;

    return (int64_t)((product + hour_ns / 2) / hour_ns);
}
