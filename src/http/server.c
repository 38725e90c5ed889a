#include "http/server.h"

#include "base/clock.h"
#include "http/chunked.h"
#include "http/gzip.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_PIECES = 24,
    LINGER_MS = 1000,
    HEAD_READ = 16 * 1024, /* with a small body in one go; what more came of a large one is read
                              to where it stays, without a copy */
};
_Static_assert((int)HEAD_READ <= (int)LOOP_SCRATCH_BYTES, "it is read there");

bool http_server_open(struct http_server *c, int fd, const struct http_limits *limits,
                      struct error *err)
{
    *c = (struct http_server){.body_taken = true};
    c->in = BUF_MAX(limits->max_head + LOOP_SCRATCH_BYTES);
    return stream_accept(&c->stream, fd, err);
}

/* Closing with input that nobody read makes the kernel reset the connection, and the answer may be
 * lost with it (RFC 9112, 9.6). So what the client still sends is read for a moment. */
static void linger(struct http_server *c)
{
    char *scratch = loop_scratch(loop_current());
    int64_t until = loop_now_ns() + LINGER_MS * NS_PER_MS;

    shutdown(c->stream.io.fd, SHUT_WR);
    while (stream_read(&c->stream, scratch, LOOP_SCRATCH_BYTES, until) > 0 && loop_now_ns() < until)
        ;
}

void http_server_close(struct http_server *c)
{
    if (!c->body_taken && !c->failed)
        linger(c);
    free(c->early);
    buf_done(&c->in);
    stream_close(&c->stream);
}

/* Appends what comes next to `in`. */
static ssize_t fill(struct http_server *c, int64_t deadline_ns)
{
    char *scratch = loop_scratch(loop_current());
    ssize_t got = stream_read(&c->stream, scratch, LOOP_SCRATCH_BYTES, deadline_ns);

    if (got > 0)
        buf_append(&c->in, view_of(scratch, (size_t)got));
    return buf_ok(&c->in) ? got : STREAM_BROKEN;
}

static void take(struct http_server *c, size_t n)
{
    buf_consume(&c->in, n);
    if (c->in.len == 0)
        buf_done(&c->in);
}

/* The head lies at the front of `bytes`. What came of its body goes to where http_server_body()
 * will look for it; the rest is kept in `in`. */
static enum http_server_result split(struct http_server *c, const struct http_limits *limits,
                                     struct view bytes, size_t end, struct arena *a,
                                     struct http_head *ret_head, struct error *err)
{
    struct view head = arena_dup(a, view_first(bytes, end)), rest = view_skip(bytes, end);

    if (head.n != end) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the request's head");
        return HTTP_SERVER_BAD;
    }
    if (!http_request_parse(head, a, ret_head, err))
        return HTTP_SERVER_BAD;
    uint64_t length = ret_head->framing == HTTP_BODY_LENGTH ? ret_head->length : 0;
    c->body_taken = length == 0 && ret_head->framing != HTTP_BODY_CHUNKED;
    if (length > 0 && length <= limits->max_body && rest.n > 0 && (c->early = malloc(length + 1))) {
        c->n_early = rest.n < length ? rest.n : (size_t)length;
        memcpy(c->early, rest.p, c->n_early);
        rest = view_skip(rest, c->n_early);
    }
    if (c->in.len > 0)
        take(c, c->in.len - rest.n);
    else
        buf_append(&c->in, rest);
    return HTTP_SERVER_OK;
}

/* Where the head ends, or 0. Of a lone CR nobody knows yet whether it begins an empty line. */
static size_t find_end(struct view v, size_t *scanned)
{
    bool unclear = v.n == 0 || (v.n == 1 && v.p[0] == '\r');
    return unclear ? 0 : http_head_end(v, scanned);
}

/* Empty lines before a request line are skipped (RFC 9112, 2.2). */
static struct view skip_empty_lines(struct view v)
{
    while (v.n >= 2 && v.p[0] == '\r' && v.p[1] == '\n')
        v = view_skip(v, 2);
    return v;
}

enum http_server_result http_server_head(struct http_server *c, const struct http_limits *limits,
                                         bool first, struct arena *a, struct http_head *ret_head,
                                         struct error *err)
{
    int64_t patience_ms = first ? limits->head_ms : limits->keepalive_ms;
    int64_t deadline = loop_now_ns() + patience_ms * NS_PER_MS;
    struct view bytes = skip_empty_lines(buf_view(&c->in));
    size_t scanned = 0, end;
    ssize_t got;

