#include "fleet/registry.h"

#include "base/clock.h"
#include "egress/egress.h"
#include "fleet/waiting.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NODE_ARENA_BYTES = 64 * 1024,
    IDLE_MS =
        30 * 1000, /* shorter than what servers usually keep (vLLM's uvicorn: 5 s, others 60 s) */
    IDLE_VLLM_MS = 4 * 1000,
    FIRST_TOKENS_MIN = 20, /* before their p95 is told: of fewer it is the slowest one */
};

/* Weight of the newest request in a node's time per token and its latency. */
static const double SMOOTHING = 0.05;

bool node_is(const struct node *n, const struct config_backend *b, const struct config_url *u)
{
    return n->side == b->side && n->engine == b->engine && view_eq(n->backend, b->name) &&
           view_eq(n->text, u->text) && view_eq(n->url.host, u->host) &&
           view_eq(n->origin.ca_file, b->ca_file) && n->origin.n_networks == b->n_networks &&
           (b->n_networks == 0 ||
            memcmp(n->origin.networks, b->networks, b->n_networks * sizeof(*b->networks)) == 0);
}

/* The node outlives the config. */
static bool take_networks(struct node *n, const struct config_backend *b, struct error *err)
{
    struct network *own = arena_new_array(n->arena, struct network, b->n_networks);

    if (!own)
        return error_set(err, ERROR_NO_MEMORY, "no memory for node %.*s", VIEW_ARG(n->text));
    if (b->n_networks)
        memcpy(own, b->networks, b->n_networks * sizeof(*own));
    n->origin.networks = own;
    n->origin.n_networks = b->n_networks;
    return true;
}

void node_note_change(struct node *n, const char *why)
{
    n->changed_ms = clock_wall_ms();
    snprintf(n->changed_why, sizeof(n->changed_why), "%s", why);
}

struct node *node_new(const struct config_backend *b, const struct config_url *u, struct error *err)
{
    struct node *n = aligned_alloc(_Alignof(struct node), sizeof(*n));
    struct arena *a = n ? arena_new(NODE_ARENA_BYTES) : NULL;

    if (!a) {
        free(n);
        error_set(err, ERROR_NO_MEMORY, "no memory for node %.*s", VIEW_ARG(u->text));
        return NULL;
    }
    memset(n, 0, sizeof(*n));
    n->arena = a;
    n->backend = arena_dup(a, b->name);
    n->text = arena_dup(a, u->text);
    n->side = b->side;
    n->engine = b->engine;
    n->breaker.near = b->side == SIDE_INSIDE;
    n->url = *u;
    n->url.host = arena_dup(a, u->host);
    n->url.prefix = arena_dup(a, u->prefix);
    n->url.address = arena_dup(a, u->address);
    n->url.text = n->text;
    n->origin = (struct http_origin){.host = n->url.host,
                                     .address = n->url.address,
                                     .port = u->port,
                                     .tls = u->tls,
                                     .ca_file = arena_dup(a, b->ca_file),
                                     .idle_ms = b->engine == ENGINE_VLLM ? IDLE_VLLM_MS : IDLE_MS};
    http_origin_init(&n->origin);
    pthread_mutex_init(&n->mutex, NULL);
    n->hours_from_ms = clock_wall_ms();
    share_start(&n->meter, clock_mono_ns());
    node_note_change(n, "first seen");
    model_names_forget(&n->names);
    atomic_init(&n->least_window, UINT_MAX);
    pace_start(&n->pace, clock_mono_ns());
    if (b->engine == ENGINE_OLLAMA)
        pace_guess_width(&n->pace, 1); /* its own default; it tells nothing */
    if (!take_networks(n, b, err) ||
        (b->side == SIDE_OUTSIDE && !egress_proxy_for(&n->url, a, &n->origin.proxy, err))) {
        arena_free(a);
        free(n);
        return NULL;
    }
    return n;
}

void node_destroy(struct node *n)
{
    node_models_unref(n->models);
    pthread_mutex_destroy(&n->mutex);
    arena_free(n->arena);
    free(n);
}

enum node_state node_state(const struct node *n, int64_t now_ns)
{
    int duty = atomic_load_explicit(&n->duty, memory_order_relaxed);

