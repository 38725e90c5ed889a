#include "fleet/fleet.h"

#include "base/hash.h"

#include <stdlib.h>

struct walk {
    fleet_difference_fn *told;
    void *arg;
    uint64_t sum;
};

static uint64_t fingerprint(const struct fleet_difference *d)
{
    uint64_t h = hash_bytes(d->model);

    h = hash_mix(h ^ hash_bytes(d->a->text)) ^ hash_bytes(d->digest_a);
    return hash_mix(h ^ hash_bytes(d->b->text)) ^ hash_bytes(d->digest_b);
}

/* An inside node that says digests; both are held. */
struct stock {
    struct node *node;
    struct node_models *models;
};

/* The models of `b` that `a` has with another digest. Digests of two kinds of engines cannot be
 * compared. */
static void compare(struct walk *w, const struct stock *a, const struct stock *b)
{
    for (unsigned i = 0; a->node->engine == b->node->engine && i < a->models->n; i++)
        for (unsigned k = 0; k < b->models->n; k++) {
            const struct policy_model *x = &a->models->models[i], *y = &b->models->models[k];
            struct fleet_difference d = {a->node, b->node, x->name, x->digest, y->digest};
            if (!x->digest.n || !y->digest.n || view_eq(x->digest, y->digest) ||
                !view_eq(x->name, y->name))
                continue;
            w->sum += fingerprint(&d);
            if (w->told)
                w->told(&d, w->arg);
        }
}

static bool has_digests(const struct node_models *m)
{
    for (unsigned i = 0; m && i < m->n; i++)
        if (m->models[i].digest.n > 0)
            return true;
    return false;
}

static unsigned take_stock(const struct fleet_set *set, struct stock *to)
{
    unsigned n = 0;

    for (unsigned i = 0; i < set->n; i++) {
        struct node *node = set->nodes[i].node;
        struct node_models *m = node->side == SIDE_INSIDE ? node_models_ref(node) : NULL;
        if (has_digests(m))
            to[n++] = (struct stock){node_ref(node), m};
        else
            node_models_unref(m);
    }
    return n;
}

uint64_t fleet_each_difference(const struct fleet *f, fleet_difference_fn *told, void *arg)
{
    struct walk w = {.told = told, .arg = arg};
    struct stock *all = NULL;
    unsigned n = 0;

    /* Each node is asked once, not once for each other one: there may be hundreds. */
    for (unsigned i = 0; i < fleet_config(f)->n_backends; i++) {
        struct fleet_set *set = fleet_set_ref(f, i);
        struct stock *more = realloc(all, (n + set->n + 1) * sizeof(*all));
        if (more) {
            all = more;
            n += take_stock(set, all + n);
        }
        fleet_set_unref(set);
    }
    for (unsigned x = 0; x < n; x++)
        for (unsigned y = x + 1; y < n; y++)
            compare(&w, &all[x], &all[y]);
    for (unsigned x = 0; x < n; x++) {
        node_models_unref(all[x].models);
        node_unref(all[x].node);
    }
    free(all);
    return w.sum;
}
