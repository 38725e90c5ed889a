#include "cli/admin_call.h"

#include "base/clock.h"
#include "http/client.h"

enum { ANSWER_MAX = 16 << 20, PATIENCE_MS = 5000 };

struct question {
    const struct config *config;
    const char *method;
    struct view path;
    struct arena *arena;
    int status;
    struct view body;
    struct error error;
    bool ok;
};

/* An address to listen on everywhere is none to connect to. */
static struct view reachable(struct view host)
{
    if (view_eq(host, VIEW("0.0.0.0")))
        return VIEW("127.0.0.1");
    return view_eq(host, VIEW("::")) ? VIEW("::1") : host;
}

static bool read_body(struct question *q, struct http_call *call, int64_t until)
{
    struct buf body = BUF_MAX(ANSWER_MAX);
    struct view bytes;
    enum http_body_result result;

    while ((result = http_call_read(call, until, &bytes, &q->error)) == HTTP_BODY_DATA)
        buf_append(&body, bytes);
    bool ok = result == HTTP_BODY_END && buf_ok(&body);
    if (result == HTTP_BODY_END && !ok)
        error_set(&q->error, ERROR_IO, "the answer is longer than %d bytes", ANSWER_MAX);
    if (ok)
        q->body = arena_dup(q->arena, buf_view(&body));
    buf_done(&body);
    return ok;
}

static void ask(void *arg)
{
    struct question *q = arg;
    struct http_origin origin = {.host = reachable(q->config->admin.host),
                                 .port = q->config->admin.port};
    struct http_call call = {0};
    int64_t until = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
    struct http_deadlines deadlines = {until, until};

    http_origin_init(&origin);
    struct http_request_out request = {
        .head = arena_printf(q->arena,
                             "%s %.*s HTTP/1.1\r\nHost: localhost:%u\r\nUser-Agent: weir\r\n"
                             "Content-Length: 0\r\n\r\n",
                             q->method, VIEW_ARG(q->path), origin.port)};
    q->ok = http_call_start(&call, &origin, &request, &deadlines, q->arena, &q->error) &&
            read_body(q, &call, until);
    q->status = call.head.status;
    call.head.keep_alive = false; /* nothing is asked twice here */
    http_call_end(&call);
}

bool admin_call(const struct config *config, const char *method, struct view path, struct arena *a,
                int *ret_status, struct view *ret_body, struct error *err)
{
    struct question q = {.config = config, .method = method, .path = path, .arena = a};

    if (!cli_on_loop(ask, &q, err))
        return false;
    if (!q.ok) {
        error_set(err, q.error.code, "no Weir answers at %.*s: %.160s",
                  VIEW_ARG(config->admin.text), q.error.text);
        return error_hint(err, "Is it running, with this config? It serves there what this shows.");
    }
    *ret_status = q.status;
    *ret_body = q.body;
    return true;
}
