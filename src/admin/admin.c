#include "admin/admin.h"

#include "admin/nodes.h"
#include "http/server.h"
#include "run/task.h"

enum { ARENA_BYTES = 1 << 20, ANSWER_BYTES = 16 << 20, HEAD_BYTES = 16 * 1024, WAIT_MS = 10000 };

static const struct http_limits limits = {.max_head = HEAD_BYTES,
                                          .head_ms = WAIT_MS,
                                          .keepalive_ms = WAIT_MS,
                                          .body_ms = WAIT_MS,
                                          .stall_ms = WAIT_MS};

static bool answer(struct http_server *c, const struct http_head *head, int status,
                   struct view type, struct view body)
{
    struct buf b = BUF_MAX(1024);
    bool keep = head->keep_alive && c->body_taken;

    http_status_line(&b, status);
    http_header_line(&b, VIEW("content-type"), type);
    buf_append_lit(&b, "content-length: ");
    buf_append_u64(&b, body.n);
    buf_append(&b, keep ? VIEW("\r\n\r\n") : VIEW("\r\nconnection: close\r\n\r\n"));
    struct view pieces[] = {buf_view(&b), head->method == HTTP_HEAD ? VIEW("") : body};
    bool ok = buf_ok(&b) && http_server_write(c, &limits, pieces, 2);
    buf_done(&b);
    return ok && keep;
}

static bool route(struct gateway *g, struct http_server *c, const struct http_head *head,
                  struct arena *a)
{
    struct buf body = BUF_MAX(ANSWER_BYTES);
    struct view type = VIEW("application/json");
    int status = 200;

    if (head->method == HTTP_POST && view_starts(head->path, VIEW("/nodes/"))) {
        status = nodes_change(g, c, head, a, &body);
    } else if (head->method != HTTP_GET && head->method != HTTP_HEAD) {
        status = 405;
        buf_append_lit(&body, "{\"error\":\"only GET and HEAD are served here\"}\n");
    } else if (view_eq(head->path, VIEW("/metrics"))) {
        type = VIEW("text/plain; version=0.0.4; charset=utf-8");
        metrics_write(g, &body);
    } else if (view_eq(head->path, VIEW("/healthz"))) {
        const char *state = gateway_health(g, &status);
        buf_printf(&body, "{\"status\":\"%s\"}\n", state);
    } else if (view_eq(head->path, VIEW("/nodes"))) {
        nodes_write(g, &body);
    } else {
        status = 404;
        buf_append_lit(&body,
                       "{\"error\":\"this address serves /metrics, /healthz and /nodes\"}\n");
    }
    bool keep = buf_ok(&body) && answer(c, head, status, type, buf_view(&body));
    buf_done(&body);
    return keep;
}

void admin_serve(int fd, void *arg)
{
    struct http_server c;
    struct http_head head;
    struct error err;
    bool keep, first = true;

    if (!http_server_open(&c, fd, &limits, &err))
        return;
    do {
        struct arena *a = arena_new(ARENA_BYTES);
        keep = a && http_server_head(&c, &limits, first, a, &head, &err) == HTTP_SERVER_OK &&
               route(arg, &c, &head, a);
        first = false;
        arena_free(a);
    } while (keep);
    http_server_close(&c);
}
