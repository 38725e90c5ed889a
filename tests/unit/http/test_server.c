/* The server's side: scripted clients on real sockets, and a handler that answers what it got. */
#include "http/gzip.h"
#include "http/server.h"

#include "wire.h"

#include <stdio.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SCRIPT(...)  ((const struct wire_step[]){__VA_ARGS__, END_})

enum { MAX_HEAD = 1024, MAX_BODY = 100000 };

static struct http_limits limits;
static struct wire_server here;
static unsigned requests;
static struct error last_error;
static enum http_server_result last_result;

/* "echo: METHOD PATH [BODY]" for each request, "error: CODE" where one is to be answered. */
static bool serve_one(struct http_server *c, bool first, struct arena *a)
{
    struct http_head head;
    struct view body = VIEW("");
    struct buf out = BUF_MAX(1 << 20);

    last_result = http_server_head(c, &limits, first, a, &head, &last_error);
    if (last_result == HTTP_SERVER_OK)
        last_result = http_server_body(c, &limits, &head, a, &body, &last_error);
    if (last_result == HTTP_SERVER_CLOSED)
        return false;
    bool ok = last_result == HTTP_SERVER_OK;
    bool keep = ok && head.keep_alive;
    struct view text = ok ? arena_printf(a, "echo: %.*s %.*s [%.*s]", VIEW_ARG(head.method_text),
                                         VIEW_ARG(head.path), VIEW_ARG(view_first(body, 100)))
                          : arena_printf(a, "error: %s", error_info(last_error.code)->name);
    requests++;
    http_status_line(&out, ok ? 200 : error_info(last_error.code)->http_status);
    http_header_line(&out, VIEW("content-type"), VIEW("text/plain"));
    http_header_line(&out, VIEW("x-bad"), VIEW("a\r\nevil: b"));
    buf_printf(&out, "content-length: %zu\r\n%s\r\n", text.n, keep ? "" : "connection: close\r\n");
    struct view pieces[] = {buf_view(&out), ok && head.method == HTTP_HEAD ? VIEW("") : text};
    keep = http_server_write(c, &limits, pieces, 2) && keep;
    buf_done(&out);
    return keep;
}

static void serve(int fd, void *arg)
{
    struct http_server c;
    struct error err;
    bool keep, first = true;
    (void)arg;

    assert_true(http_server_open(&c, fd, &limits, &err));
    do {
        struct arena *a = arena_new(8 << 20);
        keep = serve_one(&c, first, a);
        arena_free(a);
        first = false;
    } while (keep);
    http_server_close(&c);
}

static void begin(void)
{
    limits = (struct http_limits){.max_head = MAX_HEAD,
                                  .max_body = MAX_BODY,
                                  .head_ms = 2000,
                                  .body_ms = 2000,
                                  .keepalive_ms = 2000,
                                  .stall_ms = 2000};
    requests = 0;
    here = (struct wire_server){0};
    wire_listen(&here, serve, NULL);
}

static void play(const struct wire_step *script, struct buf *got)
{
    struct stream s;

    *got = BUF_MAX(1 << 20);
    wire_connect(&s, here.port);
    wire_play(&s, script, got);
}

static unsigned count(struct view text, struct view needle)
{
    unsigned n = 0;
    for (size_t at; (at = view_find(text, needle)) != VIEW_NPOS; n++)
        text = view_skip(text, at + needle.n);
    return n;
}

static void expect(const char *name, const struct buf *got, const char *text)
{
    if (view_find(buf_view(got), view_str(text)) == VIEW_NPOS)
        fail_msg("%s: no '%s' in '%.*s'", name, text, VIEW_ARG(buf_view(got)));
}

/* ---- one request --------------------------------------------------------------------------- */

#define H "Host: h\r\n"

