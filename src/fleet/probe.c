#include "fleet/probe.h"

#include "base/clock.h"
#include "egress/egress.h"
#include "fleet/models_json.h"
#include "llm/models.h"
#include "run/task.h"
#include "json/writer.h"

#include <stdlib.h>

enum {
    ANSWER_MAX = 4 << 20,
    PROBE_ARENA_BYTES = 8 << 20,
    MODELS_TIMEOUT_MS = 5000, /* llama.cpp answers from its decoding loop: seconds under load */
    COMPLETION_TIMEOUT_MS = 30000,
};

/* ---- one request --------------------------------------------------------------------------- */

static bool send_probe(struct http_call *call, struct fleet *f, struct node *n, struct view key,
                       const struct http_request_out *request,
                       const struct http_deadlines *deadlines, struct arena *a, struct error *err)
{
    const struct config_perimeter *perimeter = &fleet_config(f)->perimeter;
    struct egress_pass pass = {.gate = fleet_gate(f),
                               .profile = perimeter->profile,
                               .classes = perimeter->classes,
                               .forbidden = perimeter->classes,
                               .credential = key};

    if (n->side == SIDE_OUTSIDE)
        return egress_send(call, &n->origin, request, &pass, deadlines, a, NULL, err);
    return http_call_start(call, &n->origin, request, deadlines, a, err);
}

/* How each dialect wants to be told who asks. */
static struct view credential(const struct config_backend *b, struct arena *a)
{
    if (b->dialect == LLM_ANTHROPIC)
        return arena_printf(a, "anthropic-version: 2023-06-01\r\n%s%.*s%s",
                            b->key.n ? "x-api-key: " : "", VIEW_ARG(b->key),
                            b->key.n ? "\r\n" : "");
    return b->key.n ? arena_printf(a, "Authorization: Bearer %.*s\r\n", VIEW_ARG(b->key))
                    : VIEW("");
}

static struct view request_head(struct node *n, const struct config_backend *b, const char *method,
                                const char *path, size_t length, struct arena *a)
{
    bool v6 = view_find_char(n->url.host, ':') != VIEW_NPOS;

    return arena_printf(a,
                        "%s %.*s%s HTTP/1.1\r\nHost: %s%.*s%s:%u\r\nUser-Agent: weir-probe\r\n"
                        "Accept: application/json\r\nAccept-Encoding: identity\r\n%.*s"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        method, VIEW_ARG(n->url.prefix), path, v6 ? "[" : "", VIEW_ARG(n->url.host),
                        v6 ? "]" : "", n->url.port, VIEW_ARG(credential(b, a)), length);
}

/* Reads a small answer whole; `ret_body` lies in the arena. */
static bool read_answer(struct http_call *call, int64_t deadline, struct arena *a,
                        struct view *ret_body, struct error *err)
{
    struct buf body = BUF_MAX(ANSWER_MAX);
    struct view bytes;
    enum http_body_result result;

    while ((result = http_call_read(call, deadline, &bytes, err)) == HTTP_BODY_DATA)
        buf_append(&body, bytes);
    bool ok = result == HTTP_BODY_END;
    if (ok && !buf_ok(&body))
        ok = error_set(err, ERROR_UPSTREAM_PROTOCOL, "the answer is longer than %d bytes",
                       ANSWER_MAX);
    if (ok)
        *ret_body = arena_dup(a, buf_view(&body));
    buf_done(&body);
    return ok;
}

static bool ask(struct fleet *f, struct node *n, const struct config_backend *b, const char *method,
                const char *path, struct view body, int64_t timeout_ms, struct arena *a,
                struct view *ret_body, struct error *err)
{
    struct http_call call = {0};
    int64_t now = clock_mono_ns();
    struct http_deadlines deadlines = {.connect_ns = now + b->connect_ms * NS_PER_MS,
                                       .head_ns = now + timeout_ms * NS_PER_MS};
    struct http_request_out request = {.head = request_head(n, b, method, path, body.n, a),
                                       .body = &body,
                                       .n_body = body.n ? 1 : 0};