    if (duty == DUTY_CORDON)
        return NODE_CORDONED;
    if (duty == DUTY_DRAIN)
        return atomic_load(&n->in_flight) ? NODE_DRAINING : NODE_DRAINED;
    if (atomic_load_explicit(&n->loading, memory_order_relaxed))
        return NODE_LOADING;
    if (atomic_load_explicit(&n->open, memory_order_relaxed))
        return NODE_OPEN;
    if (atomic_load_explicit(&n->half_open, memory_order_relaxed))
        return NODE_TRIAL;
    if (atomic_load_explicit(&n->key_refused, memory_order_relaxed))
        return NODE_REFUSED;
    if (atomic_load_explicit(&n->not_before_ns, memory_order_relaxed) > now_ns)
        return NODE_WAITING;
    return NODE_UP;
}

const char *node_state_name(enum node_state state)
{
    static const char *const names[NODE_STATES] = {
        "up", "waiting", "loading", "open", "trial", "refused", "cordoned", "draining", "drained"};
    return names[state];
}

bool node_available(const struct node *n, int64_t now_ns)
{
    enum node_state state = node_state(n, now_ns);

    if (state == NODE_TRIAL)
        return !atomic_load_explicit(&n->trial, memory_order_relaxed) &&
               atomic_load_explicit(&n->not_before_ns, memory_order_relaxed) <= now_ns;
    return state == NODE_UP;
}

void node_set_duty(struct node *n, enum node_duty duty)
{
    static const char *const why[] = {"resumed by the operator", "cordoned by the operator",
                                      "drained by the operator"};

    if (atomic_exchange(&n->duty, (int)duty) == (int)duty)
        return;
    lock_take(&n->mutex);
    node_note_change(n, why[duty]);
    pace_start(&n->pace, clock_mono_ns());
    lock_release(&n->mutex);
    waiting_room_came(n);
}

bool node_serves(const struct node *n)
{
    return atomic_load_explicit(&n->duty, memory_order_relaxed) == DUTY_SERVE;
}

static int64_t whole_ms(int64_t ns)
{
    return ns < 0 ? -1 : ns / NS_PER_MS;
}

struct node_history node_history(struct node *n)
{
    struct node_history h;

    int64_t now = clock_mono_ns();
    lock_take(&n->mutex);
    h.failures = n->breaker.failures;
    h.latency_ms = n->latency_ns > 0 ? (int64_t)(n->latency_ns / NS_PER_MS) : -1;
    h.first_token_p50_ms = whole_ms(latency_quantile(&n->first_token, 0.5, now));
    h.first_token_p95_ms = whole_ms(latency_quantile(&n->first_token, 0.95, now));
    h.changed_ms = n->changed_ms;
    memcpy(h.why, n->changed_why, sizeof(h.why));
    memcpy(h.last_error, n->last_error, sizeof(h.last_error));
    lock_release(&n->mutex);
    return h;
}

bool node_begin(struct node *n, struct node_use *ret_use)
{
    struct node_use use = {.node = n};

    if (atomic_load(&n->open) || atomic_load(&n->half_open)) {
        if (atomic_exchange(&n->trial, true))
            return false;
        use.trial = true;
    }
    /* Whoever drains sees the request, or the request sees that. */
    unsigned before = atomic_fetch_add(&n->in_flight, 1);
    if (atomic_load(&n->duty) != DUTY_SERVE) {
        atomic_fetch_sub(&n->in_flight, 1);
        if (use.trial)
            atomic_store(&n->trial, false);
        return false;
    }
    atomic_fetch_add_explicit(&n->requests, 1, memory_order_relaxed);
    int64_t now = clock_mono_ns();
    lock_take(&n->mutex);
    use.share_begin = share_begin(&n->meter, now);
    use.stay = pace_arrive(&n->pace, before, now);
    lock_release(&n->mutex);
    *ret_use = use;
    return true;
}

static void smooth(double *value, double newest)
{
    *value += *value > 0 ? (newest - *value) * SMOOTHING : newest;
}

int64_t node_end(struct node_use *use, uint64_t tokens)
{
    struct node *n = use->node;

    if (!n)
        return 0;
    use->node = NULL;
    atomic_fetch_sub(&n->in_flight, 1);
    int64_t now = clock_mono_ns();
    lock_take(&n->mutex);
    int64_t share_ns = share_end(&n->meter, use->share_begin, now);
    if (tokens > 0) {
        smooth(&n->ns_per_token, (double)share_ns / (double)tokens);
        smooth(&n->latency_ns, (double)(now - use->stay.began_ns));
        pace_served(&n->pace, &use->stay, now);
    }
    lock_release(&n->mutex);
    if (use->trial)
        atomic_store(&n->trial, false);
    waiting_room_came(n);
    return share_ns;
}

int64_t node_estimate_share_ns(struct node *n, uint64_t tokens)
{
    lock_take(&n->mutex);
    double per_token = n->ns_per_token;
    lock_release(&n->mutex);
    return per_token > 0 ? (int64_t)(per_token * (double)tokens) : -1;
}

