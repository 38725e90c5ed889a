#include "fleet/membership.h"

enum { SET_ARENA_BYTES = 256 * 1024 };

static struct fleet_set *set_new(unsigned n, struct error *err)
{
    struct arena *a = arena_new(SET_ARENA_BYTES);
    struct fleet_set *set = a ? arena_new_of(a, struct fleet_set) : NULL;

    if (set)
        set->nodes = arena_new_array(a, struct fleet_node, n ? n : 1);
    if (!set || !set->nodes) {
        arena_free(a);
        error_set(err, ERROR_NO_MEMORY, "no memory for the nodes of a backend");
        return NULL;
    }
    set->arena = a;
    atomic_store(&set->refs, 1);
    return set;
}

static void set_free(struct fleet_set *set)
{
    for (unsigned i = 0; i < set->n; i++)
        node_unref(set->nodes[i].node);
    arena_free(set->arena); /* the set itself lies in it */
}

/* Most nodes of a new set stand in the one before, at the same place or near it: they need not be
 * looked for among all. */
static struct node *take_node(const struct fleet_set *before, unsigned place,
                              const struct config_backend *b, const struct config_url *url,
                              struct error *err)
{
    for (unsigned i = 0; before && i < before->n; i++) {
        struct node *n = before->nodes[(place + i) % before->n].node;
        if (node_is(n, b, url))
            return node_ref(n);
    }
    return node_get(b, url, err);
}

static struct fleet_set *set_of(const struct fleet_set *before, const struct config_backend *b,
                                struct view zone, const struct config_node *nodes, unsigned n,
                                struct error *err)
{
    struct fleet_set *set = set_new(n, err);

    for (unsigned i = 0; set && i < n; i++) {
        struct node *node = take_node(before, i, b, &nodes[i].url, err);
        if (!node) {
            set_free(set);
            return NULL;
        }
        set->nodes[set->n++] = (struct fleet_node){.node = node,
                                                   .zone = arena_dup(set->arena, nodes[i].zone),
                                                   .weight = nodes[i].weight,
                                                   .near = !zone.n || view_eq(zone, nodes[i].zone)};
    }
    return set;
}

static void drop(void *arg)
{
    struct fleet_set *set = arg;

    if (atomic_fetch_sub(&set->refs, 1) == 1)
        set_free(set);
}

void fleet_set_unref(struct fleet_set *set)
{
    if (set && !set->fixed)
        drop(set);
}

void fleet_set_leave(struct fleet_set *set, struct arena *a)
{
    if (!set->fixed)
        arena_defer(a, drop, set);
}

static void enter(struct fleet_set *set)
{
    for (unsigned i = 0; i < set->n; i++)
        atomic_fetch_add(&set->nodes[i].node->members, 1);
}

static void leave(struct fleet_set *set)
{
    for (unsigned i = 0; i < set->n; i++)
        atomic_fetch_sub(&set->nodes[i].node->members, 1);
}

bool membership_init(struct membership *m, const struct config_backend *b, struct view zone,
                     struct error *err)
{
    struct fleet_set *set = set_of(NULL, b, zone, b->nodes, b->n_nodes, err);

    if (!set)
        return false;
    set->fixed = m->fixed = b->discover.from == DISCOVER_NOTHING;
    pthread_mutex_init(&m->mutex, NULL);
    enter(set);
    m->now = set;
    return true;
}

void membership_done(struct membership *m)
{
    if (!m->now)
        return;
    leave(m->now);
    drop(m->now);
    pthread_mutex_destroy(&m->mutex);
}

static bool is_same(const struct fleet_set *a, const struct fleet_set *b)
{
    bool same = a->n == b->n;

    for (unsigned i = 0; same && i < a->n; i++)
        same = a->nodes[i].node == b->nodes[i].node && a->nodes[i].weight == b->nodes[i].weight &&
               view_eq(a->nodes[i].zone, b->nodes[i].zone);
    return same;
}

bool membership_change(struct membership *m, const struct config_backend *b, struct view zone,
                       const struct config_node *found, unsigned n, struct fleet_set **ret_before,
                       struct error *err)
{
    /* Only this thread writes `now`, and so reads it without the lock. */
    struct fleet_set *set = set_of(m->now, b, zone, found, n, err);

    if (!set)
        return false;
    *ret_before = NULL;
    if (is_same(set, m->now)) {
        drop(set);
        return true;
    }
    enter(set);
    lock_take(&m->mutex);
    *ret_before = m->now;
    m->now = set;
    lock_release(&m->mutex);
    leave(*ret_before);
    return true;
}

struct fleet_set *membership_ref(struct membership *m)
{
    if (m->fixed)
        return m->now;
    lock_take(&m->mutex);
    struct fleet_set *set = m->now;
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    lock_release(&m->mutex);
    return set;
}