static const struct request_case {
    const char *request, *answer;
    int status;
    bool keep;
} cases[] = {
    {"GET /a?b HTTP/1.1\r\n" H "\r\n", "echo: GET /a []", 200, true},
    {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "echo: GET / []", 200, true},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "echo: POST / [hello]", 200, true},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "echo: POST / []", 200, true},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n"
     "X-Trailer: y\r\n\r\n",
     "echo: POST / [hello]", 200, true},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "echo: POST / []", 200,
     true},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "echo: GET / []", 200, false},
    {"GET / HTTP/1.0\r\n\r\n", "echo: GET / []", 200, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "echo: GET / []", 200, true},
    {"POST / HTTP/1.1\r\n" H "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
     "echo: POST / [hi]", 200, true},

    {"GET / HTTP/1.1\r\n\r\n", "error: BAD_HTTP", 400, false},
    {"GET / HTTP/1.1\r\n" H H "\r\n", "error: BAD_HTTP", 400, false},
    {"nonsense\r\n\r\n", "error: BAD_HTTP", 400, false},
    {"GET / HTTP/1.1\nHost: h\n\n", "error: BAD_HTTP", 400, false},
    {"GET / HTTP/2.0\r\n" H "\r\n", "error: BAD_VERSION", 505, false},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", "error: BAD_CODING", 501, false},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
     "error: BAD_HTTP", 400, false},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "error: BAD_HTTP", 400,
     false},
    {"POST / HTTP/1.1\r\n" H "Expect: magic\r\nContent-Length: 1\r\n\r\n", "error: BAD_EXPECTATION",
     417, false},
    {"POST / HTTP/1.1\r\n" H "Content-Encoding: br\r\nContent-Length: 2\r\n\r\nhi",
     "error: UNSUPPORTED_CODING", 415, false},
    {"POST / HTTP/1.1\r\n" H "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
     "error: UNSUPPORTED_CODING", 415, false},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 100001\r\n\r\n", "error: BODY_TOO_LARGE", 413, false},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", "error: BAD_HTTP", 400,
     false},
};

