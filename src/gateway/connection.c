#include "gateway/connection.h"

#include "base/clock.h"
#include "gateway/exchange.h"
#include "gateway/models.h"
#include "llm/dialect.h"
#include "run/task.h"

enum {
    ARENA_SLACK = 8 << 20, /* beyond four times the largest body */
    MAX_REQUEST_ID = 128,
    READING_MS = 600 * 1000, /* until the plan sets the deadline */
};

/* Links a connection into its loop's list, so that a drain finds it. */
struct connection {
    struct list link;
    struct task *task;
    bool idle;
    struct gateway *gateway;
    struct http_server http;
    struct http_limits limits;
};

void connection_cancel(struct gateway *g, bool all)
{
    list_for_each_safe (link, &g->connections[loop_index(loop_current())]) {
        struct connection *c = list_entry(link, struct connection, link);
        if (all || c->idle)
            task_cancel(c->task);
    }
}

static struct http_limits limits_of(const struct config *c)
{
    return (struct http_limits){.max_head = c->max_head,
                                .max_body = c->max_body,
                                .head_ms = c->head_ms,
                                .body_ms = c->body_ms,
                                .keepalive_ms = c->keepalive_ms,
                                .stall_ms = c->client_stall_ms};
}

/* The client's own id when it is harmless, else one that names the record in the ledger. */
static struct view request_id(const struct http_head *head, int64_t id, struct arena *a)
{
    struct view given = head ? http_header_get(head, VIEW("x-request-id")) : VIEW_NONE;
    bool ok = given.n > 0 && given.n <= MAX_REQUEST_ID;

    for (size_t i = 0; ok && i < given.n; i++)
        ok = given.p[i] > ' ' && given.p[i] <= '~';
    if (ok)
        return given;
    char *text = arena_bytes(a, sizeof("weir-") - 1 + 16);
    if (!text)
        return VIEW("weir");
    memcpy(text, "weir-", 5);
    for (int i = 0; i < 16; i++)
        text[5 + i] = "0123456789abcdef"[(uint64_t)id >> (60 - 4 * i) & 15];
    return view_of(text, 21);
}

static void exchange_init(struct exchange *x, struct connection *c, struct fleet *fleet,
                          const struct http_head *head, struct arena *a)
{
    int64_t id = ledger_next_id();

    *x = (struct exchange){
        .gateway = c->gateway,
        .client = &c->http,
        .limits = &c->limits,
        .head = head,
        .arena = a,
        .fleet = fleet,
        .config = fleet_config(fleet),
        .began_ns = clock_mono_ns(),
        .wall_ms = clock_wall_ms(),
        .id = id,
        .request_id = request_id(head, id, a),
        .outcome = VIEW_LIT("ok"),
    };
    x->deadline_ns = x->began_ns + READING_MS * NS_PER_MS;
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* A small answer without a record. The body is left out for HEAD. */
static bool answer(struct exchange *x, int status, struct view type, struct view body)
{
    struct view pieces[] = {deliver_head(x, status, type, body.n),
                            x->head->method == HTTP_HEAD ? VIEW("") : body};
    return pieces[0].n > 0 && http_server_write(x->client, x->limits, pieces, 2) && !x->close;
}

static bool answer_error(struct exchange *x)
{
    struct buf body = BUF_MAX(16 * 1024);

    int status = error_info(x->error.code)->http_status;
    llm_dialect(x->dialect)->error_write(&x->error, status, x->request_id, &body);
    bool keep = buf_ok(&body) && answer(x, status, VIEW("application/json"), buf_view(&body));
    buf_done(&body);
    return keep;
}

static bool serve_chat(struct exchange *x)
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

    if (view_starts(x->head->path, VIEW("/v1/models/")))
        only = percent_decoded(view_skip(x->head->path, sizeof("/v1/models/") - 1), x->arena);
    if (exchange_identify(x) && models_write(x->fleet, only, x->arena, &body, &x->error))
        keep = buf_ok(&body) && answer(x, 200, VIEW("application/json"), buf_view(&body));
    else
        keep = answer_error(x);
    buf_done(&body);
    return keep;
}

static bool serve_health(struct exchange *x)
{
    int status;
    const char *state = gateway_health(x->gateway, &status);
    struct view body = arena_printf(x->arena, "{\"status\":\"%s\"}\n", state);

    return body.n > 0 && answer(x, status, VIEW("application/json"), body);
}

