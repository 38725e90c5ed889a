/* Calls to a scripted upstream on real sockets. */
#include "http/client.h"

#include "../run/tls_server.h"
#include "wire.h"

#include <fcntl.h>
#include <pthread.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GET          "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define SCRIPT(...)  ((const struct wire_step[]){__VA_ARGS__, END_})

static struct wire_server server;
static struct http_origin origin;

static void set_origin(void)
{
    origin =
        (struct http_origin){.host = VIEW_LIT("127.0.0.1"), .port = server.port, .idle_ms = 60000};
    http_origin_init(&origin);
}

static void start(const struct wire_step *const *scripts, unsigned n)
{
    wire_start(&server, scripts, n);
    set_origin();
}

static void stop(void)
{
    http_origin_trim(&origin, 0);
    wire_stop(&server);
}

/* For what is not slow on purpose: a busy machine does not come near it. */
enum { PLENTY_MS = 10000 };

struct fetched {
    bool ok;
    int status;
    bool reused, keep;
    struct buf body;
    struct error error;
};

static bool call_start(struct http_call *call, struct view head, bool is_head, struct arena *a,
                       int64_t head_ms, struct error *err)
{
    struct http_deadlines deadlines = {clock_mono_ns() + PLENTY_MS * NS_PER_MS,
                                       clock_mono_ns() + head_ms * NS_PER_MS};
    struct http_request_out request = {.head = head, .is_head = is_head};
    return http_call_start(call, &origin, &request, &deadlines, a, err);
}

static struct fetched fetch(struct view head, bool is_head)
{
    struct fetched f = {.body = BUF_MAX(64 << 20)};
    struct arena *a = arena_new(1 << 20);
    struct http_call call;
    struct view bytes;
    enum http_body_result result;

    assert_non_null(a);
    f.ok = call_start(&call, head, is_head, a, PLENTY_MS, &f.error);
    f.reused = call.reused;
    f.status = call.head.status;
    if (f.ok) {
        while ((result = http_call_read(&call, wire_soon(), &bytes, &f.error)) == HTTP_BODY_DATA)
            buf_append(&f.body, bytes);
        f.ok = result == HTTP_BODY_END;
    }
    http_call_end(&call);
    http_call_end(&call); /* harmless */
    f.keep = !list_empty(&origin.pools[0].idle);
    assert_int_equal(f.keep, origin.pools[0].n);
    arena_free(a);
    return f;
}

static struct fetched get(void)
{
    return fetch(VIEW(GET), false);
}

/* ---- framing ------------------------------------------------------------------------------- */

struct answer_case {
    const char *name, *answer;
    bool is_head, reset;
    int status; /* 0: the call or its body fails with ... */
    enum error_code error;
    const char *body;
    bool keep;
};

static const struct answer_case answers[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .status = 200, .body = "hello",
     .keep = true},
    {"length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .status = 200, .body = "",
     .keep = true},
    {"chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
     .status = 200, .body = "hello", .keep = true},
    {"chunked with trailers",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\nC: "
     "d\r\n\r\n",
     .status = 200, .body = "hello", .keep = true},
    {"until close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", .status = 200,
     .body = "hello"},
    {"until close without saying so", "HTTP/1.1 200 OK\r\n\r\nhello", .status = 200,
     .body = "hello"},
    {"until close, reset", "HTTP/1.1 200 OK\r\n\r\nhello", .reset = true,
     .error = ERROR_UPSTREAM_CUT},
    {"connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
     .status = 200, .body = "hi"},
    {"1.0 is not kept", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", .status = 200,
     .body = "hi"},
    {"1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
     .status = 200, .body = "hi", .keep = true},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", .status = 204, .body = "", .keep = true},
    {"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", .status = 304, .body = "",
     .keep = true},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", .is_head = true, .status = 200,
     .body = "", .keep = true},
    {"interim",
     "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
     .status = 200, .body = "hi", .keep = true},
    {"an error is an answer", "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", .status = 503,
     .body = "no", .keep = true},
    {"bytes behind a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiX", .status = 200,
     .body = "hi"},
    {"bytes behind length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", .status = 200,
     .body = ""},
    {"bytes behind the last chunk",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nX", .status = 200,
     .body = "hi"},
    {"bytes behind a HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", .is_head = true,
     .status = 200, .body = ""},
    {"identity", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
     .status = 200, .body = "hi", .keep = true},

    {"gzip nobody asked for",
     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
     .error = ERROR_UPSTREAM_PROTOCOL},
    {"cut head", "HTTP/1.1 200 OK\r\nContent-Le", .error = ERROR_UPSTREAM_CUT},
    {"nothing", "", .error = ERROR_UPSTREAM_CUT},
    {"cut length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", .error = ERROR_UPSTREAM_CUT},
    {"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
     .error = ERROR_UPSTREAM_CUT},
    {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
     .error = ERROR_UPSTREAM_CUT},
    {"no end of the trailers",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
     .error = ERROR_UPSTREAM_CUT},
    {"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     .error = ERROR_UPSTREAM_PROTOCOL},
    {"both framings",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     .error = ERROR_UPSTREAM_PROTOCOL},
    {"no HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n", .error = ERROR_UPSTREAM_PROTOCOL},
    {"101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", .error = ERROR_UPSTREAM_PROTOCOL},
    {"interim only",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
     .error = ERROR_UPSTREAM_PROTOCOL},
};