void node_first_token(struct node *n, int64_t took_ns)
{
    int64_t now = clock_mono_ns();

    lock_take(&n->mutex);
    latency_add(&n->first_token, took_ns, now);
    lock_release(&n->mutex);
}

int64_t node_first_token_p95(struct node *n)
{
    int64_t now = clock_mono_ns();

    lock_take(&n->mutex);
    bool enough = latency_count(&n->first_token, now) >= FIRST_TOKENS_MIN;
    int64_t p95 = enough ? latency_quantile(&n->first_token, 0.95, now) : -1;
    lock_release(&n->mutex);
    return p95;
}

struct node_models *node_models_ref(struct node *n)
{
    lock_take(&n->mutex);
    struct node_models *m = n->models;
    if (m)
        atomic_fetch_add(&m->refs, 1);
    lock_release(&n->mutex);
    return m;
}

void node_models_unref(struct node_models *m)
{
    if (m && atomic_fetch_sub(&m->refs, 1) == 1)
        arena_free(m->arena); /* the list itself lies in it */
}

static bool models_equal(const struct node_models *a, const struct node_models *b)
{
    if (!a || !b || a->n != b->n || a->slots != b->slots || !view_eq(a->version, b->version))
        return a == b;
    for (unsigned i = 0; i < a->n; i++)
        if (!view_eq(a->models[i].name, b->models[i].name) ||
            a->models[i].window != b->models[i].window ||
            a->models[i].abilities != b->models[i].abilities ||
            a->models[i].loaded != b->models[i].loaded ||
            a->models[i].remote != b->models[i].remote ||
            !view_eq(a->models[i].digest, b->models[i].digest))
            return false;
    return true;
}

static unsigned least_window(const struct node_models *m)
{
    unsigned least = UINT_MAX;

    for (unsigned i = 0; i < m->n; i++)
        if (m->models[i].window > 0 && m->models[i].window < least)
            least = m->models[i].window;
    return least;
}

bool node_set_models(struct node *n, struct node_models *models)
{
    lock_take(&n->mutex);
    struct node_models *before = n->models;
    bool changed = !models_equal(before, models);
    n->models = models;
    pace_tell_width(&n->pace, models->slots);
    model_names_note(&n->names, models->models, models->n);
    atomic_store_explicit(&n->least_window, least_window(models), memory_order_relaxed);
    lock_release(&n->mutex);
    node_models_unref(before);
    return changed;
}

void node_set_load(struct node *n, const struct node_load *load, int64_t keep_ms)
{
    int64_t now = clock_mono_ns();

    lock_take(&n->mutex);
    n->load = *load;
    n->load_read_ns = now;
    n->load_until_ns = now + keep_ms * NS_PER_MS;
    pace_read(&n->pace, load, atomic_load(&n->in_flight), now, n->load_until_ns);
    room_read(&n->room, load);
    lock_release(&n->mutex);
    waiting_room_came(n);
}

bool node_load(struct node *n, int64_t now_ns, struct node_load *ret_load, int64_t *ret_age_ms)
{
    lock_take(&n->mutex);
    bool fresh = now_ns < n->load_until_ns;
    *ret_load = fresh ? n->load : LOAD_UNKNOWN;
    *ret_age_ms = fresh ? (now_ns - n->load_read_ns) / NS_PER_MS : -1;
    lock_release(&n->mutex);
    return fresh;
}

unsigned node_count_remote(struct node *n)
{
    struct node_models *m = n->side == SIDE_INSIDE ? node_models_ref(n) : NULL;
    unsigned count = 0;

    for (unsigned i = 0; m && i < m->n; i++)
        count += m->models[i].remote;
    node_models_unref(m);
    return count;
}

void node_take_hours(struct node *n, int64_t *ret_from_ms, int64_t *ret_to_ms, int64_t *ret_busy_ms)
{
    int64_t now_ns = clock_mono_ns(), now_ms = clock_wall_ms();

    lock_take(&n->mutex);
    /* Moves the meter's busy time up to now without changing who is in flight. */
    int64_t busy_ns = now_ns - n->meter.since_ns - share_idle_ns(&n->meter, now_ns);
    *ret_from_ms = n->hours_from_ms;
    *ret_to_ms = now_ms;
    *ret_busy_ms = (busy_ns - n->hours_busy_ns) / NS_PER_MS;
    n->hours_from_ms = now_ms;
    n->hours_busy_ns += *ret_busy_ms * NS_PER_MS;
    lock_release(&n->mutex);
}
