#include "gateway/watch.h"

#include "gateway/log.h"

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

struct prober *watch_nodes(struct gateway *g, struct fleet *f)
{
    return prober_start(
        f, &(struct prober_ears){.changed = node_changed, .not_inside = node_not_inside, .arg = g});
}
