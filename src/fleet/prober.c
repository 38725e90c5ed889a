/* Who is watched: the nodes that the fleet's backends have, as they come and go. */
#include "fleet/watch.h"

#include <stdlib.h>

static void watch_free(struct watch *w)
{
    list_remove(&w->link);
    node_unref(w->node);
    free(w);
}

static void prober_done(struct prober *p)
{
    for (unsigned i = 0; i < fleet_config(p->fleet)->n_backends; i++)
        list_for_each_safe (link, &p->watches[i])
            watch_free(list_entry(link, struct watch, link));
    fleet_unref(p->fleet);
    free(p->watches);
    free(p);
}

static void tell_known(struct prober *p)
{
    if (p->unknown == 0 && fleet_looked_up(p->fleet))
        fleet_set_known(p->fleet);
}

void watch_looked(struct watch *w)
{
    if (!w->counted)
        return;
    w->counted = false;
    w->prober->unknown--;
    tell_known(w->prober);
}

static bool is_idle(const struct watch *w)
{
    return !w->task && !w->load_task;
}

void watch_task_ended(struct watch *w)
{
    struct prober *p = w->prober;

    if (w->gone && is_idle(w))
        watch_free(w);
    if (--p->running == 0 && p->stopping)
        prober_done(p);
}

static void cancel(struct watch *w)
{
    if (w->task)
        task_cancel(w->task);
    if (w->load_task)
        task_cancel(w->load_task);
}

/* After a reload most nodes have told their models before. */
static bool is_unknown(struct node *n)
{
    struct node_models *m = node_models_ref(n);

    node_models_unref(m);
    return m == NULL;
}

static bool is_watched(struct list *watches, const struct node *n)
{
    list_for_each (link, watches) {
        const struct watch *w = list_entry(link, struct watch, link);
        if (w->node == n && !w->gone)
            return true;
    }
    return false;
}

static void add(struct prober *p, unsigned backend, struct node *n)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        return; /* the next change tries again */
    *w = (struct watch){.prober = p,
                        .node = node_ref(n),
                        .backend = &fleet_config(p->fleet)->backends[backend],
                        .counted = is_unknown(n)};
    p->unknown += w->counted;
    list_push_back(&p->watches[backend], &w->link);
    watch_start(w);
}

static bool stands_in(const struct fleet_set *set, const struct node *n)
{
    for (unsigned i = 0; i < set->n; i++)
        if (set->nodes[i].node == n)
            return true;
    return false;
}

/* The watches of one backend that has these nodes. */
static void follow(struct prober *p, unsigned backend, const struct fleet_set *set)
{
    struct list *watches = &p->watches[backend];

    list_for_each_safe (link, watches) {
        struct watch *w = list_entry(link, struct watch, link);
        if (w->gone || stands_in(set, w->node))
            continue;
        watch_looked(w);
        w->gone = true;
        if (is_idle(w))
            watch_free(w);
        else
            cancel(w);
    }
    for (unsigned i = 0; i < set->n; i++)
        if (!is_watched(watches, set->nodes[i].node))
            add(p, backend, set->nodes[i].node);
}

void prober_follow(struct prober *p)
{
    for (unsigned i = 0; i < fleet_config(p->fleet)->n_backends && !p->stopping; i++) {
        struct fleet_set *set = fleet_set_ref(p->fleet, i);
        follow(p, i, set);
        fleet_set_unref(set);
    }
    tell_known(p);
}

struct prober *prober_start(struct fleet *f, const struct prober_ears *ears)
{
    unsigned n = fleet_config(f)->n_backends;
    struct prober *p = calloc(1, sizeof(*p));

    if (p)
        p->watches = calloc(n + 1, sizeof(*p->watches));
    if (!p || !p->watches) {
        free(p);
        return NULL;
    }
    for (unsigned i = 0; i < n; i++)
        list_init(&p->watches[i]);
    p->fleet = fleet_ref(f);
    p->ears = *ears;
    prober_follow(p);
    return p;
}

void prober_stop(struct prober *p)
{
    if (!p)
        return;
    p->stopping = true;
    if (p->running == 0) {
        prober_done(p);
        return;
    }
    for (unsigned i = 0; i < fleet_config(p->fleet)->n_backends; i++)
        list_for_each (link, &p->watches[i])
            cancel(list_entry(link, struct watch, link));
}
