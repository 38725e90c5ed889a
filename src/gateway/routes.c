#include "gateway/routes.h"

#include "base/clock.h"
#include "llm/dialects.h"
#include "llm/ollama_lists.h"

bool route_answer(struct exchange *x, int status, struct view body)
{
    struct view pieces[] = {deliver_head(x, status, VIEW("application/json"), body.n),
                            x->head->method == HTTP_HEAD ? VIEW("") : body};
    return pieces[0].n > 0 && http_server_write(x->client, x->limits, pieces, 2) && !x->close;
}

bool route_answer_written(struct exchange *x, bool ok, struct buf *body)
{
    if (ok && !buf_ok(body))
        ok = error_set(&x->error, ERROR_NO_MEMORY, "no memory for the answer");
    bool keep = ok ? route_answer(x, 200, buf_view(body)) : route_refuse(x);
    buf_done(body);
    return keep;
}

bool route_refuse(struct exchange *x)
{
    struct buf body = BUF_MAX(16 * 1024);

    int status = error_info(x->error.code)->http_status;
    llm_dialect(x->dialect)->error_write(&x->error, status, x->request_id, &body);
    bool keep = buf_ok(&body) && route_answer(x, status, buf_view(&body));
    buf_done(&body);
    return keep;
}

static bool serve_version(struct exchange *x)
{
    struct buf body = BUF_MAX(ROUTE_ANSWER_BYTES);

    ollama_version_write(VIEW(WEIR_VERSION), &body);
    return route_answer_written(x, true, &body);
}

/* Anthropic's count of a prompt: our estimate for its tokenizer. */
static bool count_tokens(struct exchange *x, uint32_t *ret_tokens)
{
    struct llm_neutral *neutral;
    struct inspect_facts facts;

    if (!exchange_identify(x) || !exchange_receive(x))
        return false;
    neutral = arena_new_of(x->request_arena, struct llm_neutral);
    if (!neutral)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    if (!anthropic_count_tokens_read(x->body, x->request_arena, neutral, &x->error) ||
        !llm_request_from_neutral(LLM_ANTHROPIC, x->body, neutral, neutral->model, x->request_arena,
                                  &x->request, &x->error))
        return false;
    inspect_exchange(&x->request, NULL, &facts);
    *ret_tokens = facts.tokens_by_family[tokens_family(neutral->model)];
    return true;
}

static bool serve_count_tokens(struct exchange *x)
{
    struct buf body = BUF_MAX(ROUTE_ANSWER_BYTES);
    uint32_t tokens = 0;
    bool ok = count_tokens(x, &tokens);

    if (ok)
        anthropic_count_tokens_write(tokens, &body);
    return route_answer_written(x, ok, &body);
}

static bool serve_health(struct exchange *x)
{
    int status;
    const char *state = gateway_health(x->gateway, &status);
    struct view body = arena_printf(x->arena, "{\"status\":\"%s\"}\n", state);

    return body.n > 0 && route_answer(x, status, body);
}

bool route_serve(struct exchange *x)
{
    static const struct {
        struct view path;
        bool post, prefix;
        enum llm_dialect dialect;
        bool (*serve)(struct exchange *x);
    } routes[] = {
        {VIEW_LIT("/v1/chat/completions"), true, false, LLM_OPENAI_CHAT, exchange_run},
        {VIEW_LIT("/v1/responses"), true, false, LLM_OPENAI_RESPONSES, exchange_run},
        {VIEW_LIT("/v1/messages"), true, false, LLM_ANTHROPIC, exchange_run},
        {VIEW_LIT("/api/chat"), true, false, LLM_OLLAMA, exchange_run},
        {VIEW_LIT("/api/generate"), true, false, LLM_OLLAMA_GENERATE, exchange_run},
        {VIEW_LIT("/v1/completions"), true, false, LLM_OPENAI_COMPLETIONS, exchange_run},
        {VIEW_LIT("/v1/embeddings"), true, false, LLM_OPENAI_EMBEDDINGS, exchange_run},
        {VIEW_LIT("/api/embed"), true, false, LLM_OLLAMA_EMBED, exchange_run},
        {VIEW_LIT("/api/embeddings"), true, false, LLM_OLLAMA_EMBEDDINGS, exchange_run},
        {VIEW_LIT("/api/tags"), false, false, LLM_OLLAMA, route_tags},
        {VIEW_LIT("/api/ps"), false, false, LLM_OLLAMA, route_ps},
        {VIEW_LIT("/api/show"), true, false, LLM_OLLAMA, route_show},
        {VIEW_LIT("/api/version"), false, false, LLM_OLLAMA, serve_version},
        {VIEW_LIT("/v1/messages/count_tokens"), true, false, LLM_ANTHROPIC, serve_count_tokens},
        {VIEW_LIT("/v1/models"), false, false, LLM_OPENAI_CHAT, route_models},
        {VIEW_LIT("/v1/models/"), false, true, LLM_OPENAI_CHAT, route_models},
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
