#include "gateway/connection.h"

#include "base/clock.h"
#include "gateway/exchange.h"
#include "gateway/routes.h"
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
    route_refuse(x);
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
        keep = route_serve(x);
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
