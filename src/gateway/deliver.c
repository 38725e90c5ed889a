/*
 * From the upstream's bytes to the client's: a plain answer, a stream, or a refusal.
 *
 * Weir's own head leaves with the first event that carries content, a tool call or a finish; until
 * then events are kept back and everything may still fail over. The last bytes are held for
 * exchange_release(), which sends them when the record is in the ledger.
 */
#include "base/clock.h"
#include "gateway/continue.h"
#include "gateway/heads.h"
#include "gateway/race.h"
#include "gateway/translate.h"
#include "http/lines.h"
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

static void keep_upstream_heads(struct exchange *x, const struct http_head *head,
                                enum llm_dialect asked)
{
    struct buf b = BUF_MAX(32 * 1024);

    for (unsigned i = 0; i < head->n_headers; i++)
        if (heads_pass_down(head->headers[i].name, x->dialect, asked))
            http_header_line(&b, head->headers[i].name, head->headers[i].value);
    struct view id = http_header_get(head, VIEW("request-id"));
    if (id.n > 0 && asked == x->dialect)
        x->upstream_request_id = arena_dup(x->arena, id);
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
    if (x->dialect == LLM_ANTHROPIC) { /* the name that its clients look for */
        buf_append_lit(&b, "\r\nrequest-id: ");
        buf_append(&b, x->upstream_request_id.n ? x->upstream_request_id : x->request_id);
    }
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

bool deliver_read_whole(struct exchange *x, struct http_call *call, size_t max, int64_t deadline_ns,
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

enum deliver_result deliver_plain(struct exchange *x, struct http_call *call,
                                  enum llm_dialect asked, int64_t deadline_ns,
                                  struct arena *attempt)
{
    struct translation t;
    struct llm_body out;
    struct view body;

    if (!deliver_read_whole(x, call, x->config->max_answer, deadline_ns, attempt, &body))
        return DELIVER_FAILED;
    bool ok = translate_begin(&t, x, asked, true, attempt) &&
              translate_plain(&t, body, attempt, &out, &x->error);
    translate_done(&t);
    if (!ok)
        return DELIVER_FAILED;
    x->first_token_ns = loop_now_ns();
    keep_upstream_heads(x, &call->head, asked);
    x->held[0] = deliver_head(x, 200, VIEW("application/json"), out.bytes);
    if (x->held[0].n == 0 && !no_memory(x))
        return DELIVER_FAILED;
    memcpy(&x->held[1], out.pieces, out.n * sizeof(out.pieces[0]));
    x->n_held = out.n + 1;
    return DELIVER_DONE;
}

/* Another dialect's refusal in the client's own words. */
static struct view translated_refusal(struct exchange *x, struct view body, int status)
{
    struct error refusal;
    struct buf out = BUF_MAX(REFUSAL_BYTES);

    error_set(
        &refusal, ERROR_UPSTREAM_REJECTED, "%.*s",
        VIEW_ARG(llm_error_message(body, x->arena, VIEW("the upstream refused the request"))));
    llm_dialect(x->dialect)->error_write(&refusal, status, x->request_id, &out);
    struct view text = buf_ok(&out) ? arena_dup(x->arena, buf_view(&out)) : VIEW_NONE;
    buf_done(&out);
    return text;
}

enum deliver_result deliver_refusal(struct exchange *x, struct http_call *call, int64_t deadline_ns,
                                    enum llm_dialect asked, struct arena *attempt, bool may_go_on)
{
    struct view body, type = http_header_get(&call->head, VIEW("content-type"));

    if (!deliver_read_whole(x, call, REFUSAL_BYTES, deadline_ns, attempt, &body))
        return DELIVER_FAILED;
    if (may_go_on && llm_error_is_too_long(body))
        return DELIVER_TOO_LONG;
    if (asked != x->dialect) {
        body = translated_refusal(x, body, call->head.status);
        type = VIEW("application/json");
    }
    x->outcome = view_str(error_info(ERROR_UPSTREAM_REJECTED)->wire);
    keep_upstream_heads(x, &call->head, asked);
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
    enum llm_dialect asked; /* the upstream's */
    struct translation *translation;
    bool by_lines; /* the upstream's stream is NDJSON, not server-sent events */
    struct sse_reader events;
    struct line_reader lines;
    struct arena *scratch; /* of one event's decoded text; NULL where bytes pass */
    struct buf out;        /* events for the client that did not leave yet */
    struct buf end;        /* its end mark, held back */
    unsigned seen;         /* bits of enum llm_event, over the whole stream */
    bool progress;         /* the last read brought an event that is no comment */
};

enum next { NEXT_NONE, NEXT_EVENT, NEXT_PING, NEXT_TOO_LONG };

/* The next event of the upstream's stream, however it is framed. */
static enum next next_event(struct relay *r, struct view *bytes, struct view *ret_name,
                            struct view *ret_data)
{
    struct sse_event event;

    *ret_name = VIEW_NONE;
    if (r->by_lines) {
        enum line_result line = line_next(&r->lines, bytes, ret_data);
        return line == LINE_FOUND ? NEXT_EVENT : line == LINE_MORE ? NEXT_NONE : NEXT_TOO_LONG;
    }
    enum sse_result result = sse_next(&r->events, bytes, &event);
    if (result != SSE_EVENT)
        return result == SSE_MORE ? NEXT_NONE : NEXT_TOO_LONG;
    *ret_name = event.name;
    *ret_data = event.data;
    return event.comment ? NEXT_PING : NEXT_EVENT;
}

/* A ping keeps the client's patience too. */
static void pass_ping(struct relay *r)
{
    if (r->x->streaming && !translate_by_lines(r->x->dialect))
        buf_append_lit(&r->out, ":\n\n");
}

/* Reads all events of the bytes into `out`. False: a failed attempt (x->error). */
static bool take_events(struct relay *r, struct view bytes)
{
    struct exchange *x = r->x;
    struct view name, data;
    enum next next;

    r->progress = false;
    while ((next = next_event(r, &bytes, &name, &data)) == NEXT_EVENT || next == NEXT_PING) {
        unsigned kinds = 0;
        if (next == NEXT_PING) {
            pass_ping(r);
            continue;
        }
        r->progress = true;
        bool ok = translate_event(r->translation, name, data, &r->out, &r->end, &kinds, &x->error);
        if (r->scratch)
            arena_reset(r->scratch);
        r->seen |= kinds;
        if (x->continuation && x->continuation->anew)
            return error_set(&x->error, ERROR_NOT_CONTINUED, "it began its answer anew");
        if (!ok || kinds & LLM_EVENT_ERROR)
            return false;
        if (kinds & LLM_EVENT_DONE)
            break;
    }
    if (next == NEXT_TOO_LONG)
        return error_set(&x->error, ERROR_UPSTREAM_PROTOCOL, "an event is longer than %d bytes",
                         MAX_EVENT_BYTES);
    if (!buf_ok(&r->out) || !buf_ok(&r->end))
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

/* What only another attempt would need is given back, because a stream may live for minutes, unless
 * somebody may have to go on with it. */
static void settle_down(struct exchange *x)
{
    task_trim_stack();
    if (x->answer.said)
        return;
    arena_free(x->request_arena);
    x->request_arena = NULL;
    x->body = VIEW_NONE;
    x->prompt = NULL;
    x->request.body = x->request.tools = x->request.schema = VIEW_NONE;
    x->request.user = x->request.metadata = VIEW_NONE;
    x->request.messages = NULL;
    x->request.n_messages = 0;
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
        if (!race_claim(x))
            return false;
        keep_upstream_heads(x, &r->call->head, r->asked);
        head = deliver_head(x, 200, llm_dialect(x->dialect)->content_type(true), SIZE_MAX);
        if (head.n == 0)
            return no_memory(x);
        x->streaming = true;
        x->first_token_ns = loop_now_ns();
        settle_down(x);
    }
    if (head.n == 0 && r->out.len == 0)
        return true;
    chunked =
        chunked && r->out.len > 0; /* the head may go alone: an empty chunk would be the end */
    struct view line = chunked ? chunk_size(digits, r->out.len) : VIEW("");
    struct view pieces[] = {head, line, buf_view(&r->out), chunked ? VIEW("\r\n") : VIEW("")};
    bool ok = http_server_write(x->client, x->limits, pieces, 4);
    if (r->out.cap > SMALL_BYTES)
        buf_done(&r->out);
    else
        buf_reset(&r->out);
    return ok;
}

/* The mark is a piece of its own. */
void deliver_end(struct exchange *x, struct view end)
{
    struct view mark = end.n ? end : llm_end_mark(x->dialect);
    bool chunked = x->head->minor >= 1, full = chunked && mark.n > 0;
    struct view kept = arena_dup(x->arena, mark);

    x->held[0] = full ? arena_printf(x->arena, "%zx\r\n", mark.n) : VIEW("");
    x->held[1] = kept;
    x->held[2] = full ? VIEW("\r\n0\r\n\r\n") : chunked ? HTTP_LAST_CHUNK : VIEW("");
    x->n_held = 3;
    if (kept.n < mark.n || (full && x->held[0].n == 0)) { /* without memory it is a cut */
        x->n_held = 0;
        x->close = true;
    }
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

/* A stream that broke behind its finish has said all; only its end is missing. */
static enum deliver_result failed(const struct relay *r)
{
    struct exchange *x = r->x;

    if (x->error.code == ERROR_CANCELLED || x->client->failed)
        return DELIVER_CANCELLED;
    if (!x->streaming || x->error.code == ERROR_NOT_CONTINUED)
        return DELIVER_FAILED;
    return r->seen & LLM_EVENT_FINISH && continue_end(x, LLM_FINISH_NONE) ? DELIVER_DONE
                                                                          : DELIVER_CUT;
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
            return failed(r);
        /* A body that ended properly after its finish is whole, even without an end mark. */
        if (result == HTTP_BODY_END && (r->seen & LLM_EVENT_FINISH) &&
            r->call->head.framing != HTTP_BODY_UNTIL_CLOSE)
            break;
        if (result == HTTP_BODY_END) {
            error_set(&x->error, ERROR_UPSTREAM_CUT, "the stream ended before its end mark");
            return failed(r);
        }
        bool ok = take_events(r, bytes);
        int64_t before = loop_now_ns();
        /* What came in front of a failure is the client's all the same, once it gets the rest. */
        bool sent = ok || (x->streaming && buf_ok(&r->out)) ? send_events(r) : true;
        if (!ok || !sent)
            return failed(r);
        /* The clock between tokens stood still while the client was the slow one. */
        patience += loop_now_ns() - before;
        if (x->streaming && r->progress)
            patience = loop_now_ns() + between_ns;
    }
    if (!x->streaming) {
        error_set(&x->error, ERROR_UPSTREAM_CUT, "the stream ended without content");
        return DELIVER_FAILED;
    }
    deliver_end(x, buf_view(&r->end));
    finish_body(r->call);
    return DELIVER_DONE;
}

static void end_translation(void *t)
{
    translate_done(t);
}

/* Lives as long as the exchange: an error event behind the stream goes on with its numbers. */
static bool begin_translation(struct relay *r)
{
    struct exchange *x = r->x;

    bool going = continue_going(x);
    bool same = translate_passes(x, r->asked) && !going; /* then nothing is decoded */

    r->translation = going ? x->translation : arena_new_of(x->arena, struct translation);
    r->scratch = same ? NULL : arena_new_child(x->arena);
    if (!r->translation || (!same && !r->scratch))
        return no_memory(x);
    if (going) {
        translate_resume(r->translation, x, r->asked, r->scratch);
        return true;
    }
    arena_defer(x->arena, end_translation, r->translation);
    x->translation = r->translation;
    return translate_begin(r->translation, x, r->asked, false, r->scratch);
}

enum deliver_result deliver_stream(struct exchange *x, struct http_call *call,
                                   enum llm_dialect asked, int64_t between_ns,
                                   int64_t first_token_ns, int64_t deadline_ns)
{
    struct relay r = {.x = x,
                      .call = call,
                      .asked = asked,
                      .by_lines = translate_by_lines(asked),
                      .events = sse_reader_new(MAX_EVENT_BYTES),
                      .lines = LINE_READER(MAX_EVENT_BYTES)};

    r.out = r.end = BUF_MAX(OUT_BYTES);
    if (!begin_translation(&r))
        return DELIVER_FAILED;
    enum deliver_result result = relay_stream(&r, between_ns, first_token_ns, deadline_ns);
    buf_done(&r.out);
    buf_done(&r.end);
    sse_reader_done(&r.events);
    line_reader_done(&r.lines);
    return result;
}
