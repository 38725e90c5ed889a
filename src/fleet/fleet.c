#include "fleet/fleet.h"

#include "base/clock.h"
#include "base/hash.h"
#include "egress/egress.h"
#include "fleet/balance.h"
#include "fleet/budget.h"
#include "fleet/overflow.h"
#include "fleet/pick.h"
#include "llm/models.h"

#include <assert.h>
#include <stdlib.h>

enum {
    VIEW_ARENA_BYTES = 4 << 20,
    OLLAMA_UNLOADED_WINDOW = 4096,
    INHERIT_ARENA_BYTES = 256 * 1024
};

/* Immutable, made anew when a node's models change. */
struct view_of_backends {
    atomic_int refs;
    struct arena *arena;
    struct policy_backend *backends; /* `available` is filled in for each question */
};

struct backend {
    struct membership members;
    struct fleet_lookups lookups;
};

struct fleet {
    atomic_int refs;
    struct config *config;
    struct egress *gate;
    struct backend *backends;
    atomic_bool known;
    _Atomic(uint64_t) draws; /* random numbers that were drawn */
    pthread_mutex_t mutex;   /* for what follows */
    struct view_of_backends *view;
    struct budget budget;
};

static void view_unref(void *arg)
{
    struct view_of_backends *v = arg;
    if (v && atomic_fetch_sub(&v->refs, 1) == 1)
        arena_free(v->arena);
}

static void limit_requests(const struct fleet *f, unsigned backend)
{
    struct fleet_set *set = fleet_set_ref(f, backend);

    for (unsigned i = 0; i < set->n; i++)
        atomic_store(&set->nodes[i].node->room.most, f->config->backends[backend].max_requests);
    fleet_set_unref(set);
}

struct fleet *fleet_new(struct config *config, struct error *err)
{
    struct fleet *f = calloc(1, sizeof(*f));

    if (f)
        f->backends = calloc(config->n_backends ? config->n_backends : 1, sizeof(*f->backends));
    if (!f || !f->backends) {
        free(f);
        error_set(err, ERROR_NO_MEMORY, "no memory for the fleet");
        return NULL;
    }
    atomic_store(&f->refs, 1);
    atomic_store(&f->draws, hash_bytes(VIEW("draws")));
    f->config = config_ref(config);
    pthread_mutex_init(&f->mutex, NULL);
    f->gate = egress_new(config, err);
    if (!f->gate) {
        fleet_unref(f);
        return NULL;
    }
    for (unsigned i = 0; i < config->n_backends; i++)
        if (!membership_init(&f->backends[i].members, &config->backends[i], config->zone, err)) {
            fleet_unref(f);
            return NULL;
        }
    fleet_refresh(f);
    if (!f->view) {
        fleet_unref(f);
        error_set(err, ERROR_NO_MEMORY, "no memory for the fleet");
        return NULL;
    }
    for (unsigned i = 0; i < config->n_backends; i++)
        limit_requests(f, i);
    return f;
}