    c->answered_interim = false;
    c->in.max = limits->max_head + LOOP_SCRATCH_BYTES; /* a reload may have changed it */
    take(c, c->in.len - bytes.n);
    if (c->in.len == 0) {
        /* A head that comes whole, as nearly all do, is read where the socket put it. */
        char *scratch = loop_scratch(loop_current());
        got = stream_read(&c->stream, scratch, HEAD_READ, deadline);
        if (got <= 0)
            return HTTP_SERVER_CLOSED;
        bytes = skip_empty_lines(view_of(scratch, (size_t)got));
        end = find_end(bytes, &scanned);
        if (end > 0 && end <= limits->max_head)
            return split(c, limits, bytes, end, a, ret_head, err);
        buf_append(&c->in, bytes);
    }
    deadline = loop_now_ns() + limits->head_ms * NS_PER_MS;
    for (;;) {
        end = find_end(buf_view(&c->in), &scanned);
        if (end > 0 && end <= limits->max_head)
            return split(c, limits, buf_view(&c->in), end, a, ret_head, err);
        if (end > 0 || c->in.len >= limits->max_head) {
            error_set(err, ERROR_HEAD_TOO_LARGE, "the request's head is longer than %zu bytes",
                      limits->max_head);
            return HTTP_SERVER_BAD;
        }
        got = fill(c, deadline);
        if (got == STREAM_TIMEOUT) {
            error_set(err, ERROR_REQUEST_TIMEOUT, "the request's head did not come in %lld ms",
                      (long long)limits->head_ms);
            return HTTP_SERVER_BAD;
        }
        if (got <= 0)
            return HTTP_SERVER_CLOSED;
        if (scanned == 0)
            take(c, c->in.len - skip_empty_lines(buf_view(&c->in)).n);
    }
}

/* ---- bodies ------------------------------------------------------------------------------- */

static enum http_server_result body_failed(ssize_t got, const struct http_limits *limits,
                                           struct error *err)
{
    if (got == STREAM_TIMEOUT) {
        error_set(err, ERROR_REQUEST_TIMEOUT, "the request's body did not come in %lld ms",
                  (long long)limits->body_ms);
        return HTTP_SERVER_BAD;
    }
    error_set(err, ERROR_CLIENT_GONE, "the client left before its request was complete");
    return HTTP_SERVER_CLOSED;
}

static enum http_server_result too_large(const struct http_limits *limits, struct error *err)
{
    error_set(err, ERROR_BODY_TOO_LARGE, "the request's body is longer than %zu bytes",
              limits->max_body);
    error_hint(err, "Send less, or raise limits.body.");
    return HTTP_SERVER_BAD;
}

static enum http_server_result body_by_length(struct http_server *c,
                                              const struct http_limits *limits, size_t length,
                                              struct arena *a, struct view *ret_body,
                                              struct error *err)
{
    int64_t deadline = loop_now_ns() + limits->body_ms * NS_PER_MS;
    size_t have = c->early ? c->n_early : 0;
    char *bytes = c->early ? c->early : malloc(length + 1);

    c->early = NULL;
    if (!bytes) {
        error_set(err, ERROR_NO_MEMORY, "no memory for a body of %zu bytes", length);
        return HTTP_SERVER_BAD;
    }
    arena_defer(a, free, bytes);
    if (arena_failed(a)) {
        error_set(err, ERROR_NO_MEMORY, "no memory for a body of %zu bytes", length);
        return HTTP_SERVER_BAD;
    }
    if (have == 0 && c->in.len > 0) { /* there was no memory for it before */
        have = c->in.len < length ? c->in.len : length;
        memcpy(bytes, c->in.p, have);
        take(c, have);
    }
    while (have < length) {
        ssize_t got = stream_read(&c->stream, bytes + have, length - have, deadline);
        if (got <= 0)
            return body_failed(got, limits, err);
        have += (size_t)got;
    }
    bytes[length] = '\0';
    *ret_body = view_of(bytes, length);
    return HTTP_SERVER_OK;
}

static void free_buf(void *b)
{
    buf_done(b);
}

static enum http_server_result body_by_chunks(struct http_server *c,
                                              const struct http_limits *limits, struct arena *a,
                                              struct view *ret_body, struct error *err)
{
    int64_t deadline = loop_now_ns() + limits->body_ms * NS_PER_MS;
    struct http_chunks chunks = HTTP_CHUNKS_START;
    struct buf *body = arena_new_of(a, struct buf);

