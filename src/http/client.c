#include "http/client.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_ANSWER_HEAD = 64 * 1024,
    FIRST_READ = 4096,
    MAX_IDLE = 64, /* a loop and origin */
    MAX_PIECES = 16,
    MAX_INTERIM = 8,
};

struct http_connection {
    struct list link; /* in a pool while idle */
    struct stream stream;
    struct network_address peer;
    struct buf in; /* the beginning of the body that came with the head */
    int64_t idle_since_ns;
};

void http_origin_init(struct http_origin *o)
{
    for (unsigned i = 0; i < HTTP_MAX_LOOPS; i++) {
        list_init(&o->pools[i].idle);
        o->pools[i].n = 0;
    }
}

static struct http_pool *pool_here(struct http_origin *o)
{
    return &o->pools[loop_index(loop_current()) % HTTP_MAX_LOOPS];
}

static void connection_free(struct http_connection *c)
{
    buf_done(&c->in);
    stream_close(&c->stream);
    free(c);
}

void http_origin_trim(struct http_origin *o, int64_t older_than_ms)
{
    struct http_pool *p = pool_here(o);
    int64_t limit = loop_now_ns() - older_than_ms * NS_PER_MS;

    list_for_each_safe (link, &p->idle) {
        struct http_connection *c = list_entry(link, struct http_connection, link);
        if (older_than_ms != 0 && c->idle_since_ns > limit && !stream_has_input(&c->stream))
            continue;
        list_remove(link);
        p->n--;
        connection_free(c);
    }
}

static struct http_connection *take_idle(struct http_origin *o)
{
    struct http_pool *p = pool_here(o);
    int64_t oldest = loop_now_ns() - o->idle_ms * NS_PER_MS;

    for (struct list *link; (link = list_pop_front(&p->idle));) {
        struct http_connection *c = list_entry(link, struct http_connection, link);
        p->n--;
        if (c->idle_since_ns >= oldest && !stream_has_input(&c->stream))
            return c;
        connection_free(c); /* input without a request is the upstream's goodbye */
    }
    return NULL;
}

/* ---- a new connection ---------------------------------------------------------------------- */

static bool stream_failed(enum stream_result result, const char *doing, struct error *err)
{
    switch (result) {
    case STREAM_TIMEOUT:
        return error_set(err, ERROR_UPSTREAM_TIMEOUT, "time ran out while %s", doing);
    case STREAM_CANCELLED:
        return error_set(err, ERROR_CANCELLED, "cancelled while %s", doing);
    case STREAM_OK:
    case STREAM_END:
    case STREAM_BROKEN:
        break;
    }
    return error_set(err, ERROR_UPSTREAM_CUT, "the upstream closed the connection while %s", doing);
}

static bool write_pieces(struct http_connection *c, struct view head, const struct view *body,
                         unsigned n, int64_t deadline_ns, struct error *err)
{
    struct iovec iov[MAX_PIECES + 1];

    iov[0] = (struct iovec){.iov_base = (void *)(uintptr_t)head.p, .iov_len = head.n};
    for (unsigned i = 0; i < n; i++)
        iov[i + 1] = (struct iovec){.iov_base = (void *)(uintptr_t)body[i].p, .iov_len = body[i].n};
    enum stream_result result = stream_writev(&c->stream, iov, n + 1, deadline_ns, 0);
    return result == STREAM_OK || stream_failed(result, "sending the request", err);
}

/* Reads until `in` holds a whole head; its length, or 0. */
static size_t read_head(struct http_connection *c, int64_t deadline_ns, struct error *err)
{
    size_t scanned = 0;

    for (;;) {
        size_t end = c->in.len ? http_head_end(buf_view(&c->in), &scanned) : 0;
        if (end > 0)
            return end;
        if (c->in.len >= MAX_ANSWER_HEAD) {
            error_set(err, ERROR_UPSTREAM_PROTOCOL, "the answer's head is longer than %d bytes",
                      MAX_ANSWER_HEAD);
            return 0;
        }
        char *to = buf_reserve(&c->in, FIRST_READ);
        if (!to) {
            error_set(err, ERROR_NO_MEMORY, "no memory for the answer's head");
            return 0;
        }
        ssize_t got = stream_read(&c->stream, to, c->in.cap - c->in.len, deadline_ns);
        if (got <= 0) {
            stream_failed((enum stream_result)got, "Weir waited for the answer's head", err);
            return 0;
        }
        c->in.len += (size_t)got;
    }
}

/* Where its connections go, by proxy or without. */
static struct view place(const struct http_origin *o)
{
    return o->address.n ? o->address : o->host;
}