    bool ok = send_probe(&call, f, n, b->key, &request, &deadlines, a, err) &&
              read_answer(&call, deadlines.head_ns, a, ret_body, err);
    if (ok && call.head.status / 100 != 2)
        ok = error_set(err, call.head.status == 404 ? ERROR_NOT_FOUND : ERROR_UPSTREAM_STATUS,
                       "%s answered %d", path, call.head.status);
    http_call_end(&call);
    return ok;
}

/* ---- models -------------------------------------------------------------------------------- */

/* What each engine offers: a list, and behind it what is in memory and how large the window is. */
static bool ask_models(struct fleet *f, struct node *n, const struct config_backend *b,
                       int64_t timeout_ms, struct arena *a, struct node_models *out,
                       struct error *err)
{
    struct view list, more = VIEW_NONE;
    struct error ignored;

    if (n->engine == ENGINE_OLLAMA)
        return ask(f, n, b, "GET", "/api/tags", VIEW_NONE, timeout_ms, a, &list, err) &&
               ask(f, n, b, "GET", "/api/ps", VIEW_NONE, timeout_ms, a, &more, err) &&
               models_from_ollama(list, more, out, err);
    if (!ask(f, n, b, "GET", "/v1/models", VIEW_NONE, timeout_ms, a, &list, err))
        /* Some managed APIs have no list. That they say so is an answer, and all that is needed
         * where the config names the models. */
        return n->side == SIDE_OUTSIDE && b->n_models > 0 && err->code == ERROR_NOT_FOUND;
    /* llama.cpp's /props may be switched off; the list is enough then. */
    if (n->engine == ENGINE_LLAMACPP &&
        !ask(f, n, b, "GET", "/props", VIEW_NONE, timeout_ms, a, &more, &ignored))
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
        if (!ask_models(f, n, backend, timeout_ms, scratch, out, err))
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
    bool ok = ask(f, n, backend, "POST", embeds ? "/v1/embeddings" : "/v1/chat/completions",
                  buf_view(&body), timeout_ms, a, &answer, err);
    buf_done(&body);
    arena_free(a);
    return ok;
}

/* ---- the prober ---------------------------------------------------------------------------- */

/* One node under the prober's eye; a task. */
struct watch {
    struct prober *prober;
    struct node *node;
    const struct config_backend *backend;
    struct task *task;
    bool counted; /* among `unknown` */
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

static void look(struct watch *w)
{
    struct prober *p = w->prober;
    struct error err;
    bool was_open = atomic_load(&w->node->open);

    struct node_models *models =
        probe_models(p->fleet, w->node, w->backend, MODELS_TIMEOUT_MS, &err);
    if (!models && err.code == ERROR_NOT_INSIDE && !p->stopping)
        p->ears.not_inside(w->node, &err, p->ears.arg);
    if (!models)
        return;
    if (node_set_models(w->node, models)) {
        fleet_refresh(p->fleet);
        if (!p->stopping)
            p->ears.changed(w->node, p->ears.arg);
    }
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

    if (atomic_load(&w->node->not_before_ns) > loop_now_ns())
        return false; /* it asked to be left alone until then */
    if (w->node->side == SIDE_INSIDE || open)
        return true;
    return w->backend->n_models == 0 && first;
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
        if (first)
            first_look_done(w);
        first = false;
        int64_t pause = atomic_load(&w->node->open) ? c->breaker_open_ms : c->probe_interval_ms;
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
    if (--p->running == 0 && p->stopping)
        prober_done(p);
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
        struct node *const *nodes = fleet_nodes(f, i, &n);
        for (unsigned k = 0; k < n; k++) {
            bool unknown = is_unknown(nodes[k]);
            p->watches[p->n++] = (struct watch){
                .prober = p, .node = nodes[k], .backend = &c->backends[i], .counted = unknown};
            p->unknown += unknown;
        }
    }
    if (p->unknown == 0)
        fleet_set_known(f);
    for (unsigned i = 0; i < p->n; i++) {
        p->watches[i].task = task_spawn(loop_current(), "probe", watch_node, &p->watches[i]);
        if (p->watches[i].task)
            p->running++;
        else
            first_look_done(&p->watches[i]);
    }
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
    for (unsigned i = 0; i < p->n; i++)
        if (p->watches[i].task)
            task_cancel(p->watches[i].task);
}
