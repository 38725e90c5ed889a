#include "fleet/watch.h"

#include "base/clock.h"
#include "fleet/ask.h"
#include "fleet/engine_facts.h"
#include "fleet/load_read.h"
#include "fleet/loading.h"
#include "fleet/models_json.h"
#include "llm/models.h"
#include "json/writer.h"

enum {
    PROBE_ARENA_BYTES = 8 << 20,
    MODELS_TIMEOUT_MS = 5000, /* llama.cpp answers from its decoding loop: seconds under load */
    COMPLETION_TIMEOUT_MS = 30000,
    LOADING_PAUSE_MS = 1000,
    LOAD_PARTS = 4,  /* of the pause between two readings, after each of which one may be due */
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

/* ---- one node under the prober's eye --------------------------------------------------------- */

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

static void tell_changed(const struct watch *w)
{
    if (!w->prober->stopping)
        w->prober->ears.changed(w->node, w->prober->ears.arg);
}

/* A token of the node, whose list came: what an engine lists it may still not answer. Nobody is
 * asked for one outside, where it costs. */
static bool probe_token(struct watch *w, const struct config_breaker *rules)
{
    struct arena *a = arena_new(PROBE_ARENA_BYTES);
    struct probed model = {.embeds = false};
    struct error err;

    if (a)
        model = any_model(w->node, w->backend, a);
    bool asks = model.name.n > 0;
    if (asks && probe_completion(w->prober->fleet, w->node, w->backend, model.name, model.embeds,
                                 COMPLETION_TIMEOUT_MS, &err))
        (void)node_answered(w->node, rules, 0);
    else if (asks)
        node_looked_in_vain(w->node, &err, rules);
    arena_free(a);
    return asks;
}

/* The list of a node whose breaker is not closed. Where nothing listened, that is enough for one
 * request at a time. */
static void come_back(struct watch *w)
{
    const struct config_breaker *rules = &fleet_config(w->prober->fleet)->breaker;
    bool token = w->node->side == SIDE_INSIDE && rules->probe == BREAKER_PROBE_TOKEN;
    enum breaker_cause cause;

    (void)node_look_ns(w->node, &cause);
    if (cause == BREAKER_CONNECT && node_set_half_open(w->node, rules))
        tell_changed(w);
    if ((!token || !probe_token(w, rules)) && !node_set_half_open(w->node, rules))
        return;
    tell_changed(w);
}

static bool is_loading(struct watch *w, const struct error *why)
{
    return loading_found(w->prober->fleet, w->node, w->backend, why, &w->refused_since_ns);
}

/* The node's models; NULL: `ret_loading` says whether its engine starts. One that came up between
 * the two questions is asked once more: it is not dead. */
static struct node_models *ask(struct watch *w, bool *ret_loading, struct error *err)
{
    struct fleet *f = w->prober->fleet;
    bool was_loading = atomic_load(&w->node->loading);
    struct node_models *models = probe_models(f, w->node, w->backend, MODELS_TIMEOUT_MS, err);