    if (!body) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the request's body");
        return HTTP_SERVER_BAD;
    }
    *body = BUF_MAX(limits->max_body);
    arena_defer(a, free_buf, body);
    for (;;) {
        struct view input = buf_view(&c->in), data;
        enum http_chunks_result result;
        while ((result = http_chunks_next(&chunks, &input, &data, err)) == HTTP_CHUNKS_DATA)
            buf_append(body, data);
        if (result == HTTP_CHUNKS_BAD)
            return HTTP_SERVER_BAD;
        if (!buf_ok(body))
            return too_large(limits, err);
        take(c, c->in.len - input.n);
        if (result == HTTP_CHUNKS_END)
            break;
        ssize_t got = fill(c, deadline);
        if (got <= 0)
            return body_failed(got, limits, err);
    }
    *ret_body = buf_view(body);
    return HTTP_SERVER_OK;
}

/* Undoes the content coding, in a buffer of the arena. */
static enum http_server_result decode(const struct http_limits *limits,
                                      const struct http_head *head, struct arena *a,
                                      struct view *body, struct error *err)
{
    struct view coding = http_header_get(head, VIEW("content-encoding"));

    if (coding.n == 0 || view_eq_nocase(coding, VIEW("identity")))
        return HTTP_SERVER_OK;
    if (!view_eq_nocase(coding, VIEW("gzip"))) {
        error_set(err, ERROR_UNSUPPORTED_CODING, "content-encoding '%.*s' is not known here",
                  VIEW_ARG(view_first(coding, 40)));
        error_hint(err, "Send gzip, or no content-encoding.");
        return HTTP_SERVER_BAD;
    }
    struct buf *plain = arena_new_of(a, struct buf);
    if (!plain) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the request's body");
        return HTTP_SERVER_BAD;
    }
    *plain = BUF_MAX(limits->max_body);
    arena_defer(a, free_buf, plain);
    if (!gzip_decode(*body, plain, err))
        return HTTP_SERVER_BAD;
    *body = buf_view(plain);
    return HTTP_SERVER_OK;
}

enum http_server_result http_server_body(struct http_server *c, const struct http_limits *limits,
                                         const struct http_head *head, struct arena *a,
                                         struct view *ret_body, struct error *err)
{
    enum http_server_result result;
    struct view body = VIEW("");

    if (head->framing == HTTP_BODY_LENGTH && head->length > limits->max_body)
        return too_large(limits, err);
    if (head->expect_continue && !c->body_taken && c->in.len == 0 && !c->early) {
        struct view go_on = VIEW("HTTP/1.1 100 Continue\r\n\r\n");
        if (!http_server_write(c, limits, &go_on, 1))
            return body_failed(STREAM_BROKEN, limits, err);
        c->answered_interim = true;
    }
    if (head->framing == HTTP_BODY_CHUNKED)
        result = body_by_chunks(c, limits, a, &body, err);
    else if (head->framing == HTTP_BODY_LENGTH && head->length > 0)
        result = body_by_length(c, limits, (size_t)head->length, a, &body, err);
    else
        result = HTTP_SERVER_OK;
    if (result != HTTP_SERVER_OK)
        return result;
    c->body_taken = true;
    result = decode(limits, head, a, &body, err);
    if (result == HTTP_SERVER_OK)
        *ret_body = body;
    return result;
}

/* ---- answers ------------------------------------------------------------------------------ */

bool http_server_write(struct http_server *c, const struct http_limits *limits,
                       const struct view *pieces, unsigned n)
{
    struct iovec iov[MAX_PIECES];
    int64_t stall_ns = limits->stall_ms * NS_PER_MS;

    assert(n <= MAX_PIECES);
    if (c->failed)
        return false;
    for (unsigned i = 0; i < n; i++)
        iov[i] = (struct iovec){.iov_base = (void *)(uintptr_t)pieces[i].p, .iov_len = pieces[i].n};
    c->failed = stream_writev(&c->stream, iov, n, loop_now_ns() + stall_ns, stall_ns) != STREAM_OK;
    return !c->failed;
}

bool http_server_write_chunk(struct http_server *c, const struct http_limits *limits,
                             struct view bytes)
{
    char size[20];
    int n = snprintf(size, sizeof(size), "%zx\r\n", bytes.n);
    struct view pieces[] = {view_of(size, (size_t)n), bytes, VIEW("\r\n")};

    return bytes.n == 0 || http_server_write(c, limits, pieces, 3);
}

void http_status_line(struct buf *out, int status)
{
    buf_append_lit(out, "HTTP/1.1 ");
    buf_append_u64(out, (uint64_t)status);
    buf_append_char(out, ' ');
    buf_append(out, view_str(http_reason(status)));
    buf_append_lit(out, "\r\n");
}

void http_header_line(struct buf *out, struct view name, struct view value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' && value.p[i] != '\t')
            return;
    buf_append(out, name);
    buf_append_lit(out, ": ");
    buf_append(out, value);
    buf_append_lit(out, "\r\n");
}
