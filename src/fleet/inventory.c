#include "fleet/fleet.h"

#include "base/hash.h"

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

/* The models of `b` that `a` has with another digest. */
static void compare(struct walk *w, struct node *a, struct node *b)
{
    struct node_models *of_a = node_models_ref(a), *of_b = node_models_ref(b);

    for (unsigned i = 0; of_a && i < of_a->n; i++)
        for (unsigned k = 0; of_b && k < of_b->n; k++) {
            const struct policy_model *x = &of_a->models[i], *y = &of_b->models[k];
            struct fleet_difference d = {a, b, x->name, x->digest, y->digest};
            if (!x->digest.n || !y->digest.n || view_eq(x->digest, y->digest) ||
                !view_eq(x->name, y->name))
                continue;
            w->sum += fingerprint(&d);
            if (w->told)
                w->told(&d, w->arg);
        }
    node_models_unref(of_a);
    node_models_unref(of_b);
}

/* Digests of two kinds of engines cannot be compared. */
static bool comparable(const struct node *a, const struct node *b)
{
    return a->side == SIDE_INSIDE && b->side == SIDE_INSIDE && a->engine == b->engine;
}

uint64_t fleet_each_difference(const struct fleet *f, fleet_difference_fn *told, void *arg)
{
    struct walk w = {.told = told, .arg = arg};
    unsigned n_backends = fleet_config(f)->n_backends;

    for (unsigned i = 0; i < n_backends; i++)
        for (unsigned k = i; k < n_backends; k++) {
            unsigned n_a, n_b;
            const struct fleet_node *a = fleet_nodes(f, i, &n_a), *b = fleet_nodes(f, k, &n_b);
            for (unsigned x = 0; x < n_a; x++)
                for (unsigned y = i == k ? x + 1 : 0; y < n_b; y++)
                    if (comparable(a[x].node, b[y].node))
                        compare(&w, a[x].node, b[y].node);
        }
    return w.sum;
}
