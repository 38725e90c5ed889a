/* What a request that nobody answered yet may still hope for. */
#include "base/clock.h"
#include "fleet/fleet.h"

int64_t fleet_retry_at(const struct fleet *f, unsigned backend)
{
    int64_t earliest = TIMER_NEVER, now = loop_now_ns();
    struct fleet_set *set = fleet_set_ref(f, backend);

    for (unsigned i = 0; i < set->n; i++) {
        int64_t at = atomic_load_explicit(&set->nodes[i].node->not_before_ns, memory_order_relaxed);
        if (at > now && at < earliest && node_serves(set->nodes[i].node))
            earliest = at;
    }
    fleet_set_unref(set);
    return earliest;
}

unsigned fleet_loading(const struct fleet *f, unsigned backend, int64_t *ret_rest_ns)
{
    int64_t now = clock_mono_ns(), least = TIMER_NEVER;
    unsigned loading = 0;
    struct fleet_set *set = fleet_set_ref(f, backend);

    for (unsigned i = 0; i < set->n; i++) {
        int64_t rest =
            node_serves(set->nodes[i].node) ? node_loading_rest_ns(set->nodes[i].node, now) : -1;
        if (rest < 0)
            continue;
        loading++;
        least = rest < least ? rest : least;
    }
    fleet_set_unref(set);
    if (loading)
        *ret_rest_ns = least;
    return loading;
}

bool fleet_available(const struct fleet *f, unsigned backend)
{
    int64_t now = loop_now_ns();
    struct fleet_set *set = fleet_set_ref(f, backend);
    bool available = false;

    for (unsigned i = 0; i < set->n && !available; i++)
        available = node_available(set->nodes[i].node, now);
    fleet_set_unref(set);
    return available;
}