struct fleet *fleet_ref(struct fleet *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void fleet_unref(struct fleet *f)
{
    if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
        return;
    view_unref(f->view);
    for (unsigned i = 0; i < f->config->n_backends; i++)
        membership_done(&f->backends[i].members);
    egress_unref(f->gate);
    pthread_mutex_destroy(&f->mutex);
    config_unref(f->config);
    free(f->backends);
    free(f);
}

struct config *fleet_config(const struct fleet *f)
{
    return f->config;
}

struct egress *fleet_gate(const struct fleet *f)
{
    return f->gate;
}

struct fleet_set *fleet_set_ref(const struct fleet *f, unsigned backend)
{
    return membership_ref(&f->backends[backend].members);
}

bool fleet_found(struct fleet *f, unsigned backend, const struct config_node *found, unsigned n,
                 struct fleet_set **ret_before, struct error *err)
{
    if (!membership_change(&f->backends[backend].members, &f->config->backends[backend],
                           f->config->zone, found, n, ret_before, err))
        return false;
    if (*ret_before) {
        limit_requests(f, backend);
        fleet_refresh(f);
    }
    return true;
}

struct fleet_lookups *fleet_lookups(const struct fleet *f, unsigned backend)
{
    return &f->backends[backend].lookups;
}

bool fleet_looked_up(const struct fleet *f)
{
    for (unsigned i = 0; i < f->config->n_backends; i++)
        if (f->config->backends[i].discover.from != DISCOVER_NOTHING &&
            !atomic_load(&f->backends[i].lookups.looked))
            return false;
    return true;
}

void fleet_count_request(struct fleet *f)
{
    lock_take(&f->mutex);
    budget_count(&f->budget, loop_now_ns());
    lock_release(&f->mutex);
}

bool fleet_take_retry(struct fleet *f)
{
    lock_take(&f->mutex);
    bool taken = budget_take(&f->budget, f->config->retry.budget, loop_now_ns());
    lock_release(&f->mutex);
    return taken;
}

bool fleet_known(const struct fleet *f)
{
    return atomic_load_explicit(&f->known, memory_order_relaxed);
}

void fleet_set_known(struct fleet *f)
{
    atomic_store(&f->known, true);
}

static bool looks_up_alike(const struct config_backend *a, const struct config_backend *b)
{
    const struct config_discover *x = &a->discover, *y = &b->discover;

    return x->from != DISCOVER_NOTHING && x->from == y->from && view_eq(a->name, b->name) &&
           view_eq(x->url.text, y->url.text) && view_eq(x->file, y->file) &&
           view_eq(x->resolver, y->resolver);
}

static void inherit(struct fleet *f, unsigned backend, const struct fleet *before, unsigned old)
{
    struct fleet_set *known = fleet_set_ref(before, old), *none = NULL;
    struct arena *a = arena_new(INHERIT_ARENA_BYTES);
    struct config_node *nodes = a ? arena_new_array(a, struct config_node, known->n + 1) : NULL;
    struct error ignored; /* they are going to be looked up */

    for (unsigned i = 0; nodes && i < known->n; i++)
        nodes[i] = (struct config_node){.url = known->nodes[i].node->url,
                                        .zone = known->nodes[i].zone,
                                        .weight = known->nodes[i].weight};
    if (nodes && fleet_found(f, backend, nodes, known->n, &none, &ignored))
        fleet_set_unref(none);
    struct fleet_lookups *to = fleet_lookups(f, backend), *from = fleet_lookups(before, old);
    atomic_store(&to->looked, atomic_load(&from->looked));
    atomic_store(&to->failures, atomic_load(&from->failures));
    atomic_store(&to->good_ms, atomic_load(&from->good_ms));
    arena_free(a);
    fleet_set_unref(known);
}

/* As its nodes are found at the new fleet's own leisure, until then those of the old one count. */
void fleet_inherit(struct fleet *f, const struct fleet *before)
{
    for (unsigned i = 0; i < f->config->n_backends; i++)
        for (unsigned k = 0; k < before->config->n_backends; k++)
            if (looks_up_alike(&f->config->backends[i], &before->config->backends[k]))
                inherit(f, i, before, k);
}

/* ---- the view ------------------------------------------------------------------------------ */

static struct policy_model *find_model(struct policy_model *models, unsigned n, struct view name)
{
    for (unsigned i = 0; i < n; i++)
        if (view_eq(models[i].name, name))
            return &models[i];
    return NULL;
}

/* What the config says goes first, then what the engine says, then what is known by name. */
static void add_named(struct policy_backend *b, const struct config_backend *c,
                      const struct config_model *m, struct policy_model *reported, struct arena *a)
{
    struct llm_model_facts facts = llm_model_facts(m->name);
    struct policy_model *out = &b->models[b->n_models++];
    /* An engine that loads on demand says nothing of a model that is not loaded. */
    uint32_t engine_window = reported                     ? reported->window
                             : c->engine == ENGINE_OLLAMA ? OLLAMA_UNLOADED_WINDOW
                                                          : 0;

    *out =
        (struct policy_model){.name = arena_dup(a, m->name),
                              .loaded = reported && reported->loaded,
                              .remote = reported ? reported->remote : llm_model_is_remote(m->name),
                              .family = tokens_family(m->name)};
    out->window = m->window ? m->window : engine_window ? engine_window : facts.window;
    /* An engine says more than a name does only of its own list. */
    out->abilities = reported && !m->abilities_known ? reported->abilities : llm_model_abilities(m);
}

/* The models of all the backend's nodes, each once, in the order of the first that has it. A model
 * that several nodes have with different windows counts with the largest, which fleet_pick() heeds,
 * and as remote when one of them says so. */
static struct policy_model *collect(const struct fleet_set *from, struct arena *a, unsigned *ret_n)
{
    struct node_models *lists[FLEET_MAX_NODES];
    unsigned most = 0, n = 0;

    for (unsigned i = 0; i < from->n; i++) {
        lists[i] = node_models_ref(from->nodes[i].node);
        most += lists[i] ? lists[i]->n : 0;
    }
    struct policy_model *out = arena_new_array(a, struct policy_model, most + 1);
    for (unsigned i = 0; i < from->n; i++) {
        for (unsigned k = 0; out && lists[i] && k < lists[i]->n; k++) {
            const struct policy_model *m = &lists[i]->models[k];
            struct policy_model *seen = find_model(out, n, m->name);
            if (!seen) {
                out[n] = *m;
                out[n].digest = arena_dup(a, m->digest);
                out[n++].name = arena_dup(a, m->name);
            } else {
                seen->remote |= m->remote;
                if (m->window > seen->window)
                    seen->window = m->window;
            }
        }
        node_models_unref(lists[i]);
    }
    *ret_n = out ? n : 0;
    return out;
}

static bool nobody_has_told(const struct fleet_set *set)
{
    bool told = false;

    for (unsigned i = 0; i < set->n && !told; i++) {
        struct node_models *m = node_models_ref(set->nodes[i].node);
        told = m != NULL;
        node_models_unref(m);
    }
    return !told;
}

static struct policy_model *copy(const struct policy_backend *from, struct arena *a,
                                 unsigned *ret_n)
{
    struct policy_model *out = arena_new_array(a, struct policy_model, from->n_models + 1);

    for (unsigned i = 0; out && i < from->n_models; i++) {
        out[i] = from->models[i];
        out[i].name = arena_dup(a, from->models[i].name);
        out[i].digest = arena_dup(a, from->models[i].digest);
    }
    *ret_n = out ? from->n_models : 0;
    return out;
}

/* Where all nodes have just been replaced by others, which are not known yet, they are taken to
 * have what those before them had: else nobody could be asked until the first of them has told. */
static struct policy_model *reported_models(struct fleet *f, unsigned i, struct arena *a,
                                            unsigned *ret_n)
{
    struct fleet_set *set = fleet_set_ref(f, i);
    bool keep = f->view && f->config->backends[i].n_models == 0 && nobody_has_told(set);
    struct policy_model *out =
        keep ? copy(&f->view->backends[i], a, ret_n) : collect(set, a, ret_n);

    fleet_set_unref(set);
    return out;
}

static void fill_backend(struct fleet *f, unsigned i, struct policy_backend *out, struct arena *a)
{
    const struct config_backend *c = &f->config->backends[i];
    unsigned n_reported;
    struct policy_model *reported = reported_models(f, i, a, &n_reported);

    *out = (struct policy_backend){.index = i,
                                   .name = arena_dup(a, c->name),
                                   .side = c->side,
                                   .engine = c->engine,
                                   .cuts = c->engine == ENGINE_OLLAMA && c->dialect != LLM_OLLAMA};
    if (c->n_models == 0) {
        out->models = reported;
        out->n_models = n_reported;
        return;
    }
    out->models = arena_new_array(a, struct policy_model, c->n_models);
    for (unsigned k = 0; out->models && k < c->n_models; k++)
        add_named(out, c, &c->models[k], model_names_find(reported, n_reported, c->models[k].name),
                  a);
}

void fleet_refresh(struct fleet *f)
{
    unsigned n = f->config->n_backends;
    struct arena *a = arena_new(VIEW_ARENA_BYTES);
    struct view_of_backends *v = a ? arena_new_of(a, struct view_of_backends) : NULL;

    if (v)
        v->backends = arena_new_array(a, struct policy_backend, n + 1);
    if (!v || !v->backends) {
        arena_free(a); /* the old view stays */
        return;
    }
    atomic_store(&v->refs, 1);
    v->arena = a;
    for (unsigned i = 0; i < n; i++)
        fill_backend(f, i, &v->backends[i], a);
    lock_take(&f->mutex);
    struct view_of_backends *before = f->view;
    f->view = v;
    lock_release(&f->mutex);
    view_unref(before);
}

bool fleet_view(struct fleet *f, struct arena *a, struct policy_fleet *ret_fleet)
{
    unsigned n = f->config->n_backends;
    struct policy_backend *out = arena_new_array(a, struct policy_backend, n + 1);
    int64_t now = loop_now_ns();

    if (!out)
        return false;
    lock_take(&f->mutex);
    struct view_of_backends *v = f->view;
    if (v)
        atomic_fetch_add(&v->refs, 1);
    lock_release(&f->mutex);
    if (!v)
        return false;
    arena_defer(a, view_unref, v);
    memcpy(out, v->backends, n * sizeof(*out));
    for (unsigned i = 0; i < n; i++) {
        struct fleet_set *set = fleet_set_ref(f, i);
        out[i].out_of_service = true;
        for (unsigned k = 0; k < set->n && !out[i].available; k++) {
            out[i].available = node_available(set->nodes[k].node, now);
            out[i].out_of_service &= !node_serves(set->nodes[k].node);
        }
        fleet_set_unref(set);
        out[i].saturated = out[i].available && overflow_full(f, i, now);
        if (out[i].saturated)
            out[i].fullness = overflow_reason(f, i, now, a);
    }
    *ret_fleet = (struct policy_fleet){.backends = out, .n_backends = n};
    return !arena_failed(a);
}

/* ---- choosing a node ----------------------------------------------------------------------- */

uint32_t fleet_window(struct node *n, struct view model)
{
    struct node_models *m = node_models_ref(n);
    const struct policy_model *found = m ? model_names_find(m->models, m->n, model) : NULL;
    uint32_t window = found ? found->window : 0;

    node_models_unref(m);
    return window;
}

/* Their bits stand for places in the set that the exchange began with. */
const struct fleet_set *fleet_begin(const struct fleet *f, const struct fleet_wish *wish,
                                    struct fleet_tried *tried)
{
    if (!tried->set) {
        struct fleet_set *now = fleet_set_ref(f, wish->backend);
        assert(now->fixed || wish->arena);
        fleet_set_leave(now, wish->arena);
        tried->set = now;
    }
    return tried->set;
}

static struct pick pick_of(const struct fleet *f, const struct fleet_wish *wish,
                           const struct fleet_tried *tried)
{
    return (struct pick){.config = f->config,
                         .backend = &f->config->backends[wish->backend],
                         .nodes = tried->set->nodes,
                         .n = tried->set->n,
                         .wish = wish,
                         .tried = tried};
}

bool fleet_may_ask(const struct fleet *f, const struct fleet_wish *wish,
                   const struct fleet_tried *tried, unsigned i)
{
    struct pick pick = pick_of(f, wish, tried);
    return pick_may_ask(&pick, i);
}

void fleet_mark_tried(struct fleet_tried *tried, unsigned i)
{
    tried->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

struct node *fleet_pick(struct fleet *f, const struct fleet_wish *wish, struct fleet_tried *tried)
{
    const struct fleet_set *b = fleet_begin(f, wish, tried);
    struct pick pick = pick_of(f, wish, tried);

    if (b->n > 1) /* one needs no luck */
        pick.draw = hash_mix(atomic_fetch_add_explicit(&f->draws, 1, memory_order_relaxed));
    unsigned i = pick_node(&pick);
    if (i == BALANCE_NONE)
        return NULL;
    fleet_mark_tried(tried, i);
    return b->nodes[i].node;
}

void fleet_set_tried(struct fleet *f, const struct fleet_wish *wish, const struct node *node,
                     struct fleet_tried *tried)
{
    const struct fleet_set *b = fleet_begin(f, wish, tried);

    for (unsigned i = 0; i < b->n; i++)
        if (b->nodes[i].node == node)
            fleet_mark_tried(tried, i);
}
