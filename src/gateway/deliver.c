/*
 * From the upstream's bytes to the client's: a plain answer, a stream, or a refusal.
 *
 * Weir's own head leaves with the first event that carries content, a tool call or a finish; until
 * then events are kept back and everything may still fail over. The last bytes are held for
 * exchange_release(), which sends them when the record is in the ledger.
 */
#include "base/clock.h"
#include "gateway/exchange.h"
#include "http/forward.h"
#include "http/sse.h"
#include "run/task.h"

enum {
    MAX_EVENT_BYTES = 1 << 20,
    KEPT_BACK_BYTES = 256 * 1024, /* events before the first content */
    OUT_BYTES = 8 << 20,          /* what one read can become */
    SMALL_BYTES = 1024,           /* an output buffer this small is kept between events */
    REFUSAL_BYTES = 256 * 1024,
    FINISH_NS = 2 * NS_PER_MS, /* for the end of the body behind the end mark */
};

/* ---- heads ---------------------------------------------------------------------------------- */

static void keep_upstream_heads(struct exchange *x, const struct http_head *head)
{
    struct buf b = BUF_MAX(32 * 1024);

    for (unsigned i = 0; i < head->n_headers; i++)
        if (http_forward_to_client(head->headers[i].name))
            http_header_line(&b, head->headers[i].name, head->headers[i].value);
    x->upstream_heads = b.len && buf_ok(&b) ? arena_dup(x->arena, buf_view(&b)) : VIEW_NONE;
    buf_done(&b);
}

struct view deliver_head(struct exchange *x, int status, struct view type, size_t length)
{
    struct buf b = BUF_MAX(64 * 1024);

    x->status = status;
    x->close = x->close || !x->head->keep_alive || !x->client->body_taken ||
               atomic_load_explicit(&x->gateway->draining, memory_order_relaxed);
    http_status_line(&b, status);
    buf_append_lit(&b, "content-type: ");
    buf_append(&b, type);
    if (length != SIZE_MAX) {
        buf_append_lit(&b, "\r\ncontent-length: ");
        buf_append_u64(&b, length);
    } else if (x->head->minor >= 1) {
        buf_append_lit(&b, "\r\ntransfer-encoding: chunked\r\ncache-control: no-cache");
    } else {
        x->close = true; /* HTTP/1.0 knows no chunks: the end of the connection ends the body */
    }
    buf_append_lit(&b, "\r\nx-request-id: ");
    buf_append(&b, x->request_id);
    buf_append_lit(&b, "\r\n");
    buf_append(&b, x->upstream_heads);
    if (x->close)
        buf_append_lit(&b, "connection: close\r\n");
    else if (x->head->minor == 0)
        buf_append_lit(&b, "connection: keep-alive\r\n");
    buf_append_lit(&b, "\r\n");
    struct view text = buf_ok(&b) ? arena_dup(x->arena, buf_view(&b)) : VIEW_NONE;
    buf_done(&b);
    return text;
}

static bool no_memory(struct exchange *x)
{
    return error_set(&x->error, ERROR_NO_MEMORY, "no memory for an answer");
}

/* ---- plain answers -------------------------------------------------------------------------- */

static void free_buf(void *b)
{
    buf_done(b);
}

/* The whole body, in a buffer that lives as long as the attempt. */
static bool read_whole(struct exchange *x, struct http_call *call, size_t max, int64_t deadline_ns,
                       struct arena *attempt, struct view *ret_body)
{
    struct buf *body = arena_new_of(attempt, struct buf);
    struct view bytes;
    enum http_body_result result;

    if (!body)
        return no_memory(x);
    *body = BUF_MAX(max);
    arena_defer(attempt, free_buf, body);
    while ((result = http_call_read(call, deadline_ns, &bytes, &x->error)) == HTTP_BODY_DATA) {
        buf_append(body, bytes);
        if (!buf_ok(body))
            return error_set(&x->error, ERROR_UPSTREAM_PROTOCOL,
                             "the answer is longer than %zu bytes", max);
    }
    *ret_body = buf_view(body);
    return result == HTTP_BODY_END;
}

enum deliver_result deliver_plain(struct exchange *x, struct http_call *call, int64_t deadline_ns,
                                  struct arena *attempt)
{
    struct llm_body out;
    struct view body;