/* `split`: the answer comes in pieces of that size, each in a packet of its own. */
static void check_answer(const struct answer_case *c, size_t split)
{
    size_t n = strlen(c->answer), k = 0;
    struct wire_step *script = calloc(2 * n + 8, sizeof(*script));
    const struct wire_step *scripts[] = {script};

    assert_non_null(script);
    script[k++] = (struct wire_step)HEAD_;
    for (size_t at = 0; at < n; at += split) {
        script[k++] =
            (struct wire_step){WIRE_SEND, c->answer + at, n - at < split ? n - at : split};
        if (split < n)
            script[k++] = (struct wire_step){.kind = WIRE_PAUSE, .n = 0};
    }
    if (c->reset) {
        script[k++] = (struct wire_step)PAUSE_(20);
        script[k++] = (struct wire_step)RESET_;
    } else if (c->keep) {
        script[k++] = (struct wire_step)CLOSED_;
    }
    start(scripts, 1);
    struct fetched f = fetch(VIEW(GET), c->is_head);
    bool as_expected = c->status ? f.ok && f.status == c->status && f.keep == c->keep &&
                                       view_eq(buf_view(&f.body), view_str(c->body))
                                 : !f.ok && f.error.code == c->error && !f.keep;
    if (!as_expected)
        fail_msg("%s (split %zu): ok %d, status %d, body '%.*s', kept %d, %s", c->name, split, f.ok,
                 f.status, VIEW_ARG(buf_view(&f.body)), f.keep, f.ok ? "" : f.error.text);
    buf_done(&f.body);
    stop();
    free(script);
}

static void all_answers(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < COUNT(answers); i++) {
        check_answer(&answers[i], SIZE_MAX / 2);
        /* Split, what follows the end comes later, when the connection is idle already. */
        if (!strstr(answers[i].name, "behind")) {
            check_answer(&answers[i], 1);
            check_answer(&answers[i], 7);
        }
    }
}

static void test_framing(void **state)
{
    (void)state;
    run_on_loop(all_answers, NULL);
}

/* ---- sizes --------------------------------------------------------------------------------- */

static void large_bodies(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"), FILL_(3000000),
               HEAD_,
               SEND_("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "2DC6C0\r\n"),
               FILL_(3000000), SEND_("\r\n0\r\n\r\n"), CLOSED_),
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 OK\r\n\r\n"), FILL_(3000000)),
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 OK\r\nX: "), FILL_(64 * 1024), SEND_("\r\n\r\n")),
    };
    start(scripts, COUNT(scripts));
    for (int i = 0; i < 3; i++) {
        if (i == 2) /* the second script is for a new connection */
            http_origin_trim(&origin, 0);
        struct fetched f = get();
        if (!f.ok)
            fail_msg("%s", f.error.text);
        assert_int_equal(f.reused, i == 1);
        assert_int_equal(f.body.len, 3000000);
        for (size_t k = 0; k < f.body.len; k++)
            if (f.body.p[k] != 'x')
                fail_msg("byte %zu is %d", k, f.body.p[k]);
        buf_done(&f.body);
    }
    struct fetched f = get();
    assert_false(f.ok);
    assert_int_equal(f.error.code, ERROR_UPSTREAM_PROTOCOL);
    assert_non_null(strstr(f.error.text, "longer"));
    stop();
}

