#include "gateway/anchor_hook.h"

#include "base/clock.h"
#include "egress/credential.h"
#include "egress/egress.h"
#include "gateway/log.h"
#include "run/task.h"

#include <stdlib.h>

enum {
    PAUSE_MS = 1000,
    MAX_PAUSE_MS = 30000,
    TIMEOUT_MS = 5000,
    IDLE_MS = 30000,
    ARENA_BYTES = 256 * 1024,
    HEAD_BYTES = 32 * 1024,
};

struct anchor_hook {
    struct gateway *gateway;
    struct task *task; /* NULL: it has ended */
    struct arena *arena;
    struct config_url url;
    struct view key;
    struct http_origin origin;
};

static struct view request_head(const struct anchor_hook *h, size_t length, struct arena *a)
{
    const struct config_url *url = &h->url;
    struct buf head = BUF_MAX(HEAD_BYTES);

    buf_printf(&head,
               "POST %.*s HTTP/1.1\r\nHost: ", VIEW_ARG(url->prefix.n ? url->prefix : VIEW("/")));
    config_url_write_host(url, &head);
    buf_append_lit(&head, "\r\nUser-Agent: weir\r\n");
    credential_write(LLM_OPENAI_CHAT, h->key, &head);
    buf_printf(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
    struct view text = buf_ok(&head) ? arena_dup(a, buf_view(&head)) : VIEW_NONE;
    buf_done(&head);
    return text;
}

/* Whether it said 2xx; the body of its answer is read so that the connection can be used again. */
static bool read_answer(struct http_call *call, int64_t deadline_ns, struct error *err)
{
    enum http_body_result result;
    struct view bytes;

    while ((result = http_call_read(call, deadline_ns, &bytes, err)) == HTTP_BODY_DATA)
        ;
    if (result != HTTP_BODY_END)
        return false;
    return call->head.status / 100 == 2 ||
           error_set(err, ERROR_UPSTREAM_STATUS, "it answered %d", call->head.status);
}

static bool tell(struct anchor_hook *h, struct view line, struct error *err)
{
    struct fleet *f = gateway_fleet(h->gateway);
    struct arena *a = arena_new(ARENA_BYTES);
    int64_t deadline_ns = clock_mono_ns() + TIMEOUT_MS * NS_PER_MS;
    struct http_deadlines deadlines = {.connect_ns = deadline_ns, .head_ns = deadline_ns};
    /* Digests and counts of Weir's own making: looked through and counted, but nothing of it is
     * forbidden, as a digest may look like a secret. */
    struct egress_pass pass = {.gate = fleet_gate(f),
                               .profile = fleet_config(f)->perimeter.profile,
                               .classes = fleet_config(f)->perimeter.classes,
                               .credential = h->key};
    struct http_call call = {0};
    bool ok = a || error_set(err, ERROR_NO_MEMORY, "no memory to tell a checkpoint");

    if (ok) {
        struct http_request_out request = {
            .head = request_head(h, line.n, a), .body = &line, .n_body = 1};
        ok =
            (request.head.n || error_set(err, ERROR_NO_MEMORY, "no memory to tell a checkpoint")) &&
            egress_send(&call, &h->origin, &request, &pass, &deadlines, a, NULL, err) &&
            read_answer(&call, deadline_ns, err);
        http_call_end(&call);
    }
    arena_free(a);
    fleet_unref(f);
    return ok;
}

static void run(void *arg)
{
    struct anchor_hook *h = arg;
    struct gateway *g = h->gateway;
    struct buf line = BUF_MAX(ANCHOR_LINE_BYTES);
    int64_t pause_ms = PAUSE_MS;
    uint64_t seen = 0;
    struct error err;

    while (task_sleep_ms(pause_ms) != WAIT_CANCELLED) {
        buf_reset(&line);
        if (!ledger_anchor(g->ledger, &seen, &line))
            continue;
        if (tell(h, buf_view(&line), &err)) {
            if (pause_ms > PAUSE_MS)
                log_info("anchor_webhook", "it answers again");
            pause_ms = PAUSE_MS;
            continue;
        }
        if (pause_ms == PAUSE_MS) /* once, until it answers again */
            log_warn("anchor_webhook", "a checkpoint could not be told: %.*s",
                     VIEW_ARG(error_own_words(&err)));
        atomic_fetch_add(&g->stats.anchor_hook_failures, 1);
        seen = 0;
        pause_ms = pause_ms * 2 > MAX_PAUSE_MS ? MAX_PAUSE_MS : pause_ms * 2;
    }
    buf_done(&line);
    http_origin_trim(&h->origin, 0);
    h->task = NULL;
}

static bool take_url(struct anchor_hook *h, const struct config_webhook *w, struct error *err)
{
    h->url = w->url;
    h->url.host = arena_dup(h->arena, w->url.host);
    h->url.prefix = arena_dup(h->arena, w->url.prefix);
    h->key = arena_dup(h->arena, w->key);
    h->origin = (struct http_origin){
        .host = h->url.host, .port = h->url.port, .tls = h->url.tls, .idle_ms = IDLE_MS};
    http_origin_init(&h->origin);
    if (arena_failed(h->arena))
        return error_set(err, ERROR_NO_MEMORY, "no memory for the webhook");
    return egress_proxy_for(&h->url, h->arena, &h->origin.proxy, err);
}

bool anchor_hook_start(struct gateway *g, const struct config *c, struct loop *l,
                       struct anchor_hook **ret_hook, struct error *err)
{
    struct anchor_hook *h;

    *ret_hook = NULL;
    if (c->anchor_webhook.url.text.n == 0)
        return true;
    h = calloc(1, sizeof(*h));
    if (h)
        h->arena = arena_new(ARENA_BYTES);
    if (!h || !h->arena) {
        anchor_hook_free(h);
        return error_set(err, ERROR_NO_MEMORY, "no memory for the webhook");
    }
    h->gateway = g;
    if (!take_url(h, &c->anchor_webhook, err)) {
        anchor_hook_free(h);
        return false;
    }
    h->task = task_spawn(l, "anchor", run, h);
    if (!h->task) {
        anchor_hook_free(h);
        return error_set(err, ERROR_NO_MEMORY, "no memory for the webhook");
    }
    *ret_hook = h;
    return true;
}

void anchor_hook_stop(struct anchor_hook *h)
{
    if (h && h->task)
        task_cancel(h->task);
}

void anchor_hook_free(struct anchor_hook *h)
{
    if (!h)
        return;
    arena_free(h->arena);
    free(h);
}
