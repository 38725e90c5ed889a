/* What a request that nobody answered yet may still hope for. */
#include "base/clock.h"
#include "fleet/fleet.h"

int64_t fleet_retry_at(const struct fleet *f, unsigned backend)
{
    int64_t earliest = TIMER_NEVER, now = loop_now_ns();
    unsigned n;
    const struct fleet_node *nodes = fleet_nodes(f, backend, &n);

    for (unsigned i = 0; i < n; i++) {
        int64_t at = atomic_load_explicit(&nodes[i].node->not_before_ns, memory_order_relaxed);
        if (at > now && at < earliest && node_serves(nodes[i].node))
            earliest = at;
    }
    return earliest;
}

unsigned fleet_loading(const struct fleet *f, unsigned backend, int64_t *ret_rest_ns)
{
    int64_t now = clock_mono_ns(), least = TIMER_NEVER;
    unsigned n, loading = 0;
    const struct fleet_node *nodes = fleet_nodes(f, backend, &n);

    for (unsigned i = 0; i < n; i++) {
        int64_t rest = node_serves(nodes[i].node) ? node_loading_rest_ns(nodes[i].node, now) : -1;
        if (rest < 0)
            continue;
        loading++;
        least = rest < least ? rest : least;
    }
    if (loading)
        *ret_rest_ns = least;
    return loading;
}

bool fleet_available(const struct fleet *f, unsigned backend)
{
    int64_t now = loop_now_ns();
    unsigned n;
    const struct fleet_node *nodes = fleet_nodes(f, backend, &n);

    for (unsigned i = 0; i < n; i++)
        if (node_available(nodes[i].node, now))
            return true;
    return false;
}