    *ret_loading = !models && is_loading(w, err);
    if (!models && was_loading && !*ret_loading)
        models = probe_models(f, w->node, w->backend, MODELS_TIMEOUT_MS, err);
    return models;
}

static bool is_closed(const struct node *n)
{
    return !atomic_load(&n->open) && !atomic_load(&n->half_open);
}

static void look_failed(struct watch *w, const struct error *why, bool loading)
{
    struct prober *p = w->prober;
    struct node *n = w->node;
    const struct config_breaker *rules = &fleet_config(p->fleet)->breaker;
    bool was_loading = atomic_load(&n->loading), news = false;

    if (why->code == ERROR_NOT_INSIDE && !p->stopping)
        p->ears.not_inside(n, why, p->ears.arg);
    bool gone = n->side == SIDE_INSIDE && atomic_load(&n->was_up) && loading_refused(why);
    news |= node_set_loading(n, loading);
    if (why->code == ERROR_UNAUTHORIZED)
        node_wrong_key(n, why, true);
    else if (!loading && (was_loading || gone) && is_closed(n))
        news |= node_gone(n, why, rules);
    else if (!loading && !is_closed(n))
        node_looked_in_vain(n, why, rules);
    if (news)
        tell_changed(w);
}

static void look(struct watch *w)
{
    struct fleet *f = w->prober->fleet;
    /* What fails meanwhile is for the next look. */
    bool was_closed = is_closed(w->node), was_refused = atomic_load(&w->node->key_refused);
    bool loading;
    struct error err;
    struct node_models *models = ask(w, &loading, &err);

    if (task_cancelled()) { /* that says nothing of the node */
        node_models_unref(models);
        return;
    }
    if (!models) {
        look_failed(w, &err, loading);
        return;
    }
    w->refused_since_ns = 0;
    bool news = node_set_models(w->node, models);
    if (news)
        fleet_refresh(f);
    news |= node_seen(w->node);
    news |= was_refused && node_key_taken(w->node);
    if (news)
        tell_changed(w);
    if (!was_closed && !is_closed(w->node))
        come_back(w);
}

/* Outside nodes with named models are left alone while all is well. */
static bool wants_look(const struct watch *w, bool first)
{
    if (atomic_load(&w->node->duty) == DUTY_DRAIN)
        return false; /* it may be switched off */
    if (atomic_load(&w->node->not_before_ns) > loop_now_ns())
        return false; /* it asked to be left alone until then */
    if (w->node->side == SIDE_INSIDE || !is_closed(w->node) || atomic_load(&w->node->key_refused))
        return true;
    return w->backend->n_models == 0 && first;
}

/* Until the next reading; false: the task ends. An engine that may be full is read more often, so
 * that requests overflow as soon as it is, and come back as soon as it is no more. */
static bool pause_reading(const struct watch *w, int64_t began_ns, int64_t interval_ms)
{
    int64_t part_ns = interval_ms * NS_PER_MS / LOAD_PARTS;

    for (unsigned i = 1; i <= LOAD_PARTS; i++) {
        if (task_park(began_ns + i * part_ns, TASK_CANCELLABLE) == WAIT_CANCELLED)
            return false;
        if (room_unsure(w->node, fleet_config(w->prober->fleet), loop_now_ns()))
            break;
    }
    return true;
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
        int64_t began_ns = loop_now_ns();
        if (!atomic_load(&w->node->open) && !atomic_load(&w->node->loading) &&
            atomic_load(&w->node->duty) != DUTY_DRAIN &&
            load_read(&reader, p->fleet, w->node, w->backend, &load, &err))
            node_set_load(w->node, &load, interval_ms * LOAD_COUNTS);
        if (!pause_reading(w, began_ns, interval_ms))
            break;
    }
    w->load_task = NULL;
    watch_task_ended(w);
}

/* Behind the first look, so that both need one connection. */
static void start_load(struct watch *w)
{
    if (w->prober->stopping || task_cancelled() || !load_can_be_read(w->node))
        return;
    w->load_task = task_spawn(loop_current(), "load", watch_load, w);
    w->prober->running += w->load_task != NULL;
}

/* When the next look is due, after one at `last_ns`. */
static int64_t due_ns(struct node *n, const struct config *c, int64_t last_ns)
{
    enum breaker_cause cause;
    int64_t look_ns = node_look_ns(n, &cause);

    if (atomic_load(&n->loading) && c->probe_interval_ms > LOADING_PAUSE_MS)
        return last_ns + LOADING_PAUSE_MS * NS_PER_MS;
    if (look_ns)
        return look_ns;
    return last_ns +
           (atomic_load(&n->key_refused) ? c->breaker.open_ms : c->probe_interval_ms) * NS_PER_MS;
}

/* Waits until a look is due; what requests find meanwhile is noticed within a second. */
static bool wait_for_look(struct watch *w, int64_t last_ns)
{
    const struct config *c = fleet_config(w->prober->fleet);

    while (!w->prober->stopping && !task_cancelled()) {
        int64_t now = loop_now_ns(), due = due_ns(w->node, c, last_ns), notice = now + NS_PER_S;
        if (due <= now && wants_look(w, false))
            return true;
        if (task_park(due > now && due < notice ? due : notice, TASK_CANCELLABLE) == WAIT_CANCELLED)
            break;
    }
    return false;
}

static void watch_node(void *arg)
{
    struct watch *w = arg;

    if (wants_look(w, true))
        look(w);
    watch_looked(w);
    start_load(w);
    while (wait_for_look(w, loop_now_ns()))
        look(w);
    w->task = NULL;
    watch_task_ended(w);
}

void watch_start(struct watch *w)
{
    w->task = task_spawn(loop_current(), "probe", watch_node, w);
    if (w->task)
        w->prober->running++;
    else
        watch_looked(w);
}
