#include "gateway/watch.h"

#include "base/clock.h"
#include "fleet/forget.h"
#include "fleet/waiting.h"
#include "gateway/log.h"
#include "run/task.h"

enum { ROOM_MS = 200 };

static void tell_difference(const struct fleet_difference *d, void *arg)
{
    (void)arg;
    log_warn("models_differ",
             "model=%.*s node=%.*s digest=%.*s other=%.*s other_digest=%.*s (the same request may "
             "be answered with different weights)",
             VIEW_ARG(d->model), VIEW_ARG(d->a->text), VIEW_ARG(d->digest_a), VIEW_ARG(d->b->text),
             VIEW_ARG(d->digest_b));
}

/* Once, until something else differs. */
static void tell_differences(struct gateway *g)
{
    struct fleet *f = gateway_fleet(g);
    uint64_t now = fleet_each_difference(f, NULL, NULL);

    if (now != 0 && now != g->differences_told)
        fleet_each_difference(f, tell_difference, NULL);
    g->differences_told = now;
    fleet_unref(f);
}

static void node_changed(struct node *n, void *arg)
{
    struct node_models *m = node_models_ref(n);
    struct buf names = BUF_MAX(512);

    log_remote_models(n, m);
    tell_differences(arg);
    for (unsigned i = 0; m && i < m->n && i < 8; i++) {
        buf_append(&names, i ? VIEW(",") : VIEW(""));
        buf_append(&names, m->models[i].name);
    }
    log_info("node", "backend=%.*s node=%.*s state=%s models=%.*s%s", VIEW_ARG(n->backend),
             VIEW_ARG(n->text), node_state_name(node_state(n, loop_now_ns())),
             VIEW_ARG(buf_view(&names)), m && m->n > 8 ? ",..." : "");
    buf_done(&names);
    node_models_unref(m);
}

static void node_not_inside(struct node *n, const struct error *why, void *arg)
{
    (void)arg;
    log_node_not_inside(n, why);
}

void watch_hours(struct gateway *g, const struct config_backend *b, struct node *n)
{
    struct ledger_node_hours h = {
        .backend = b->name, .node = n->text, .cost_per_hour_nano = b->cost_per_hour_nano};

    if (b->side != SIDE_INSIDE)
        return;
    node_take_hours(n, &h.from_ms, &h.to_ms, &h.busy_ms);
    ledger_add_node_hours(g->ledger, &h);
}

/* ---- nodes that come and go -------------------------------------------------------------------
 */

static bool stands_in(const struct fleet_set *set, const struct node *n)
{
    for (unsigned i = 0; i < set->n; i++)
        if (set->nodes[i].node == n)
            return true;
    return false;
}

/* The nodes of `set` that do not stand in the other one, for the log. */
static void write_missing(struct buf *out, const struct fleet_set *set,
                          const struct fleet_set *other)
{
    enum { TOLD = 8 };
    unsigned n = 0;

    for (unsigned i = 0; i < set->n; i++) {
        if (stands_in(other, set->nodes[i].node))
            continue;
        if (n < TOLD) {
            buf_append(out, n ? VIEW(",") : VIEW(""));
            buf_append(out, set->nodes[i].node->text);
        }
        n++;
    }
    if (n > TOLD)
        buf_printf(out, ",... (%u)", n);
}

/* Hours in which a node was away are nobody's. */
static void settle_hours(struct gateway *g, const struct config_backend *b,
                         const struct fleet_set *before, const struct fleet_set *now)
{
    int64_t from_ms, to_ms, busy_ms;

    for (unsigned i = 0; i < before->n; i++)
        if (!stands_in(now, before->nodes[i].node))
            watch_hours(g, b, before->nodes[i].node);
    for (unsigned i = 0; i < now->n; i++)
        if (!stands_in(before, now->nodes[i].node))
            node_take_hours(now->nodes[i].node, &from_ms, &to_ms, &busy_ms);
}

static void nodes_found(const struct config_backend *b, const struct fleet_set *before,
                        const struct fleet_set *now, bool more, void *arg)
{
    struct gateway *g = arg;
    struct buf came = BUF_MAX(16 * 1024), left = BUF_MAX(16 * 1024);

    if (before) {
        settle_hours(g, b, before, now);
        write_missing(&came, now, before);
        write_missing(&left, before, now);
    }
    log_info("nodes", "backend=%.*s nodes=%u came=%.*s left=%.*s", VIEW_ARG(b->name), now->n,
             VIEW_ARG(buf_view(&came)), VIEW_ARG(buf_view(&left)));
    if (more)
        log_warn("nodes", "backend=%.*s has more than %d nodes: the others are not asked",
                 VIEW_ARG(b->name), FLEET_MAX_NODES);
    buf_done(&came);
    buf_done(&left);
    prober_follow(g->prober);
    forget_nodes(FORGET_KEEPS, g->loops, g->n_loops);
}

static void nodes_not_found(const struct config_backend *b, const struct error *why,
                            int64_t since_ms, void *arg)
{
    struct gateway *g = arg;

    log_warn("nodes_not_found",
             "backend=%.*s for_s=%lld why=\"%s\" %s (the nodes stay as they are)",
             VIEW_ARG(b->name), (long long)(since_ms / 1000), why->text, why->hint);
    prober_follow(g->prober);
}

bool watch_begin(struct gateway *g, struct fleet *f, struct error *err)
{
    struct prober *p = prober_start(
        f, &(struct prober_ears){.changed = node_changed, .not_inside = node_not_inside, .arg = g});
    struct discover *d = discover_start(
        f, &(struct discover_ears){.found = nodes_found, .failed = nodes_not_found, .arg = g});

    if (!p || !d) {
        prober_stop(p);
        discover_stop(d);
        return error_set(err, ERROR_NO_MEMORY, "no memory to watch the nodes");
    }
    watch_end(g);
    g->prober = p;
    g->discover = d;
    return true;
}

void watch_end(struct gateway *g)
{
    discover_stop(g->discover);
    prober_stop(g->prober);
    g->discover = NULL;
    g->prober = NULL;
}

void watch_room(void *gateway)
{
    struct gateway *g = gateway;

    while (task_sleep_ms(ROOM_MS) != WAIT_CANCELLED) {
        struct fleet *f = gateway_fleet(g);
        waiting_look_around();
        saturation_look(&g->saturation, f, clock_mono_ns());
        fleet_unref(f);
    }
}