static void test_large_bodies(void **state)
{
    (void)state;
    run_on_loop(large_bodies, NULL);
}

/* Two answers are read at the same time, from senders that are faster than the readers: each finds
 * more in one go than fairness allows, so they take turns. What one read may not be overwritten by
 * the other. */
enum { MARKS_BYTES = 16 << 20 };

static unsigned readers;
static size_t mixed_up;

struct reader {
    char mark;
};

/* Sends marks on a thread of its own: 'a' or 'b', as the path says. */
static void *send_marks(void *arg)
{
    int fd = (int)(intptr_t)arg;
    size_t n = 1 << 20, got = 0;
    char request[256] = "", *bytes = malloc(n);

    while (!strstr(request, "\r\n\r\n") && got < sizeof(request) - 1)
        got += (size_t)recv(fd, request + got, sizeof(request) - 1 - got, 0);
    memset(bytes, request[5], n);
    send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
    for (size_t sent = 0; sent < MARKS_BYTES;) {
        ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);
        if (put <= 0)
            break;
        sent += (size_t)put;
    }
    close(fd);
    free(bytes);
    return NULL;
}

static void hand_to_thread(int fd, void *arg)
{
    pthread_t *thread = arg;
    pthread_t *mine = &thread[server.accepted++];

    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(pthread_create(mine, NULL, send_marks, (void *)(intptr_t)fd), 0);
}