    if (!read_whole(x, call, x->config->max_answer, deadline_ns, attempt, &body))
        return DELIVER_FAILED;
    if (!llm_answer_plain(&x->answer, body, attempt, &out, &x->error))
        return DELIVER_FAILED;
    x->first_token_ns = loop_now_ns();
    keep_upstream_heads(x, &call->head);
    x->held[0] = deliver_head(x, 200, VIEW("application/json"), out.bytes);
    if (x->held[0].n == 0 && !no_memory(x))
        return DELIVER_FAILED;
    memcpy(&x->held[1], out.pieces, out.n * sizeof(out.pieces[0]));
    x->n_held = out.n + 1;
    return DELIVER_DONE;
}

enum deliver_result deliver_refusal(struct exchange *x, struct http_call *call, int64_t deadline_ns,
                                    struct arena *attempt, bool may_go_on)
{
    struct view body, type = http_header_get(&call->head, VIEW("content-type"));

    if (!read_whole(x, call, REFUSAL_BYTES, deadline_ns, attempt, &body))
        return DELIVER_FAILED;
    if (may_go_on && llm_error_is_too_long(body))
        return DELIVER_TOO_LONG;
    x->outcome = view_str(error_info(ERROR_UPSTREAM_REJECTED)->wire);
    keep_upstream_heads(x, &call->head);
    x->held[0] =
        deliver_head(x, call->head.status, type.n ? type : VIEW("application/json"), body.n);
    if (x->held[0].n == 0 && !no_memory(x))
        return DELIVER_FAILED;
    x->held[1] = body;
    x->n_held = 2;
    return DELIVER_DONE;
}

/* ---- streams -------------------------------------------------------------------------------- */

struct relay {
    struct exchange *x;
    struct http_call *call;
    struct sse_reader events;
    struct buf out; /* events for the client that did not leave yet */
    unsigned seen;  /* bits of enum llm_event, over the whole stream */
    bool progress;  /* the last read brought an event that is no comment */
};

/* Reads all events of the bytes into `out`. False: a failed attempt (x->error). */
static bool take_events(struct relay *r, struct view bytes)
{
    struct exchange *x = r->x;
    struct sse_event event;
    enum sse_result result;

    r->progress = false;
    while ((result = sse_next(&r->events, &bytes, &event)) == SSE_EVENT) {
        unsigned kinds = 0;
        if (event.comment) {
            if (x->streaming)
                buf_append_lit(&r->out, ":\n\n"); /* a ping keeps the client's patience too */
            continue;
        }
        r->progress = true;
        if (!llm_answer_event(&x->answer, event.name, event.data, &r->out, &kinds, &x->error))
            return false;
        r->seen |= kinds;
        if (kinds & LLM_EVENT_ERROR)
            return false;
        if (kinds & LLM_EVENT_DONE)
            break;
    }
    if (result == SSE_TOO_LONG)
        return error_set(&x->error, ERROR_UPSTREAM_PROTOCOL, "an event is longer than %d bytes",
                         MAX_EVENT_BYTES);
    if (!buf_ok(&r->out))
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory for the stream's events");
    if (!x->streaming && r->out.len > KEPT_BACK_BYTES)
        return error_set(&x->error, ERROR_UPSTREAM_PROTOCOL,
                         "%d bytes of events came and no content", KEPT_BACK_BYTES);
    return true;
}

/* "1f4\r\n" */
static struct view chunk_size(char *text, size_t n)
{
    char *at = text + 16;

    *--at = '\n';
    *--at = '\r';
    do
        *--at = "0123456789abcdef"[n & 15];
    while (n >>= 4);
    return view_of(at, (size_t)(text + 16 - at));
}

/* From here on nobody else is asked: what only another attempt would need is given back, because
 * a stream may live for minutes. */
static void settle_down(struct exchange *x)
{
    arena_free(x->request_arena);
    x->request_arena = NULL;
    x->body = VIEW_NONE;
    x->request.body = x->request.tools = x->request.schema = VIEW_NONE;
    x->request.user = x->request.metadata = VIEW_NONE;
    x->request.messages = NULL;
    x->request.n_messages = 0;
    task_trim_stack();
}