/* Plain, and one byte a packet. */
static void check_case(const struct request_case *c, bool slowly)
{
    size_t n = strlen(c->request), k = 0;
    struct wire_step *script = calloc(2 * n + 4, sizeof(*script));
    struct buf got;
    char status[16];

    assert_non_null(script);
    for (size_t i = 0; slowly && i < n; i++) {
        script[k++] = (struct wire_step){WIRE_SEND, c->request + i, 1};
        script[k++] = (struct wire_step){.kind = WIRE_PAUSE, .n = 0};
    }
    if (!slowly)
        script[k++] = (struct wire_step){WIRE_SEND, c->request, n};
    if (c->keep) { /* the connection still works */
        script[k++] =
            (struct wire_step)SEND_("GET /again HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    }
    script[k++] = (struct wire_step)DRAIN_;
    play(script, &got);
    snprintf(status, sizeof(status), "HTTP/1.1 %d ", c->status);
    if (!view_starts(buf_view(&got), view_str(status)))
        fail_msg("'%s': %.*s", c->request, VIEW_ARG(buf_view(&got)));
    expect(c->request, &got, c->answer);
    assert_int_equal(count(buf_view(&got), VIEW("echo: GET /again")), c->keep);
    assert_int_equal(count(buf_view(&got), VIEW("evil")), 0);
    buf_done(&got);
    free(script);
}

static void all_cases(void *arg)
{
    (void)arg;
    begin();
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case(&cases[i], false);
        /* What is refused may be so before its last byte, which then meets a closed socket. */
        if (cases[i].status == 200)
            check_case(&cases[i], true);
    }
    wire_stop(&here);
}

static void test_requests(void **state)
{
    (void)state;
    run_on_loop(all_cases, NULL);
}

static void head_request(void *arg)
{
    struct buf got;
    (void)arg;
    begin();
    play(SCRIPT(SEND_("HEAD /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), DRAIN_), &got);
    expect("HEAD", &got, "content-length: 16\r\n");
    assert_true(view_ends(buf_view(&got), VIEW("\r\n\r\n")));
    buf_done(&got);
    wire_stop(&here);
}

static void test_head(void **state)
{
    (void)state;
    run_on_loop(head_request, NULL);
}

/* ---- more requests ------------------------------------------------------------------------- */

static void pipeline(void *arg)
{
    struct buf got;
    (void)arg;
    begin();
    play(SCRIPT(SEND_("GET /1 HTTP/1.1\r\n" H "\r\n"
                      "POST /2 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                      "POST /3 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                      "3\r\ndef\r\n0\r\n\r\n"
                      "\r\nGET /4 HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
                      "GET /5 HTTP/1.1\r\n" H "\r\n"),
                DRAIN_),
         &got);
    struct view rest = buf_view(&got);
    static const char *const order[] = {"GET /1 []", "POST /2 [abc]", "POST /3 [def]", "GET /4 []"};
    for (size_t i = 0; i < COUNT(order); i++) {
        size_t at = view_find(rest, view_str(order[i]));
        if (at == VIEW_NPOS)
            fail_msg("no %s in order", order[i]);
        rest = view_skip(rest, at);
    }
    assert_int_equal(requests, 4); /* nothing behind `close` */
    buf_done(&got);
    wire_stop(&here);
}

static void test_pipelined_requests(void **state)
{
    (void)state;
    run_on_loop(pipeline, NULL);
}

/* ---- limits -------------------------------------------------------------------------------- */

static void at_the_limits(void *arg)
{
    struct buf got;
    (void)arg;
    begin();
    play(SCRIPT(SEND_("POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n"), FILL_(MAX_BODY),
                SEND_("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n186A0\r\n"),
                FILL_(MAX_BODY),
                SEND_("\r\n0\r\n\r\nGET /end HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), DRAIN_),
         &got);
    assert_int_equal(count(buf_view(&got), VIEW("echo: POST / [xxxx")), 2);
    expect("limits", &got, "GET /end []");
    buf_done(&got);
    /* one byte more, in chunks */
    play(SCRIPT(SEND_("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n186A0\r\n"),
                FILL_(MAX_BODY), SEND_("\r\n1\r\nx"), DRAIN_),
         &got);
    expect("one more", &got, "error: BODY_TOO_LARGE");
    buf_done(&got);
    /* a head of exactly the limit, and one of a byte more */
    static const char start[] = "GET / HTTP/1.1\r\n" H "Connection: close\r\nX: ";
    size_t room = MAX_HEAD - (sizeof(start) - 1) - 4;
    play(SCRIPT(SEND_(start), FILL_(room), SEND_("\r\n\r\n"), DRAIN_), &got);
    expect("head", &got, "echo: GET / []");
    buf_done(&got);
    play(SCRIPT(SEND_(start), FILL_(room + 1), SEND_("\r\n\r\n"), DRAIN_), &got);
    expect("head", &got, "error: HEAD_TOO_LARGE");
    buf_done(&got);
    wire_stop(&here);
}

static void test_limits(void **state)
{
    (void)state;
    run_on_loop(at_the_limits, NULL);
}

/* ---- 100 Continue -------------------------------------------------------------------------- */

static void expecting(void *arg)
{
    struct buf got;
    (void)arg;
    begin();
    play(SCRIPT(SEND_("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n"
                      "Connection: close\r\n\r\n"),
                HEAD_, SEND_("hi"), DRAIN_),
         &got);
    assert_true(view_starts(buf_view(&got), VIEW("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")));
    expect("expect", &got, "[hi]");
    buf_done(&got);
    /* The body is here already, or there is none, or it is refused: no 100. */
    play(SCRIPT(SEND_("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
                      "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"
                      "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
                      "Content-Length: 100001\r\n\r\n"),
                DRAIN_),
         &got);
    assert_int_equal(count(buf_view(&got), VIEW("100 Continue")), 0);
    assert_int_equal(count(buf_view(&got), VIEW("200 OK")), 2);
    expect("expect", &got, "HTTP/1.1 413 ");
    buf_done(&got);
    wire_stop(&here);
}

static void test_expect_continue(void **state)
{
    (void)state;
    run_on_loop(expecting, NULL);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void slow_clients(void *arg)
{
    struct buf got;
    (void)arg;
    begin();
    limits.head_ms = limits.body_ms = 80;
    limits.keepalive_ms = 60;
    play(SCRIPT(SEND_("GET / HT"), DRAIN_), &got);
    expect("slow head", &got, "HTTP/1.1 408 ");
    expect("slow head", &got, "error: REQUEST_TIMEOUT");
    buf_done(&got);
    /* Dripping does not help. */
    play(SCRIPT(SEND_("G"), PAUSE_(40), SEND_("E"), PAUSE_(40), SEND_("T"), PAUSE_(40), SEND_(" "),
                DRAIN_),
         &got);
    expect("dripping head", &got, "HTTP/1.1 408 ");
    buf_done(&got);
    play(SCRIPT(SEND_("POST / HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nabc"), DRAIN_), &got);
    expect("slow body", &got, "HTTP/1.1 408 ");
    buf_done(&got);
    play(
        SCRIPT(SEND_("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n9\r\nabc"), DRAIN_),
        &got);
    expect("slow chunk", &got, "HTTP/1.1 408 ");
    buf_done(&got);
    requests = 0;
    /* Saying nothing is no request, neither at first nor later. */
    int64_t began = clock_mono_ns();
    play(SCRIPT(CLOSED_), &got);
    assert_true(clock_mono_ns() - began >= 75 * NS_PER_MS);
    assert_int_equal(got.len, 0);
    buf_done(&got);
    assert_int_equal(requests, 0);
    play(SCRIPT(SEND_("GET / HTTP/1.1\r\n" H "\r\n"), DRAIN_), &got);
    assert_int_equal(count(buf_view(&got), VIEW("HTTP/1.1 ")), 1);
    assert_int_equal(requests, 1);
    assert_int_equal(last_result, HTTP_SERVER_CLOSED);
    buf_done(&got);
    wire_stop(&here);
}

static void test_slow_clients(void **state)
{
    (void)state;
    run_on_loop(slow_clients, NULL);
}

/* A client that leaves in the middle is answered nothing. */
static void leaving_clients(void *arg)
{
    static const char *const begun[] = {
        "GET / HT", "POST / HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n9\r\nabc"};
    struct buf got;
    (void)arg;
    begin();
    for (size_t i = 0; i < COUNT(begun); i++) {
        const struct wire_step script[] = {
            {WIRE_SEND, begun[i], strlen(begun[i])}, FIN_, CLOSED_, END_};
        play(script, &got);
        assert_int_equal(got.len, 0);
        buf_done(&got);
        assert_int_equal(last_result, HTTP_SERVER_CLOSED);
    }
    assert_int_equal(requests, 0);
    wire_stop(&here);
}

static void test_leaving_clients(void **state)
{
    (void)state;
    run_on_loop(leaving_clients, NULL);
}

/* ---- chunked answers, a client that does not read ------------------------------------------- */

static void serve_chunks(int fd, void *arg)
{
    struct http_server c;
    struct error err;
    struct view last = HTTP_LAST_CHUNK;
    (void)arg;
    assert_true(http_server_open(&c, fd, &limits, &err));
    assert_true(http_server_write_chunk(&c, &limits, VIEW("hello")));
    assert_true(http_server_write_chunk(&c, &limits, VIEW(""))); /* would end the body */
    assert_true(http_server_write_chunk(&c, &limits, VIEW("0123456789abcdef")));
    assert_true(http_server_write(&c, &limits, &last, 1));
    http_server_close(&c);
}

static void chunks(void *arg)
{
    struct buf got;
    (void)arg;
    begin();
    here.listener.serve = serve_chunks;
    play(SCRIPT(DRAIN_), &got);
    assert_true(view_eq(buf_view(&got), VIEW("5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")));
    buf_done(&got);
    wire_stop(&here);
}

static bool client_left;

static void serve_flood(int fd, void *arg)
{
    static char block[256 * 1024];
    struct http_server c;
    struct error err;
    struct view piece = view_of(block, sizeof(block));
    (void)arg;
    assert_true(http_server_open(&c, fd, &limits, &err));
    int64_t began = clock_mono_ns();
    unsigned n = 0;
    while (http_server_write(&c, &limits, &piece, 1) && n < 1000)
        n++;
    assert_true(n < 1000);
    assert_true(c.failed);
    assert_true(clock_mono_ns() - began >= 50 * NS_PER_MS);
    assert_false(client_left);                               /* else that would have ended it */
    assert_false(http_server_write(&c, &limits, &piece, 1)); /* and at once */
    http_server_close(&c);
    requests++;
}

static void never_reads(void *arg)
{
    struct stream s;
    (void)arg;
    begin();
    limits.stall_ms = 50;
    here.listener.serve = serve_flood;
    client_left = false;
    wire_connect(&s, here.port);
    for (unsigned i = 0; i < 1000 && requests == 0; i++)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
    client_left = true;
    stream_close(&s);
    wire_stop(&here);
    assert_int_equal(requests, 1);
}

static void test_writing(void **state)
{
    (void)state;
    run_on_loop(chunks, NULL);
    run_on_loop(never_reads, NULL);
}

/* ---- gzip ---------------------------------------------------------------------------------- */

static void pack(const char *plain, size_t n, struct buf *out)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&z, n) + 32;
    char *to = buf_reserve(out, most);
    assert_non_null(to);
    z.next_in = (Bytef *)(uintptr_t)plain;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)most;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

/* `expected` ERROR_NONE: the result is `n` bytes. */
static void unpack(struct view packed, size_t max, enum error_code expected, size_t n)
{
    struct buf out = BUF_MAX(max);
    struct error err = {.code = ERROR_NONE};

    assert_int_equal(gzip_decode(packed, &out, &err), expected == ERROR_NONE);
    assert_int_equal(err.code, expected);
    if (expected == ERROR_NONE)
        assert_int_equal(out.len, n);
    assert_true(out.len <= max);
    buf_done(&out);
}

static void test_gzip(void **state)
{
    enum { N = 200000 };
    char *plain = malloc(N);
    struct buf packed = BUF_MAX(1 << 20), two = BUF_MAX(1 << 20), bomb = BUF_MAX(128 << 20);
    (void)state;

    assert_non_null(plain);
    for (size_t i = 0; i < N; i++)
        plain[i] = (char)('a' + (i * i + i / 7) % 26);
    pack(plain, N, &packed);
    unpack(buf_view(&packed), N, ERROR_NONE, N); /* exactly the limit */
    unpack(buf_view(&packed), 2 * N, ERROR_NONE, N);
    unpack(buf_view(&packed), N - 1, ERROR_BODY_TOO_LARGE, 0);
    unpack(buf_view(&packed), 65536, ERROR_BODY_TOO_LARGE, 0);
    for (size_t cut = 0; cut < packed.len; cut += 1 + packed.len / 97)
        unpack(view_first(buf_view(&packed), cut), 2 * N, ERROR_UNSUPPORTED_CODING, 0);
    unpack(view_first(buf_view(&packed), packed.len - 1), N, ERROR_UNSUPPORTED_CODING, 0);

    pack(plain, 1000, &two);
    size_t first = two.len;
    pack(plain, 500, &two);
    unpack(buf_view(&two), 1500, ERROR_NONE, 1500); /* two members, exactly the limit */
    unpack(buf_view(&two), 1499, ERROR_BODY_TOO_LARGE, 0);
    unpack(view_first(buf_view(&two), two.len - 3), 1 << 20, ERROR_UNSUPPORTED_CODING, 0);
    two.len = first;
    buf_append_lit(&two, "garbage behind");
    unpack(buf_view(&two), 1 << 20, ERROR_UNSUPPORTED_CODING, 0);
    two.len = 0;
    pack(plain, 0, &two);
    unpack(buf_view(&two), 100, ERROR_NONE, 0);
    packed.p[packed.len - 6] ^= 1; /* the checksum */
    unpack(buf_view(&packed), 2 * N, ERROR_UNSUPPORTED_CODING, 0);

    char *zeros = calloc(1, 64 << 20);
    assert_non_null(zeros);
    pack(zeros, 64 << 20, &bomb);
    assert_true(bomb.len < 100000);
    unpack(buf_view(&bomb), 1 << 20, ERROR_BODY_TOO_LARGE, 0);
    free(zeros);
    buf_done(&bomb);
    buf_done(&packed);
    buf_done(&two);
    free(plain);
}

/* A gzip body over the wire, whole and as a bomb. */
static void packed_bodies(void *arg)
{
    struct buf body = BUF_MAX(1 << 20), got;
    char head[200];
    (void)arg;
    begin();
    for (int i = 0; i < 2; i++) {
        char *plain = malloc(MAX_BODY + 1);
        memset(plain, 'g', MAX_BODY + 1);
        body.len = 0;
        pack(plain, (size_t)MAX_BODY + (size_t)i, &body);
        free(plain);
        int n = snprintf(head, sizeof(head),
                         "POST / HTTP/1.1\r\n" H "Content-Encoding: GZip\r\nConnection: close\r\n"
                         "Content-Length: %zu\r\n\r\n",
                         body.len);
        const struct wire_step script[] = {
            {WIRE_SEND, head, (size_t)n}, {WIRE_SEND, body.p, body.len}, DRAIN_, END_};
        play(script, &got);
        expect("gzip", &got, i == 0 ? "echo: POST / [ggggg" : "error: BODY_TOO_LARGE");
        buf_done(&got);
    }
    buf_done(&body);
    wire_stop(&here);
}

static void test_gzip_bodies(void **state)
{
    (void)state;
    run_on_loop(packed_bodies, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_pipelined_requests),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_slow_clients),
        cmocka_unit_test(test_leaving_clients),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