static void read_marks(void *arg)
{
    struct reader *r = arg;
    struct arena *a = arena_new(1 << 20);
    struct http_call call;
    struct error err;
    struct view bytes;
    size_t total = 0;
    enum http_body_result result;

    assert_true(call_start(&call,
                           r->mark == 'a' ? VIEW("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
                                          : VIEW("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
                           false, a, PLENTY_MS, &err));
    while ((result = http_call_read(&call, wire_soon(), &bytes, &err)) == HTTP_BODY_DATA) {
        mixed_up += bytes.n && (memchr(bytes.p, r->mark ^ 'a' ^ 'b', bytes.n) != NULL);
        total += bytes.n;
        usleep(500); /* keeps the loop: meanwhile the sender fills the socket */
    }
    assert_int_equal(result, HTTP_BODY_END);
    assert_true(total >= MARKS_BYTES);
    http_call_end(&call);
    arena_free(a);
    readers--;
}

static void two_at_once(void *arg)
{
    static struct reader a = {'a'}, b = {'b'};
    (void)arg;
    pthread_t threads[2];
    server = (struct wire_server){0};
    wire_listen(&server, hand_to_thread, threads);
    set_origin();
    readers = 2;
    task_spawn(loop_current(), "a", read_marks, &a);
    task_spawn(loop_current(), "b", read_marks, &b);
    while (readers > 0)
        task_sleep_ms(1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(mixed_up, 0);
    stop();
}

static void test_two_answers_at_once_keep_apart(void **state)
{
    (void)state;
    run_on_loop(two_at_once, NULL);
}

/* ---- pooled connections -------------------------------------------------------------------- */

#define HI SEND_("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

static void expect_get(bool reused, const char *body)
{
    struct fetched f = get();
    if (!f.ok)
        fail_msg("%s", f.error.text);
    assert_int_equal(f.reused, reused);
    assert_true(view_eq(buf_view(&f.body), view_str(body)));
    buf_done(&f.body);
}

static void expect_failure(enum error_code code)
{
    struct fetched f = get();
    assert_false(f.ok);
    assert_int_equal(f.error.code, code);
    buf_done(&f.body);
}

static void reuse(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {SCRIPT(HEAD_, HI, HEAD_, HI, HEAD_, HI, CLOSED_),
                                         SCRIPT(HEAD_, HI, CLOSED_)};
    start(scripts, 2);
    expect_get(false, "hi");
    expect_get(true, "hi");
    expect_get(true, "hi");
    assert_int_equal(server.accepted, 1);
    origin.idle_ms = 0; /* too old from now on */
    task_sleep_ms(5);
    expect_get(false, "hi");
    assert_int_equal(server.accepted, 2);
    stop();
}

static void test_connections_are_reused_until_they_are_old(void **state)
{
    (void)state;
    run_on_loop(reuse, NULL);
}

/* The upstream closes (or says something) while the connection is idle: it is not even tried. */
static void goodbye(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, HI, PAUSE_(5)),
        SCRIPT(HEAD_, HI, PAUSE_(5), SEND_("HTTP/1.1 408 Request Timeout\r\n\r\n"), CLOSED_),
        SCRIPT(HEAD_, HI, PAUSE_(5), RESET_), SCRIPT(HEAD_, HI, CLOSED_)};
    start(scripts, COUNT(scripts));
    for (int i = 0; i < 4; i++) {
        expect_get(false, "hi");
        task_sleep_ms(30);
    }
    assert_int_equal(server.accepted, 4);
    stop();
}

static void test_a_connection_that_ended_while_idle_is_not_used(void **state)
{
    (void)state;
    run_on_loop(goodbye, NULL);
}

/* The upstream closes in the moment of the request: one more try, on a new connection. */
static void stale(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {SCRIPT(HEAD_, HI, HEAD_), SCRIPT(HEAD_, HI, HEAD_, RESET_),
                                         SCRIPT(HEAD_, HI, CLOSED_)};
    start(scripts, COUNT(scripts));
    expect_get(false, "hi");
    expect_get(false, "hi"); /* began as reused, ended on the second connection */
    expect_get(false, "hi"); /* the same after a reset */
    assert_int_equal(server.accepted, 3);
    stop();
}

static void test_a_stale_connection_is_replaced(void **state)
{
    (void)state;
    run_on_loop(stale, NULL);
}

/* Once only; and never when a byte of an answer came, nor after a time-out. */
static void stale_twice(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {SCRIPT(HEAD_, HI, HEAD_), SCRIPT(HEAD_)};
    start(scripts, COUNT(scripts));
    expect_get(false, "hi");
    expect_failure(ERROR_UPSTREAM_CUT);
    assert_int_equal(server.accepted, 2);
    stop();
}

static void a_byte_came(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, HI, HEAD_, SEND_("H")),
        SCRIPT(HEAD_, HI, HEAD_, SEND_("HTTP/1.1 100 Continue\r\n\r\n"))};
    start(scripts, COUNT(scripts));
    expect_get(false, "hi");
    expect_failure(ERROR_UPSTREAM_CUT);
    assert_int_equal(server.accepted, 1);
    expect_get(false, "hi");
    expect_failure(ERROR_UPSTREAM_CUT);
    assert_int_equal(server.accepted, 2);
    stop();
}

static void silent(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {SCRIPT(HEAD_, HI, HEAD_, CLOSED_)};
    struct arena *a = arena_new(1 << 20);
    struct http_call call;
    struct error err;

    start(scripts, COUNT(scripts));
    expect_get(false, "hi");
    int64_t began = clock_mono_ns();
    assert_false(call_start(&call, VIEW(GET), false, a, 50, &err));
    assert_true(clock_mono_ns() - began >= 50 * NS_PER_MS);
    assert_int_equal(err.code, ERROR_UPSTREAM_TIMEOUT);
    http_call_end(&call);
    arena_free(a);
    assert_int_equal(server.accepted, 1);
    stop();
}

static void test_only_a_silent_end_is_tried_again_and_only_once(void **state)
{
    (void)state;
    run_on_loop(stale_twice, NULL);
    run_on_loop(a_byte_came, NULL);
    run_on_loop(silent, NULL);
}

/* A call that is ended before its body was read closes at once: the upstream stops working. */
static void given_up(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), CLOSED_)};
    struct arena *a = arena_new(1 << 20);
    struct http_call call;
    struct error err;

    start(scripts, 1);
    assert_true(call_start(&call, VIEW(GET), false, a, PLENTY_MS, &err));
    http_call_end(&call);
    arena_free(a);
    assert_true(list_empty(&origin.pools[0].idle));
    for (int i = 0; i < 1000 && server.ended == 0; i++)
        task_sleep_ms(1);
    assert_int_equal(server.ended, 1);
    stop();
}