/* Sends what is ready; the head before it the first time. */
static bool send_events(struct relay *r)
{
    struct exchange *x = r->x;
    struct view head = VIEW_NONE;
    bool chunked = x->head->minor >= 1;
    char digits[16];

    if (!x->streaming) {
        if (!(r->seen & (LLM_EVENT_CONTENT | LLM_EVENT_FINISH)))
            return true;
        keep_upstream_heads(x, &r->call->head);
        head = deliver_head(x, 200, VIEW("text/event-stream; charset=utf-8"), SIZE_MAX);
        if (head.n == 0)
            return no_memory(x);
        x->streaming = true;
        x->first_token_ns = loop_now_ns();
        settle_down(x);
    }
    if (r->out.len == 0)
        return true;
    struct view line = chunked ? chunk_size(digits, r->out.len) : VIEW("");
    struct view pieces[] = {head, line, buf_view(&r->out), chunked ? VIEW("\r\n") : VIEW("")};
    bool ok = http_server_write(x->client, x->limits, pieces, 4);
    if (r->out.cap > SMALL_BYTES)
        buf_done(&r->out);
    else
        buf_reset(&r->out);
    return ok;
}

/* What follows the last event: the end mark and the last chunk, held for the ledger. */
static void hold_end(struct exchange *x)
{
    struct view mark = llm_end_mark(x->request.dialect);

    if (x->head->minor >= 1)
        mark = arena_printf(x->arena, "%zx\r\n%.*s\r\n0\r\n\r\n", mark.n, VIEW_ARG(mark));
    x->close = x->close || mark.n == 0; /* without memory it is a cut */
    x->held[0] = mark;
    x->n_held = 1;
}

/* Behind the end mark only the end of the body may follow; reading it lets the connection live. */
static void finish_body(struct http_call *call)
{
    struct view bytes;
    struct error ignored;

    while (!call->ended &&
           http_call_read(call, loop_now_ns() + FINISH_NS, &bytes, &ignored) == HTTP_BODY_DATA &&
           bytes.n == 0)
        ;
}

static enum deliver_result failed(const struct exchange *x)
{
    if (x->error.code == ERROR_CANCELLED || x->client->failed)
        return DELIVER_CANCELLED;
    return x->streaming ? DELIVER_CUT : DELIVER_FAILED;
}

static enum deliver_result relay_stream(struct relay *r, int64_t between_ns, int64_t first_token_ns,
                                        int64_t deadline_ns)
{
    struct exchange *x = r->x;
    struct view bytes;
    int64_t patience = first_token_ns;

    while (!(r->seen & LLM_EVENT_DONE)) {
        int64_t until = patience < deadline_ns ? patience : deadline_ns;
        enum http_body_result result = http_call_read(r->call, until, &bytes, &x->error);
        if (result == HTTP_BODY_FAILED)
            return failed(x);
        /* A body that ended properly after its finish is whole, even without an end mark. */
        if (result == HTTP_BODY_END && (r->seen & LLM_EVENT_FINISH) &&
            r->call->head.framing != HTTP_BODY_UNTIL_CLOSE)
            break;
        if (result == HTTP_BODY_END) {
            error_set(&x->error, ERROR_UPSTREAM_CUT, "the stream ended before its end mark");
            return failed(x);
        }
        bool ok = take_events(r, bytes);
        int64_t before = loop_now_ns();
        /* What came in front of a failure is the client's all the same, once it gets the rest. */
        bool sent = ok || (x->streaming && buf_ok(&r->out)) ? send_events(r) : true;
        if (!ok || !sent)
            return failed(x);
        /* The clock between tokens stood still while the client was the slow one. */
        patience += loop_now_ns() - before;
        if (x->streaming && r->progress)
            patience = loop_now_ns() + between_ns;
    }
    if (!x->streaming) {
        error_set(&x->error, ERROR_UPSTREAM_CUT, "the stream ended without content");
        return DELIVER_FAILED;
    }
    hold_end(x);
    finish_body(r->call);
    return DELIVER_DONE;
}

enum deliver_result deliver_stream(struct exchange *x, struct http_call *call,
                                   const struct config_backend *backend, int64_t first_token_ns,
                                   int64_t deadline_ns)
{
    struct relay r = {.x = x, .call = call, .events = sse_reader_new(MAX_EVENT_BYTES)};

    r.out = BUF_MAX(OUT_BYTES);
    enum deliver_result result =
        relay_stream(&r, backend->between_tokens_ms * NS_PER_MS, first_token_ns, deadline_ns);
    buf_done(&r.out);
    sse_reader_done(&r.events);
    return result;
}
