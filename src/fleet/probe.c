#include "fleet/probe.h"

#include "base/clock.h"
#include "fleet/ask.h"
#include "fleet/engine_facts.h"
#include "fleet/load_read.h"
#include "fleet/loading.h"
#include "fleet/models_json.h"
#include "llm/models.h"
#include "run/task.h"
#include "json/writer.h"

#include <stdlib.h>

enum {
    PROBE_ARENA_BYTES = 8 << 20,
    MODELS_TIMEOUT_MS = 5000, /* llama.cpp answers from its decoding loop: seconds under load */
    COMPLETION_TIMEOUT_MS = 30000,
    LOADING_PAUSE_MS = 1000,
    LOAD_COUNTS = 5, /* readings of a load that may fail before the last one is too old */
};

/* ---- models -------------------------------------------------------------------------------- */

/* What each engine offers: a list, and behind it what is in memory and how large the window is. */
static bool ask_models(struct fleet *f, struct node *n, const struct config_backend *b,
                       int64_t timeout_ms, struct arena *a, struct node_models *out,
                       struct error *err)
{
    struct view list, more = VIEW_NONE;
    struct error ignored;

    if (n->engine == ENGINE_OLLAMA)
        return node_ask(f, n, b, "GET", "/api/tags", VIEW_NONE, timeout_ms, a, &list, err) &&
               node_ask(f, n, b, "GET", "/api/ps", VIEW_NONE, timeout_ms, a, &more, err) &&
               models_from_ollama(list, more, out, err);
    if (!node_ask(f, n, b, "GET", "/v1/models", VIEW_NONE, timeout_ms, a, &list, err))
        /* Some managed APIs have no list. That they say so is an answer, and all that is needed
         * where the config names the models. */
        return n->side == SIDE_OUTSIDE && b->n_models > 0 && err->code == ERROR_NOT_FOUND;
    /* llama.cpp's /props may be switched off; the list is enough then. */
    if (n->engine == ENGINE_LLAMACPP &&
        !node_ask(f, n, b, "GET", "/props", VIEW_NONE, timeout_ms, a, &more, &ignored))
        more = VIEW_NONE;
    return models_from_openai(list, more, out, err);
}

struct node_models *probe_models(struct fleet *f, struct node *n,
                                 const struct config_backend *backend, int64_t timeout_ms,
                                 struct error *err)
{
    struct arena *scratch = arena_new(PROBE_ARENA_BYTES), *kept = arena_new(PROBE_ARENA_BYTES);
    struct node_models *out = kept ? arena_new_of(kept, struct node_models) : NULL;

    if (!scratch || !out) {
        error_set(err, ERROR_NO_MEMORY, "no memory for a probe");
    } else {
        atomic_store(&out->refs, 1);
        out->arena = kept;
        if (ask_models(f, n, backend, timeout_ms, scratch, out, err))
            engine_facts_ask(f, n, backend, timeout_ms, scratch, out);
        else
            out = NULL;
    }
    arena_free(scratch);
    if (!out)
        arena_free(kept);
    return out;
}

bool probe_completion(struct fleet *f, struct node *n, const struct config_backend *backend,
                      struct view model, bool embeds, int64_t timeout_ms, struct error *err)
{
    struct arena *a = arena_new(PROBE_ARENA_BYTES);
    struct buf body = BUF_MAX(4096);
    struct view answer;

    if (!a)
        return error_set(err, ERROR_NO_MEMORY, "no memory for a probe");
    buf_append_lit(&body, "{\"model\":");
    json_quote(&body, model);
    buf_append(&body, embeds ? VIEW(",\"input\":\"ping\"}")
                             : VIEW(",\"max_tokens\":1,\"messages\":"
                                    "[{\"role\":\"user\",\"content\":\"ping\"}]}"));
    bool ok = node_ask(f, n, backend, "POST", embeds ? "/v1/embeddings" : "/v1/chat/completions",
                       buf_view(&body), timeout_ms, a, &answer, err);
    buf_done(&body);
    arena_free(a);
    return ok;
}

/* ---- the prober ---------------------------------------------------------------------------- */

/* One node under the prober's eye; a task that looks at it, another that reads its load. */
struct watch {
    struct prober *prober;
    struct node *node;
    const struct config_backend *backend;
    struct task *task, *load_task;
    int64_t refused_since_ns; /* loading.h */
    bool counted;             /* among `unknown` */
};