static void test_a_call_that_is_given_up_closes(void **state)
{
    (void)state;
    run_on_loop(given_up, NULL);
}

/* The request leaves whole, in its pieces. */
static void pieces(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {SCRIPT(HEAD_, TAKE_(10), HI, CLOSED_)};
    struct view body[] = {VIEW("abc"), VIEW(""), VIEW("defghij")};
    struct http_request_out request = {
        .head = VIEW("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"),
        .body = body,
        .n_body = COUNT(body)};
    struct http_deadlines deadlines = {wire_soon(), wire_soon()};
    struct arena *a = arena_new(1 << 20);
    struct http_call call;
    struct error err;

    start(scripts, 1);
    assert_true(http_call_start(&call, &origin, &request, &deadlines, a, &err));
    assert_true(view_ends(buf_view(&server.got), VIEW("\r\n\r\nabcdefghij")));
    http_call_end(&call);
    arena_free(a);
    stop();
}

static void test_a_body_in_pieces(void **state)
{
    (void)state;
    run_on_loop(pieces, NULL);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void over_tls(void *arg)
{
    struct tls_server tls;
    const struct authority *ca = arg;

    tls_server_start(&tls, TLS_HTTP, ca, "IP:127.0.0.1", 5);
    server.port = tls.port;
    set_origin();
    origin.tls = true;
    origin.ca_file = view_str(ca->file);
    for (int i = 0; i < 3; i++)
        expect_get(i > 0, "hi");
    http_origin_trim(&origin, 0);
    tls_server_stop(&tls);
    assert_int_equal(tls.accepted, 1);
}

static void test_tls_connections_are_reused(void **state)
{
    struct authority ca;
    (void)state;

    authority_make(&ca, "ca");
    run_on_loop(over_tls, &ca);
    authority_done(&ca);
}

/* ---- proxies ------------------------------------------------------------------------------- */

static void tunnel(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 Connection established\r\n\r\n"), HEAD_, HI, HEAD_, HI,
               CLOSED_)};
    start(scripts, 1);
    origin.host = VIEW("api.example.com");
    origin.port = 443;
    origin.proxy = (struct http_proxy){
        .host = VIEW("127.0.0.1"), .port = server.port, .authorization = VIEW("Basic dTpw")};
    expect_get(false, "hi");
    expect_get(true, "hi");
    assert_true(
        view_eq(buf_view(&server.got), VIEW("CONNECT api.example.com:443 HTTP/1.1\r\n"
                                            "Host: api.example.com:443\r\n"
                                            "Proxy-Authorization: Basic dTpw\r\n\r\n" GET GET)));
    stop();
}

static void v6_tunnel(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, SEND_("HTTP/1.0 200 ok\r\n\r\n"), HEAD_, HI, CLOSED_)};
    start(scripts, 1);
    origin.host = VIEW("2001:db8::1");
    origin.port = 443;
    origin.proxy = (struct http_proxy){.host = VIEW("127.0.0.1"), .port = server.port};
    expect_get(false, "hi");
    assert_true(view_starts(buf_view(&server.got), VIEW("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"
                                                        "Host: [2001:db8::1]:443\r\n\r\n")));
    stop();
}

static void refused_tunnel(void *arg)
{
    (void)arg;
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_,
               SEND_("HTTP/1.1 407 Proxy Authentication Required\r\n"
                     "Content-Length: 2\r\n\r\nno"),
               CLOSED_),
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 ok\r\n\r\nearly"), CLOSED_), SCRIPT(HEAD_)};
    static const enum error_code codes[] = {ERROR_UPSTREAM_REFUSED, ERROR_UPSTREAM_PROTOCOL,
                                            ERROR_UPSTREAM_CUT};
    start(scripts, COUNT(scripts));
    origin.host = VIEW("api.example.com");
    origin.port = 443;
    origin.proxy = (struct http_proxy){
        .host = VIEW("127.0.0.1"), .port = server.port, .authorization = VIEW("Basic c2VjcmV0")};
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct fetched f = get();
        assert_false(f.ok);
        assert_int_equal(f.error.code, codes[i]);
        assert_null(strstr(f.error.text, "c2VjcmV0"));
        if (i == 0)
            assert_non_null(strstr(f.error.text, "407"));
    }
    stop();
}