/* Asks the proxy for a tunnel to the origin. */
static bool open_tunnel(struct http_connection *c, const struct http_origin *o, int64_t deadline_ns,
                        struct arena *a, struct error *err)
{
    struct http_head head;
    bool v6 = view_find_char(place(o), ':') != VIEW_NPOS;
    const char *open = v6 ? "[" : "", *close = v6 ? "]" : "";
    struct view text =
        arena_printf(a, "CONNECT %s%.*s%s:%u HTTP/1.1\r\nHost: %s%.*s%s:%u\r\n%s%.*s%s\r\n", open,
                     VIEW_ARG(place(o)), close, o->port, open, VIEW_ARG(place(o)), close, o->port,
                     o->proxy.authorization.n ? "Proxy-Authorization: " : "",
                     VIEW_ARG(o->proxy.authorization), o->proxy.authorization.n ? "\r\n" : "");

    if (!write_pieces(c, text, NULL, 0, deadline_ns, err))
        return false;
    size_t end = read_head(c, deadline_ns, err);
    if (end == 0)
        return false;
    if (!http_answer_parse(arena_dup(a, view_first(buf_view(&c->in), end)), true, a, &head, err))
        return false;
    if (head.status / 100 != 2)
        return error_set(err, ERROR_UPSTREAM_REFUSED, "the proxy %.*s:%u answered %d to CONNECT",
                         VIEW_ARG(view_first(o->proxy.host, 80)), o->proxy.port, head.status);
    if (c->in.len != end)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "the proxy sent bytes before the tunnel");
    buf_reset(&c->in);
    return true;
}

/* Notes whom the connection is to, and whether it may stay. */
static bool check_peer(struct http_connection *c, struct http_origin *o, struct error *err)
{
    struct buf text = BUF_MAX(64);

    if (!stream_peer(&c->stream, &c->peer))
        return error_set(err, ERROR_UPSTREAM_CUT, "the upstream was gone as soon as it was there");
    if (o->n_networks == 0 || networks_hold(o->networks, o->n_networks, &c->peer))
        return true;
    atomic_fetch_add_explicit(&o->strangers, 1, memory_order_relaxed);
    network_address_write(&text, &c->peer);
    error_set(err, ERROR_NOT_INSIDE, "%.*s is at %.*s, which is not inside",
              VIEW_ARG(view_first(o->proxy.host.n ? o->proxy.host : o->host, 80)),
              VIEW_ARG(buf_view(&text)));
    buf_done(&text);
    return error_hint(err, "Write side: outside, or add its network to perimeter.inside_networks.");
}

static bool open_stream(struct http_connection *c, struct http_origin *o, int64_t deadline_ns,
                        struct arena *a, struct error *err)
{
    bool by_proxy = o->proxy.host.n > 0;
    struct resolver_answer *found = arena_new_of(a, struct resolver_answer);

    if (!found)
        return error_set(err, ERROR_NO_MEMORY, "no memory to connect");
    if (!resolver_lookup(by_proxy ? o->proxy.host : place(o), by_proxy ? o->proxy.port : o->port,
                         deadline_ns, found, err) ||
        !stream_connect(&c->stream, found, deadline_ns, err) || !check_peer(c, o, err))
        return false;
    if (by_proxy && !open_tunnel(c, o, deadline_ns, a, err))
        return false;
    return !o->tls || stream_start_tls(&c->stream, o->host, o->ca_file, deadline_ns, err);
}

static struct http_connection *connection_new(struct http_origin *o, int64_t deadline_ns,
                                              struct arena *a, struct error *err)
{
    struct http_connection *c = calloc(1, sizeof(*c));

    if (!c) {
        error_set(err, ERROR_NO_MEMORY, "no memory for a connection");
        return NULL;
    }
    c->stream.io.fd = -1;
    c->in = BUF_MAX(MAX_ANSWER_HEAD + FIRST_READ);
    if (open_stream(c, o, deadline_ns, a, err))
        return c;
    connection_free(c);
    return NULL;
}

/* ---- a call -------------------------------------------------------------------------------- */

/* Sends and reads the final answer's head. `*ret_silent`: not one byte of an answer came. */
static bool exchange_heads(struct http_call *call, const struct http_request_out *request,
                           int64_t deadline_ns, struct arena *a, bool *ret_silent,
                           struct error *err)
{
    struct http_connection *c = call->connection;

    *ret_silent = true;
    call->sent = write_pieces(c, request->head, request->body, request->n_body, deadline_ns, err);
    /* An upstream may refuse a large body before it has read it, and close: its answer counts. */
    if (!call->sent && (err->code != ERROR_UPSTREAM_CUT || !stream_has_input(&c->stream)))
        return false;
    for (int interim = 0; interim <= MAX_INTERIM; interim++) {
        size_t end = read_head(c, deadline_ns, err);
        *ret_silent = *ret_silent && c->in.len == 0;
        if (end == 0)
            return false;
        struct view head = arena_dup(a, view_first(buf_view(&c->in), end));
        buf_consume(&c->in, end);
        if (!http_answer_parse(head, request->is_head, a, &call->head, err))
            return false;
        if (call->head.status == 101)
            return error_set(err, ERROR_UPSTREAM_PROTOCOL, "the upstream switched protocols");
        if (call->head.status >= 200)
            return true;
    }
    return error_set(err, ERROR_UPSTREAM_PROTOCOL, "the upstream sends interim answers only");
}