static bool route(struct exchange *x)
{
    static const struct {
        struct view path;
        bool post, prefix;
        enum llm_dialect dialect;
        bool (*serve)(struct exchange *x);
    } routes[] = {
        {VIEW_LIT("/v1/chat/completions"), true, false, LLM_OPENAI_CHAT, serve_chat},
        {VIEW_LIT("/v1/responses"), true, false, LLM_OPENAI_RESPONSES, serve_chat},
        {VIEW_LIT("/v1/messages"), true, false, LLM_ANTHROPIC, serve_chat},
        {VIEW_LIT("/api/chat"), true, false, LLM_OLLAMA, serve_chat},
        {VIEW_LIT("/api/generate"), true, false, LLM_OLLAMA_GENERATE, serve_chat},
        {VIEW_LIT("/v1/models"), false, false, LLM_OPENAI_CHAT, serve_models},
        {VIEW_LIT("/v1/models/"), false, true, LLM_OPENAI_CHAT, serve_models},
        {VIEW_LIT("/healthz"), false, false, LLM_OPENAI_CHAT, serve_health},
    };
    enum http_method method = x->head->method;

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
        return answer_error(x);
    }
    error_set(&x->error, ERROR_NOT_FOUND, "there is nothing at %.*s",
              VIEW_ARG(view_first(x->head->path, 80)));
    error_hint(&x->error,
               "Weir serves POST /v1/chat/completions, /v1/responses, /v1/messages and /api/chat, "
               "GET /v1/models and /healthz.");
    return answer_error(x);
}

/* ---- a connection ---------------------------------------------------------------------------- */

static void refuse(struct connection *c, struct fleet *fleet, struct arena *a,
                   const struct error *err)
{
    struct http_head none = {.minor = 1};
    struct exchange *x = arena_new_of(a, struct exchange);

    if (!x)
        return;
    exchange_init(x, c, fleet, &none, a);
    x->request_id = request_id(NULL, x->id, a);
    x->error = *err;
    x->close = true;
    answer_error(x);
}

/* One request; false: the connection is at its end. */
static bool serve_one(struct connection *c, bool first, struct arena *a)
{
    struct http_head *head = arena_new_of(a, struct http_head);
    struct exchange *x = arena_new_of(a, struct exchange);
    struct fleet *fleet = gateway_fleet(c->gateway);
    struct error err;
    bool keep = false;

    if (!head || !x) {
        fleet_unref(fleet);
        return false;
    }
    c->limits = limits_of(fleet_config(fleet));
    switch (http_server_head(&c->http, &c->limits, first, a, head, &err)) {
    case HTTP_SERVER_OK:
        c->idle = false;
        exchange_init(x, c, fleet, head, a);
        keep = route(x);
        break;
    case HTTP_SERVER_BAD:
        refuse(c, fleet, a, &err);
        break;
    case HTTP_SERVER_CLOSED:
        break;
    }
    fleet_unref(fleet);
    return keep;
}

/* Waits for the first byte of the next request: an idle connection holds no arena. */
static bool wait_for_request(struct connection *c, bool first)
{
    int64_t patience_ms = first ? c->limits.head_ms : c->limits.keepalive_ms;

    if (c->http.in.len > 0 || stream_has_input(&c->http.stream))
        return true;
    c->idle = true;
    return io_wait_readable(&c->http.stream.io, loop_now_ns() + patience_ms * NS_PER_MS) ==
           WAIT_READY;
}

void connection_serve(int fd, void *arg)
{
    struct gateway *g = arg;
    struct connection c = {.task = task_current(), .idle = true, .gateway = g};
    struct fleet *fleet = gateway_fleet(g);
    struct error err;
    bool keep, first = true;
    size_t cap = fleet_config(fleet)->max_body * 4 + ARENA_SLACK;

    c.limits = limits_of(fleet_config(fleet));
    fleet_unref(fleet);
    if (!http_server_open(&c.http, fd, &c.limits, &err))
        return;
    list_push_back(&g->connections[loop_index(loop_current())], &c.link);
    do {
        keep = false;
        struct arena *a = wait_for_request(&c, first) ? arena_new(cap) : NULL;
        if (a)
            keep = serve_one(&c, first, a);
        arena_free(a);
        first = false;
    } while (keep && !task_cancelled() && !atomic_load(&g->draining));
    list_remove(&c.link);
    http_server_close(&c.http);
}