static void test_tunnels(void **state)
{
    (void)state;
    run_on_loop(tunnel, NULL);
    run_on_loop(v6_tunnel, NULL);
    run_on_loop(refused_tunnel, NULL);
}

/* ---- who is there -------------------------------------------------------------------------- */

static struct network network_of(const char *text)
{
    struct network n;

    assert_true(network_parse(view_str(text), &n));
    return n;
}

static void peers(void *arg)
{
    static const struct {
        const char *network;
        bool inside;
    } rows[] = {{"127.0.0.0/8", true}, {"10.0.0.0/8", false}, {"::/0", false}};
    (void)arg;

    for (size_t i = 0; i < COUNT(rows); i++) {
        /* Not a byte is sent to a stranger. */
        const struct wire_step *scripts[] = {
            rows[i].inside
                ? SCRIPT(HEAD_, SEND_("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), CLOSED_)
                : SCRIPT(CLOSED_)};
        struct network network = network_of(rows[i].network);
        start(scripts, 1);
        origin.host = VIEW("localhost");
        origin.networks = &network;
        origin.n_networks = 1;
        struct fetched f = get();
        assert_int_equal(f.ok, rows[i].inside);
        assert_int_equal(origin.strangers, !rows[i].inside);
        if (!rows[i].inside) {
            assert_int_equal(f.error.code, ERROR_NOT_INSIDE);
            assert_non_null(strstr(f.error.text, "localhost is at 127.0.0.1"));
        }
        buf_done(&f.body);
        stop();
    }
}

static void proxy_as_peer(void *arg)
{
    const struct wire_step *scripts[] = {SCRIPT(CLOSED_)};
    struct network network = network_of("10.0.0.0/8");
    (void)arg;

    start(scripts, 1);
    origin.host = VIEW("10.0.0.1");
    origin.proxy = (struct http_proxy){.host = VIEW("127.0.0.1"), .port = server.port};
    origin.networks = &network;
    origin.n_networks = 1;
    struct fetched f = get();
    assert_int_equal(f.error.code, ERROR_NOT_INSIDE);
    buf_done(&f.body);
    stop();
}

static void peer_is_told(void *arg)
{
    const struct wire_step *scripts[] = {
        SCRIPT(HEAD_, SEND_("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HEAD_,
               SEND_("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), CLOSED_)};
    struct buf text = BUF_MAX(100);
    (void)arg;

    start(scripts, 1);
    for (int i = 0; i < 2; i++) { /* on a connection that is reused, too */
        struct arena *a = arena_new(1 << 20);
        struct http_call call;
        struct error err;
        assert_true(call_start(&call, VIEW(GET), false, a, PLENTY_MS, &err));
        assert_int_equal(call.reused, i);
        http_call_end(&call);
        network_address_write(&text, &call.peer);
        arena_free(a);
    }
    assert_true(view_eq(buf_view(&text), VIEW("127.0.0.1127.0.0.1")));
    buf_done(&text);
    stop();
}

static void test_peers(void **state)
{
    (void)state;
    run_on_loop(peers, NULL);
    run_on_loop(proxy_as_peer, NULL);
    run_on_loop(peer_is_told, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_two_answers_at_once_keep_apart),
        cmocka_unit_test(test_connections_are_reused_until_they_are_old),
        cmocka_unit_test(test_a_connection_that_ended_while_idle_is_not_used),
        cmocka_unit_test(test_a_stale_connection_is_replaced),
        cmocka_unit_test(test_only_a_silent_end_is_tried_again_and_only_once),
        cmocka_unit_test(test_a_call_that_is_given_up_closes),
        cmocka_unit_test(test_a_body_in_pieces),
        cmocka_unit_test(test_tls_connections_are_reused),
        cmocka_unit_test(test_tunnels),
        cmocka_unit_test(test_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
