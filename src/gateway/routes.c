#include "gateway/routes.h"

#include "base/clock.h"
#include "gateway/models.h"
#include "llm/dialects.h"
#include "llm/ollama_lists.h"

enum { LIST_BYTES = 4 << 20 };

/* A small answer without a record. The body is left out for HEAD. */
static bool answer(struct exchange *x, int status, struct view type, struct view body)
{
    struct view pieces[] = {deliver_head(x, status, type, body.n),
                            x->head->method == HTTP_HEAD ? VIEW("") : body};
    return pieces[0].n > 0 && http_server_write(x->client, x->limits, pieces, 2) && !x->close;
}

bool route_refuse(struct exchange *x)
{
    struct buf body = BUF_MAX(16 * 1024);

    int status = error_info(x->error.code)->http_status;
    llm_dialect(x->dialect)->error_write(&x->error, status, x->request_id, &body);
    bool keep = buf_ok(&body) && answer(x, status, VIEW("application/json"), buf_view(&body));
    buf_done(&body);
    return keep;
}

static bool serve_exchange(struct exchange *x)
{
    return exchange_run(x);
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

/* Clients write the slash of "inside/NAME" as %2F. A path's escapes are whole: its reader saw to
 * that. */
static struct view percent_decoded(struct view v, struct arena *a)
{
    char *to = arena_bytes(a, v.n + 1);
    size_t n = 0;

    if (!to)
        return v;
    for (size_t i = 0; i < v.n; i++) {
        bool escape = v.p[i] == '%' && v.n - i > 2;
        to[n++] = escape ? (char)(hex_value(v.p[i + 1]) << 4 | hex_value(v.p[i + 2])) : v.p[i];
        i += escape ? 2 : 0;
    }
    return view_of(to, n);
}

static bool serve_models(struct exchange *x)
{
    struct view only = VIEW_NONE;
    struct buf body = BUF_MAX(4 << 20);
    bool keep;

    bool anthropic = http_header_get(x->head, VIEW("anthropic-version")).n > 0;
    if (anthropic)
        x->dialect = LLM_ANTHROPIC;
    if (view_starts(x->head->path, VIEW("/v1/models/")))
        only = percent_decoded(view_skip(x->head->path, sizeof("/v1/models/") - 1), x->arena);
    bool ok = exchange_identify(x);
    if (ok)
        exchange_wait_for_models(x);
    if (ok && models_write(x->fleet, anthropic, only, x->arena, &body, &x->error))
        keep = buf_ok(&body) && answer(x, 200, VIEW("application/json"), buf_view(&body));
    else
        keep = route_refuse(x);
    buf_done(&body);
    return keep;
}

/* What Ollama's clients see of a model. */
static struct ollama_model seen_by_ollama(struct view name, const struct policy_model *m)
{
    struct ollama_model out = {.name = name, .abilities = OLLAMA_COMPLETION};

    if (!m)
        return out;
    out.window = m->window;
    out.loaded = m->loaded;
    if (m->abilities & ABILITY_EMBEDDINGS) {
        out.abilities = OLLAMA_EMBEDDING;
        return out;
    }
    out.abilities |= (m->abilities & ABILITY_TOOLS ? OLLAMA_TOOLS : 0u) |
                     (m->abilities & ABILITY_IMAGES ? OLLAMA_VISION : 0u);
    return out;
}

/* `auto`, the aliases without `*` and every model of both sides, each once. */
static struct ollama_model *list_for_ollama(struct exchange *x, unsigned *ret_n)
{
    struct policy_fleet fleet;
    const struct config *c = x->config;
    unsigned most = 1 + c->n_aliases, n = 1;

    exchange_wait_for_models(x);
    if (!fleet_view(x->fleet, x->arena, &fleet))
        return NULL;
    for (unsigned i = 0; i < fleet.n_backends; i++)
        most += fleet.backends[i].n_models;
    struct ollama_model *out = arena_new_array(x->arena, struct ollama_model, most);
    if (!out)
        return NULL;
    out[0] = seen_by_ollama(VIEW("auto"), NULL);
    for (unsigned i = 0; i < c->n_aliases; i++)
        if (view_find_char(c->aliases[i].pattern, '*') == VIEW_NPOS)
            out[n++] = seen_by_ollama(c->aliases[i].pattern, NULL);
    for (unsigned i = 0; i < fleet.n_backends; i++)
        for (unsigned k = 0; k < fleet.backends[i].n_models; k++) {
            const struct policy_model *m = &fleet.backends[i].models[k];
            bool seen = false;
            for (unsigned j = 0; j < n && !seen; j++)
                seen = view_eq(out[j].name, m->name);
            if (!seen)
                out[n++] = seen_by_ollama(m->name, m);
        }
    *ret_n = n;
    return out;
}

/* One of Ollama's small answers, written into a buffer. */
static bool answer_written(struct exchange *x, bool ok, struct buf *body)
{
    bool keep = ok && buf_ok(body) ? answer(x, 200, VIEW("application/json"), buf_view(body))
                                   : route_refuse(x);
    buf_done(body);
    return keep;
}

static bool serve_tags(struct exchange *x)
{
    struct buf body = BUF_MAX(LIST_BYTES);
    unsigned n = 0;
    bool ok = exchange_identify(x);
    struct ollama_model *models = ok ? list_for_ollama(x, &n) : NULL;

    if (models)
        ollama_tags_write(models, n, x->gateway->started_wall_ms * NS_PER_MS, &body);
    else if (ok)
        error_set(&x->error, ERROR_NO_MEMORY, "no memory to list the models");
    return answer_written(x, models != NULL, &body);
}

static bool serve_ps(struct exchange *x)
{
    struct buf body = BUF_MAX(LIST_BYTES);
    unsigned n = 0, loaded = 0;
    bool ok = exchange_identify(x);
    struct ollama_model *models = ok ? list_for_ollama(x, &n) : NULL;

    for (unsigned i = 0; models && i < n; i++)
        if (models[i].loaded)
            models[loaded++] = models[i];
    if (models)
        ollama_ps_write(models, loaded, &body);
    else if (ok)
        error_set(&x->error, ERROR_NO_MEMORY, "no memory to list the models");
    return answer_written(x, models != NULL, &body);
}

static bool serve_version(struct exchange *x)
{
    struct buf body = BUF_MAX(LIST_BYTES);

    ollama_version_write(VIEW(WEIR_VERSION), &body);
    return answer_written(x, true, &body);
}

static bool receive(struct exchange *x)
{
    return exchange_identify(x) && exchange_receive(x);
}

static bool find_for_ollama(struct exchange *x, struct ollama_model *ret_model)
{
    struct view name;
    unsigned n = 0;

    if (!receive(x) || !ollama_show_read(x->body, x->request_arena, &name, &x->error))
        return false;
    struct ollama_model *models = list_for_ollama(x, &n);
    if (!models)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to list the models");
    for (unsigned i = 0; i < n; i++)
        if (view_eq(models[i].name, name)) {
            *ret_model = models[i];
            return true;
        }
    return error_set(&x->error, ERROR_UNKNOWN_MODEL, "model '%.*s' not found",
                     VIEW_ARG(view_first(name, 80)));
}

static bool serve_show(struct exchange *x)
{
    struct buf body = BUF_MAX(LIST_BYTES);
    struct ollama_model model;
    bool ok = find_for_ollama(x, &model);

    if (ok)
        ollama_show_write(&model, x->gateway->started_wall_ms * NS_PER_MS, &body);
    return answer_written(x, ok, &body);
}

/* Anthropic's count of a prompt: our estimate for its tokenizer. */
static bool count_tokens(struct exchange *x, uint32_t *ret_tokens)
{
    struct llm_neutral *neutral = NULL;
    struct inspect_facts facts;

    if (!receive(x) || !(neutral = arena_new_of(x->request_arena, struct llm_neutral)) ||
        !anthropic_count_tokens_read(x->body, x->request_arena, neutral, &x->error) ||
        !llm_request_from_neutral(LLM_ANTHROPIC, x->body, neutral, neutral->model, x->request_arena,
                                  &x->request, &x->error))
        return false;
    inspect_exchange(&x->request, NULL, &facts);
    *ret_tokens = facts.tokens_by_family[tokens_family(neutral->model)];
    return true;
}

static bool serve_count_tokens(struct exchange *x)
{
    struct buf body = BUF_MAX(LIST_BYTES);
    uint32_t tokens;
    bool ok = count_tokens(x, &tokens);

    if (ok)
        anthropic_count_tokens_write(tokens, &body);
    return answer_written(x, ok, &body);
}

static bool serve_health(struct exchange *x)
{
    int status;
    const char *state = gateway_health(x->gateway, &status);
    struct view body = arena_printf(x->arena, "{\"status\":\"%s\"}\n", state);

    return body.n > 0 && answer(x, status, VIEW("application/json"), body);
}

bool route_serve(struct exchange *x)
{
    static const struct {
        struct view path;
        bool post, prefix;
        enum llm_dialect dialect;
        bool (*serve)(struct exchange *x);
    } routes[] = {
        {VIEW_LIT("/v1/chat/completions"), true, false, LLM_OPENAI_CHAT, serve_exchange},
        {VIEW_LIT("/v1/responses"), true, false, LLM_OPENAI_RESPONSES, serve_exchange},
        {VIEW_LIT("/v1/messages"), true, false, LLM_ANTHROPIC, serve_exchange},
        {VIEW_LIT("/api/chat"), true, false, LLM_OLLAMA, serve_exchange},
        {VIEW_LIT("/api/generate"), true, false, LLM_OLLAMA_GENERATE, serve_exchange},
        {VIEW_LIT("/v1/completions"), true, false, LLM_OPENAI_COMPLETIONS, serve_exchange},
        {VIEW_LIT("/v1/embeddings"), true, false, LLM_OPENAI_EMBEDDINGS, serve_exchange},
        {VIEW_LIT("/api/embed"), true, false, LLM_OLLAMA_EMBED, serve_exchange},
        {VIEW_LIT("/api/embeddings"), true, false, LLM_OLLAMA_EMBEDDINGS, serve_exchange},
        {VIEW_LIT("/api/tags"), false, false, LLM_OLLAMA, serve_tags},
        {VIEW_LIT("/api/ps"), false, false, LLM_OLLAMA, serve_ps},
        {VIEW_LIT("/api/show"), true, false, LLM_OLLAMA, serve_show},
        {VIEW_LIT("/api/version"), false, false, LLM_OLLAMA, serve_version},
        {VIEW_LIT("/v1/messages/count_tokens"), true, false, LLM_ANTHROPIC, serve_count_tokens},
        {VIEW_LIT("/v1/models"), false, false, LLM_OPENAI_CHAT, serve_models},
        {VIEW_LIT("/v1/models/"), false, true, LLM_OPENAI_CHAT, serve_models},
        {VIEW_LIT("/healthz"), false, false, LLM_OPENAI_CHAT, serve_health},
    };
    enum http_method method = x->head->method;

    if (view_starts(x->head->path, VIEW("/v1/responses/")))
        return route_kept(x, view_skip(x->head->path, sizeof("/v1/responses/") - 1));
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        bool here = routes[i].prefix ? view_starts(x->head->path, routes[i].path)
                                     : view_eq(x->head->path, routes[i].path);
        if (!here)
            continue;
        x->dialect = routes[i].dialect;
        if (routes[i].post ? method == HTTP_POST : method == HTTP_GET || method == HTTP_HEAD)
            return routes[i].serve(x);
        x->upstream_heads = routes[i].post ? VIEW("allow: POST\r\n") : VIEW("allow: GET, HEAD\r\n");
        error_set(&x->error, ERROR_BAD_METHOD, "%.*s takes %s, not %.*s", VIEW_ARG(routes[i].path),
                  routes[i].post ? "POST" : "GET", VIEW_ARG(view_first(x->head->method_text, 20)));
        return route_refuse(x);
    }
    error_set(&x->error, ERROR_NOT_FOUND, "there is nothing at %.*s",
              VIEW_ARG(view_first(x->head->path, 80)));
    error_hint(&x->error, "Weir serves POST /v1/chat/completions, /v1/responses, /v1/completions, "
                          "/v1/embeddings, /v1/messages, /api/chat, /api/generate and /api/embed, "
                          "GET /v1/models, /api/tags and /healthz.");
    return route_refuse(x);
}