struct prober {
    struct fleet *fleet;
    struct prober_ears ears;
    struct watch *watches;
    unsigned n, running;
    unsigned unknown; /* nodes whose first look is not done */
    bool stopping;
};

static void prober_done(struct prober *p)
{
    fleet_unref(p->fleet);
    free(p->watches);
    free(p);
}

/* After a reload most nodes have told their models before. */
static bool is_unknown(struct node *n)
{
    struct node_models *m = node_models_ref(n);

    node_models_unref(m);
    return m == NULL;
}

static void first_look_done(struct watch *w)
{
    struct prober *p = w->prober;

    if (!w->counted)
        return;
    w->counted = false;
    if (--p->unknown == 0)
        fleet_set_known(p->fleet);
}

struct probed {
    struct view name;
    bool embeds;
};

static void consider(struct probed *p, struct view name, unsigned abilities)
{
    bool embeds = (abilities & ABILITY_EMBEDDINGS) != 0;

    if (p->name.n == 0 || (p->embeds && !embeds))
        *p = (struct probed){.name = name, .embeds = embeds};
}

/* The first model of the node that can chat, for the half-open probe; else its first. */
static struct probed any_model(struct node *n, const struct config_backend *b, struct arena *a)
{
    struct probed p = {.embeds = false};
    struct node_models *m = b->n_models ? NULL : node_models_ref(n);

    for (unsigned i = 0; i < b->n_models; i++)
        consider(&p, b->models[i].name, llm_model_abilities(&b->models[i]));
    for (unsigned i = 0; m && i < m->n; i++)
        consider(&p, m->models[i].name, m->models[i].abilities);
    p.name = p.name.n ? arena_dup(a, p.name) : VIEW_NONE;
    node_models_unref(m);
    return p;
}

/* Asks an open node whether it is back; true when it is. */
static bool probe_open(struct watch *w, struct error *err)
{
    struct arena *a = arena_new(PROBE_ARENA_BYTES);
    bool ok = a != NULL;

    struct probed model = {.embeds = false};
    if (ok)
        model = any_model(w->node, w->backend, a);
    if (ok && w->node->side == SIDE_INSIDE && model.name.n > 0)
        ok = probe_completion(w->prober->fleet, w->node, w->backend, model.name, model.embeds,
                              COMPLETION_TIMEOUT_MS, err);
    arena_free(a);
    return ok;
}

static bool is_loading(struct watch *w, const struct error *why)
{
    return loading_found(w->prober->fleet, w->node, w->backend, why, &w->refused_since_ns);
}

static void look(struct watch *w)
{
    struct prober *p = w->prober;
    struct error err;
    bool was_open = atomic_load(&w->node->open);

    struct node_models *models =
        probe_models(p->fleet, w->node, w->backend, MODELS_TIMEOUT_MS, &err);
    if (!models && err.code == ERROR_NOT_INSIDE && !p->stopping)
        p->ears.not_inside(w->node, &err, p->ears.arg);
    bool was_loading = atomic_load(&w->node->loading);
    bool loading = !models && is_loading(w, &err);
    bool news = node_set_loading(w->node, loading);
    if (!models && was_loading && !loading) /* it did not come up */
        (void)node_failed(w->node, &err, 1, 0);
    if (models)
        w->refused_since_ns = 0;
    if (models && node_set_models(w->node, models)) {
        fleet_refresh(p->fleet);
        news = true;
    }
    if (news && !p->stopping)
        p->ears.changed(w->node, p->ears.arg);
    if (!models)
        return;
    if (was_open && probe_open(w, &err)) {
        node_succeeded(w->node);
        if (!p->stopping)
            p->ears.changed(w->node, p->ears.arg);
    }
}

/* Outside nodes with named models are left alone while all is well. */
static bool wants_look(const struct watch *w, bool first)
{
    bool open = atomic_load(&w->node->open);

    if (atomic_load(&w->node->duty) == DUTY_DRAIN)
        return false; /* it may be switched off */
    if (atomic_load(&w->node->not_before_ns) > loop_now_ns())
        return false; /* it asked to be left alone until then */
    if (w->node->side == SIDE_INSIDE || open)
        return true;
    return w->backend->n_models == 0 && first;
}

