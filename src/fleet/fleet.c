#include "fleet/fleet.h"

#include "base/clock.h"
#include "base/hash.h"
#include "egress/egress.h"
#include "fleet/balance.h"
#include "fleet/budget.h"
#include "fleet/pick.h"
#include "llm/models.h"

#include <stdlib.h>

enum { VIEW_ARENA_BYTES = 4 << 20, OLLAMA_UNLOADED_WINDOW = 4096 };

/* Immutable, made anew when a node's models change. */
struct view_of_backends {
    atomic_int refs;
    struct arena *arena;
    struct policy_backend *backends; /* `available` is filled in for each question */
};

struct backend {
    struct fleet_node nodes[FLEET_MAX_NODES];
    unsigned n;
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
    for (unsigned i = 0; i < config->n_backends; i++) {
        const struct config_backend *b = &config->backends[i];
        for (unsigned k = 0; k < b->n_nodes && k < FLEET_MAX_NODES; k++) {
            struct node *n = node_get(b, &b->nodes[k].url, err);
            if (!n) {
                fleet_unref(f);
                return NULL;
            }
            f->backends[i].nodes[f->backends[i].n++] = (struct fleet_node){
                .node = n,
                .zone = b->nodes[k].zone,
                .weight = b->nodes[k].weight,
                .near = !config->zone.n || view_eq(config->zone, b->nodes[k].zone)};
        }
    }
    fleet_refresh(f);
    if (!f->view) {
        fleet_unref(f);
        error_set(err, ERROR_NO_MEMORY, "no memory for the fleet");
        return NULL;
    }
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

const struct fleet_node *fleet_nodes(const struct fleet *f, unsigned backend, unsigned *ret_n)
{
    *ret_n = f->backends[backend].n;
    return f->backends[backend].nodes;
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
static struct policy_model *collect(const struct backend *from, struct arena *a, unsigned *ret_n)
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

static void fill_backend(struct fleet *f, unsigned i, struct policy_backend *out, struct arena *a)
{
    const struct config_backend *c = &f->config->backends[i];
    unsigned n_reported;
    struct policy_model *reported = collect(&f->backends[i], a, &n_reported);

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
        out[i].out_of_service = true;
        for (unsigned k = 0; k < f->backends[i].n && !out[i].available; k++) {
            out[i].available = node_available(f->backends[i].nodes[k].node, now);
            out[i].out_of_service &= !node_serves(f->backends[i].nodes[k].node);
        }
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

struct node *fleet_pick(struct fleet *f, const struct fleet_wish *wish, struct fleet_tried *tried)
{
    const struct backend *b = &f->backends[wish->backend];
    struct pick pick = {
        .config = f->config,
        .backend = &f->config->backends[wish->backend],
        .nodes = b->nodes,
        .n = b->n,
        .wish = wish,
        .tried = tried,
    };

    if (b->n > 1) /* one needs no luck */
        pick.draw = hash_mix(atomic_fetch_add_explicit(&f->draws, 1, memory_order_relaxed));
    unsigned i = pick_node(&pick);
    if (i == BALANCE_NONE)
        return NULL;
    tried->bits[i / 64] |= UINT64_C(1) << (i % 64);
    return b->nodes[i].node;
}
