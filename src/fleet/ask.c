#include "fleet/ask.h"

#include "base/clock.h"
#include "egress/credential.h"
#include "egress/egress.h"

enum { ANSWER_MAX = 4 << 20, HEAD_MAX = 32 * 1024 };

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

/* Empty without memory. */
static struct view request_head(struct node *n, const struct config_backend *b, const char *method,
                                const char *path, size_t length, struct arena *a)
{
    struct buf head = BUF_MAX(HEAD_MAX);

    buf_printf(&head, "%s %.*s%s HTTP/1.1\r\nHost: ", method, VIEW_ARG(n->url.prefix), path);
    config_url_write_host(&n->url, &head);
    buf_append_lit(&head, "\r\nUser-Agent: weir-probe\r\nAccept: application/json\r\n"
                          "Accept-Encoding: identity\r\n");
    if (b->dialect == LLM_ANTHROPIC)
        buf_append_lit(&head, "anthropic-version: 2023-06-01\r\n");
    credential_write(b->dialect, b->key, &head);
    buf_printf(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
    struct view text = buf_ok(&head) ? arena_dup(a, buf_view(&head)) : VIEW_NONE;
    buf_done(&head);
    return text;
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

bool node_ask_any(struct fleet *f, struct node *n, const struct config_backend *b,
                  const char *method, const char *path, struct view body, int64_t timeout_ms,
                  struct arena *a, int *ret_status, struct view *ret_body, struct error *err)
{
    struct http_call call = {0};
    int64_t now = clock_mono_ns();
    struct http_deadlines deadlines = {.connect_ns = now + b->connect_ms * NS_PER_MS,
                                       .head_ns = now + timeout_ms * NS_PER_MS};
    struct http_request_out request = {.head = request_head(n, b, method, path, body.n, a),
                                       .body = &body,
                                       .n_body = body.n ? 1 : 0};

    if (request.head.n == 0)
        return error_set(err, ERROR_NO_MEMORY, "no memory to ask a node");
    bool ok = send_probe(&call, f, n, b->key, &request, &deadlines, a, err) &&
              read_answer(&call, deadlines.head_ns, a, ret_body, err);
    if (ok)
        *ret_status = call.head.status;
    http_call_end(&call);
    return ok;
}

bool node_ask(struct fleet *f, struct node *n, const struct config_backend *b, const char *method,
              const char *path, struct view body, int64_t timeout_ms, struct arena *a,
              struct view *ret_body, struct error *err)
{
    struct view answer;
    int status;

    if (!node_ask_any(f, n, b, method, path, body, timeout_ms, a, &status, &answer, err))
        return false;
    if (status / 100 != 2)
        return error_set(err,
                         status == 404   ? ERROR_NOT_FOUND
                         : status == 401 ? ERROR_UNAUTHORIZED
                                         : ERROR_UPSTREAM_STATUS,
                         "%s answered %d", path, status);
    *ret_body = answer;
    return true;
}