static bool not_identity(const struct http_head *head)
{
    struct view coding = http_header_get(head, VIEW("content-encoding"));
    return coding.n > 0 && !view_eq_nocase(coding, VIEW("identity"));
}

bool http_call_start(struct http_call *call, struct http_origin *origin,
                     const struct http_request_out *request, const struct http_deadlines *deadlines,
                     struct arena *a, struct error *err)
{
    *call = (struct http_call){.origin = origin, .chunks = HTTP_CHUNKS_START};
    call->connection = take_idle(origin);
    call->reused = call->connection != NULL;
    for (;;) {
        bool silent;
        if (!call->connection)
            call->connection = connection_new(origin, deadlines->connect_ns, a, err);
        if (!call->connection)
            return false;
        call->peer = call->connection->peer;
        if (exchange_heads(call, request, deadlines->head_ns, a, &silent, err))
            break;
        /* One that died while it lay idle says so at once; later the upstream died at work. */
        bool stale = call->reused && silent && err->code == ERROR_UPSTREAM_CUT &&
                     clock_mono_ns() < deadlines->connect_ns;
        if (!stale)
            return false;
        connection_free(call->connection);
        call->connection = NULL;
        call->reused = call->sent = false;
    }
    if (not_identity(&call->head))
        return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                         "the upstream encoded its answer although identity was asked for");
    call->left = call->head.length;
    call->ended = call->head.framing == HTTP_BODY_NONE ||
                  (call->head.framing == HTTP_BODY_LENGTH && call->left == 0);
    return true;
}

/* Decodes chunks in place: the pieces are moved together. */
static enum http_body_result unchunk(struct http_call *call, struct view input,
                                     struct view *ret_bytes, struct error *err)
{
    char *to = (char *)(uintptr_t)input.p;
    size_t n = 0;
    struct view data;

    for (;;) {
        switch (http_chunks_next(&call->chunks, &input, &data, err)) {
        case HTTP_CHUNKS_DATA:
            if (to + n != data.p)
                memmove(to + n, data.p, data.n);
            n += data.n;
            continue;
        case HTTP_CHUNKS_BAD:
            err->code = ERROR_UPSTREAM_PROTOCOL;
            return HTTP_BODY_FAILED;
        case HTTP_CHUNKS_END:
            call->ended = true;
            if (input.n > 0)
                call->head.keep_alive = false; /* bytes that nobody asked for */
            break;
        case HTTP_CHUNKS_MORE:
            break;
        }
        break;
    }
    *ret_bytes = view_of(to, n);
    return n > 0 ? HTTP_BODY_DATA : call->ended ? HTTP_BODY_END : HTTP_BODY_DATA;
}

static enum http_body_result unframe(struct http_call *call, struct view input,
                                     struct view *ret_bytes, struct error *err)
{
    if (call->head.framing == HTTP_BODY_CHUNKED)
        return unchunk(call, input, ret_bytes, err);
    if (call->head.framing == HTTP_BODY_LENGTH) {
        if (input.n > call->left) {
            call->head.keep_alive = false;
            input.n = (size_t)call->left;
        }
        call->left -= input.n;
        call->ended = call->left == 0;
    }
    *ret_bytes = input;
    return HTTP_BODY_DATA;
}

enum http_body_result http_call_read(struct http_call *call, int64_t deadline_ns,
                                     struct view *ret_bytes, struct error *err)
{
    struct http_connection *c = call->connection;

    if (call->ended)
        return HTTP_BODY_END;
    if (c->in.len > 0) { /* came together with the head */
        struct view first = buf_view(&c->in);
        c->in.len = 0;
        return unframe(call, first, ret_bytes, err);
    }
    buf_done(&c->in); /* between the events of a stream a connection holds no buffer */
    char *scratch = loop_scratch(loop_current());
    ssize_t got = stream_read(&c->stream, scratch, LOOP_SCRATCH_BYTES, deadline_ns);
    if (got == STREAM_END && call->head.framing == HTTP_BODY_UNTIL_CLOSE) {
        call->ended = true;
        call->head.keep_alive = false;
        return HTTP_BODY_END;
    }
    if (got <= 0) {
        stream_failed((enum stream_result)got, "its answer was not complete", err);
        return HTTP_BODY_FAILED;
    }
    return unframe(call, view_of(scratch, (size_t)got), ret_bytes, err);
}

void http_call_end(struct http_call *call)
{
    struct http_connection *c = call->connection;

    if (!c)
        return;
    call->connection = NULL;
    struct http_pool *p = pool_here(call->origin);
    bool keep = call->ended && call->sent && call->head.keep_alive && c->in.len == 0 &&
                p->n < MAX_IDLE && !stream_has_input(&c->stream);
    if (!keep) {
        connection_free(c);
        return;
    }
    buf_done(&c->in);
    c->idle_since_ns = loop_now_ns();
    list_push_front(&p->idle, &c->link);
    p->n++;
}