static void task_ended(struct prober *p)
{
    if (--p->running == 0 && p->stopping)
        prober_done(p);
}

/* A node that is open or loading is left to its probe, one that rests to its operator. */
static void watch_load(void *arg)
{
    struct watch *w = arg;
    struct prober *p = w->prober;
    int64_t interval_ms = fleet_config(p->fleet)->load_interval_ms;
    struct load_reader reader = {0};
    struct node_load load;
    struct error err;

    while (!p->stopping && !task_cancelled()) {
        int64_t next_ns = loop_now_ns() + interval_ms * NS_PER_MS;
        if (!atomic_load(&w->node->open) && !atomic_load(&w->node->loading) &&
            atomic_load(&w->node->duty) != DUTY_DRAIN &&
            load_read(&reader, p->fleet, w->node, w->backend, &load, &err))
            node_set_load(w->node, &load, interval_ms * LOAD_COUNTS);
        if (task_park(next_ns, TASK_CANCELLABLE) == WAIT_CANCELLED)
            break;
    }
    w->load_task = NULL;
    task_ended(p);
}

/* Behind the first look, so that both need one connection. */
static void start_load(struct watch *w)
{
    if (w->prober->stopping || !load_can_be_read(w->node))
        return;
    w->load_task = task_spawn(loop_current(), "load", watch_load, w);
    w->prober->running += w->load_task != NULL;
}

static int64_t pause_ms(const struct node *n, const struct config *c)
{
    int64_t pause = atomic_load(&n->open) ? c->breaker_open_ms : c->probe_interval_ms;
    return atomic_load(&n->loading) && pause > LOADING_PAUSE_MS ? LOADING_PAUSE_MS : pause;
}

static void watch_node(void *arg)
{
    struct watch *w = arg;
    struct prober *p = w->prober;
    const struct config *c = fleet_config(p->fleet);
    bool first = true;

    while (!p->stopping && !task_cancelled()) {
        if (wants_look(w, first))
            look(w);
        if (first) {
            first_look_done(w);
            start_load(w);
        }
        first = false;
        int64_t pause = pause_ms(w->node, c);
        /* An open breaker is noticed within a second: the pause is cut into such pieces. */
        for (int64_t slept = 0; slept < pause && !p->stopping; slept += 1000) {
            bool was_open = atomic_load(&w->node->open);
            if (task_sleep_ms(pause - slept < 1000 ? pause - slept : 1000) == WAIT_CANCELLED)
                break;
            if (!was_open && atomic_load(&w->node->open)) {
                pause = c->breaker_open_ms;
                slept = 0;
            }
        }
    }
    w->task = NULL;
    task_ended(p);
}

static void start_watch(struct watch *w)
{
    w->task = task_spawn(loop_current(), "probe", watch_node, w);
    if (w->task)
        w->prober->running++;
    else
        first_look_done(w);
}

struct prober *prober_start(struct fleet *f, const struct prober_ears *ears)
{
    const struct config *c = fleet_config(f);
    struct prober *p = calloc(1, sizeof(*p));
    unsigned total = 0;

    for (unsigned i = 0; i < c->n_backends; i++)
        total += c->backends[i].n_nodes;
    if (p)
        p->watches = calloc(total + 1, sizeof(*p->watches));
    if (!p || !p->watches) {
        free(p);
        return NULL;
    }
    p->fleet = fleet_ref(f);
    p->ears = *ears;
    for (unsigned i = 0; i < c->n_backends; i++) {
        unsigned n;
        const struct fleet_node *nodes = fleet_nodes(f, i, &n);
        for (unsigned k = 0; k < n; k++) {
            bool unknown = is_unknown(nodes[k].node);
            p->watches[p->n++] = (struct watch){
                .prober = p, .node = nodes[k].node, .backend = &c->backends[i], .counted = unknown};
            p->unknown += unknown;
        }
    }
    if (p->unknown == 0)
        fleet_set_known(f);
    for (unsigned i = 0; i < p->n; i++)
        start_watch(&p->watches[i]);
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
    for (unsigned i = 0; i < p->n; i++) {
        if (p->watches[i].task)
            task_cancel(p->watches[i].task);
        if (p->watches[i].load_task)
            task_cancel(p->watches[i].load_task);
    }
}
