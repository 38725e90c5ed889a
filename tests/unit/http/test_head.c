/* The HTTP head: what is read, what is refused, and with which error. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST         "Host: a\r\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

/* In a block of its own size, so that ASan sees a read behind it. */
static struct view exact(struct view text)
{
    char *p = malloc(text.n + !text.n);
    assert_non_null(p);
    memcpy(p, text.p, text.n);
    return view_of(p, text.n);
}

static enum error_code parse(void **state, bool answer, struct view text, struct http_head *ret)
{
    struct error err = {0};
    struct view head = exact(text);
    arena_reset(*state);
    bool ok = answer ? http_answer_parse(head, false, *state, ret, &err)
                     : http_request_parse(head, *state, ret, &err);
    if (!ok) {
        assert_true(err.text[0] && err.hint[0]);
        assert_null(strstr(err.text, "sk-secret"));
    }
    free((void *)(uintptr_t)head.p);
    return ok ? ERROR_NONE : err.code;
}

struct bad {
    struct view text;
    enum error_code code;
};

#define R(text, code)                \
    {                                \
        VIEW_LIT(text), ERROR_##code \
    }
/* A field in a request that is whole otherwise. */
#define F(field, code) R("POST / HTTP/1.1\r\n" HOST field "\r\n\r\n", code)

static const struct bad bad_requests[] = {
    /* the request line */
    R("\r\n", BAD_HTTP),
    R("GET\r\n\r\n", BAD_HTTP),
    R("GET /\r\n\r\n", BAD_HTTP),
    R("GET / \r\n" HOST "\r\n", BAD_HTTP),
    R("GET  / HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /  HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.1 \r\n" HOST "\r\n", BAD_HTTP),
    R("GET\t/ HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R(" GET / HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("G(T / HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r" HOST "\r\n", BAD_HTTP),
    R("GET / http/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.10\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1,1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/11\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.1 HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.2\r\n" HOST "\r\n", BAD_VERSION),
    R("GET / HTTP/0.9\r\n" HOST "\r\n", BAD_VERSION),
    R("PRI * HTTP/2.0\r\n\r\n", BAD_VERSION),
    R("GET / HTTP/3.0\r\n\r\n", BAD_VERSION),
    /* the target */
    R("GET v1 HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET * HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("OPTIONS ** HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET http:///x HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET http://b/ HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /#f HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /a\\b HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /%2 HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /%zz?key=sk-secret HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /\x00 HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    R("GET /\x7f HTTP/1.1\r\n" HOST "\r\n", BAD_HTTP),
    /* fields */
    F("Content-Length : 5", BAD_HTTP),
    F("Content-Length\t: 5", BAD_HTTP),
    F(" Content-Length: 5", BAD_HTTP),
    F("Transfer-Encoding\x0b: chunked", BAD_HTTP),
    F(": x", BAD_HTTP),
    F("no colon sk-secret", BAD_HTTP),
    F("sk-secret", BAD_HTTP),
    F("X: a\r\n b", BAD_HTTP),
    F("Authorization: Bearer\r\n\tsk-secret", BAD_HTTP),
    F("X: a\rb", BAD_HTTP),
    F("X: a\r\r", BAD_HTTP),
    F("X: a\nY: b", BAD_HTTP),
    F("X: a\r\n\rY: b", BAD_HTTP),
    F("X: a\x00 b", BAD_HTTP),
    F("X: long enough to be read eight at a time \x1f ... .... ....", BAD_HTTP),
    F("X: long enough to be read eight at a time \x7f ... .... ....", BAD_HTTP),
    F("X\x00: a", BAD_HTTP),
    F("X\xc3\xa4: a", BAD_HTTP),
    F("X Y: a", BAD_HTTP),
    F("\"X\": a", BAD_HTTP),
    R("GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\n" HOST "\n", BAD_HTTP),
    R("GET / HTTP/1.1\nHost: a\n\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\n" HOST, BAD_HTTP),
    R("GET / HTTP/1.1\r\n" HOST "\r\nX", BAD_HTTP),
    /* Host */
    R("GET / HTTP/1.1\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost:\r\n\r\n", BAD_HTTP),
    F("Host: a", BAD_HTTP),
    F("hOST: b", BAD_HTTP),
    R("GET / HTTP/1.0\r\n" HOST HOST "\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: []\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: [1::2::3]\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: [::1%25lo]\r\n\r\n", BAD_HTTP),
    R("GET / HTTP/1.1\r\nHost: [0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]\r\n\r\n",
      BAD_HTTP),
    /* Content-Length */
    F("Content-Length:", BAD_HTTP),
    F("Content-Length: +5", BAD_HTTP),
    F("Content-Length: -5", BAD_HTTP),
    F("Content-Length: 0x5", BAD_HTTP),
    F("Content-Length: 5.", BAD_HTTP),
    F("Content-Length: 5 5", BAD_HTTP),
    F("Content-Length: 5, 5", BAD_HTTP),
    F("Content-Length: 5,", BAD_HTTP),
    F("Content-Length: \xef\xbc\x95", BAD_HTTP),
    F("Content-Length: 5\r\nContent-Length: 5", BAD_HTTP),
    F("Content-Length: 5\r\ncontent-length: 6", BAD_HTTP),
    F("Content-Length: 9223372036854775808", BAD_HTTP),
    F("Content-Length: 18446744073709551621", BAD_HTTP),
    F("Content-Length: 99999999999999999999999999999999999999999999", BAD_HTTP),
    /* Transfer-Encoding */
    F("Transfer-Encoding: chunked\r\nContent-Length: 5", BAD_HTTP),
    F("Content-Length: 5\r\nTransfer-Encoding: chunked", BAD_HTTP),
    F("Content-Length: 0\r\nTransfer-Encoding: chunked", BAD_HTTP),
    F("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", BAD_HTTP),
    F("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", BAD_HTTP),
    F("Transfer-Encoding: \x0b"
      "chunked",
      BAD_HTTP),
    F("Transfer-Encoding: chunked\x00", BAD_HTTP),
    F("Transfer-Encoding: chunked;q=1", BAD_CODING),
    F("Transfer-Encoding: xchunked", BAD_CODING),
    F("Transfer-Encoding: chunkedx", BAD_CODING),
    F("Transfer-Encoding: chunked, chunked", BAD_CODING),
    F("Transfer-Encoding: chunked,", BAD_CODING),
    F("Transfer-Encoding: gzip, chunked", BAD_CODING),
    F("Transfer-Encoding: chunked, identity", BAD_CODING),
    F("Transfer-Encoding: identity", BAD_CODING),
    F("Transfer-Encoding: \"chunked\"", BAD_CODING),
    F("Transfer-Encoding: chun ked", BAD_CODING),
    F("Transfer-Encoding:", BAD_CODING),
    R("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BAD_HTTP),
    /* Expect */
    F("Expect: 100-continue-please", BAD_EXPECTATION),
    F("Expect: 200-ok", BAD_EXPECTATION),
};

static void test_bad_requests(void **state)
{
    for (size_t i = 0; i < COUNT(bad_requests); i++) {
        struct http_head head = {.status = 7};
        enum error_code code = parse(state, false, bad_requests[i].text, &head);
        if (code != bad_requests[i].code)
            fail_msg("case %zu: %s instead of %s:\n%.*s", i, error_info(code)->name,
                     error_info(bad_requests[i].code)->name, VIEW_ARG(bad_requests[i].text));
        assert_int_equal(head.status, 7); /* untouched */
    }
}

struct good_request {
    const char *text;
    enum http_method method;
    const char *target, *path, *query, *host;
    enum http_framing framing;
    uint64_t length;
    bool keep_alive, expect;
};

static const struct good_request good_requests[] = {
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: a:8484\r\nContent-Length: 12\r\n\r\n", HTTP_POST,
     "/v1/chat/completions", "/v1/chat/completions", "", "a:8484", HTTP_BODY_LENGTH, 12, true},
    {"GET /x?a=%20b?c&d[]=1 HTTP/1.1\r\nhost:[::1]:80\r\n\r\n", HTTP_GET, "/x?a=%20b?c&d[]=1", "/x",
     "a=%20b?c&d[]=1", "[::1]:80", HTTP_BODY_NONE, 0, true},
    {"HEAD / HTTP/1.1\r\nHost: \t a.b_c-d \t\r\nConnection: x, CLOSE\r\n\r\n", HTTP_HEAD, "/", "/",
     "", "a.b_c-d", HTTP_BODY_NONE, 0, false},
    {"GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n", HTTP_GET, "/x?y", "/x", "y", "a:80",
     HTTP_BODY_NONE, 0, true},
    {"GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_GET, "/", "/", "", "a", HTTP_BODY_NONE, 0,
     true},
    {"GET https://a?q=/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_GET, "/?q=/", "/", "q=/", "a",
     HTTP_BODY_NONE, 0, true},
    {"OPTIONS * HTTP/1.1\r\nHost: a:\r\n\r\n", HTTP_OPTIONS, "*", "*", "", "a:", HTTP_BODY_NONE, 0,
     true},
    {"DELETE / HTTP/1.1\r\nHost: 10.0.0.7:65535\r\nConnection: close, keep-alive\r\n\r\n",
     HTTP_OTHER, "/", "/", "", "10.0.0.7:65535", HTTP_BODY_NONE, 0, false},
    {"GET / HTTP/1.0\r\n\r\n", HTTP_GET, "/", "/", "", "", HTTP_BODY_NONE, 0, false},
    {"GET / HTTP/1.0\r\nConnection: foo\r\nConnection:,, Keep-Alive ,\r\n\r\n", HTTP_GET, "/", "/",
     "", "", HTTP_BODY_NONE, 0, true},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunKed \r\nExpect: 100-Continue\r\n\r\n",
     HTTP_POST, "/", "/", "", "a", HTTP_BODY_CHUNKED, 0, true, true},
    {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", HTTP_POST, "/", "/",
     "", "", HTTP_BODY_LENGTH, 1, false, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", HTTP_GET, "/", "/", "", "a",
     HTTP_BODY_NONE, 0, true, false},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0009223372036854775807\r\n\r\n", HTTP_POST, "/",
     "/", "", "a", HTTP_BODY_LENGTH, INT64_MAX, true},
    {"post / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", HTTP_OTHER, "/", "/", "", "a",
     HTTP_BODY_LENGTH, 0, true},
};

static void assert_view(struct view v, const char *text)
{
    if (!view_eq(v, view_str(text)))
        fail_msg("\"%.*s\" instead of \"%s\"", VIEW_ARG(v), text);
}

static void test_good_requests(void **state)
{
    for (size_t i = 0; i < COUNT(good_requests); i++) {
        const struct good_request *g = &good_requests[i];
        struct http_head h;
        struct error err = {0};
        if (!http_request_parse(view_str(g->text), *state, &h, &err))
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(h.method, g->method);
        assert_view(h.target, g->target);
        assert_view(h.path, g->path);
        assert_view(h.query, g->query);
        assert_view(h.host, g->host);
        assert_int_equal(h.framing, g->framing);
        assert_int_equal(h.length, g->length);
        assert_int_equal(h.keep_alive, g->keep_alive);
        assert_int_equal(h.expect_continue, g->expect);
    }
}

static void test_fields(void **state)
{
    struct http_head h;
    struct error err;
    struct view text = VIEW("GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nX-A:  b\t c\xc3\xa4 \r\n"
                            "!#$%&'*+-.^_`|~09: \t \r\nX-A: second\r\n\r\n");

    assert_true(http_request_parse(text, *state, &h, &err));
    assert_int_equal(h.n_headers, 5);
    assert_view(http_header_get(&h, VIEW("x-a")), "b\t c\xc3\xa4");
    assert_view(http_header_get(&h, VIEW("EMPTY")), "");
    assert_non_null(http_header_get(&h, VIEW("empty")).p);
    assert_view(h.headers[3].name, "!#$%&'*+-.^_`|~09");
    assert_view(h.headers[3].value, "");
    assert_view(h.headers[4].value, "second");
    assert_null(http_header_get(&h, VIEW("x-b")).p);
}

static void test_number_of_fields(void **state)
{
    for (unsigned n = 20; n <= HTTP_MAX_HEADERS + 1; n++) {
        struct buf text = BUF_MAX(65536);
        struct http_head h;
        struct error err = {0};
        buf_append_lit(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (unsigned i = 1; i < n; i++)
            buf_printf(&text, "X-%u: %u\r\n", i, i);
        buf_append_lit(&text, "\r\n");
        bool ok = http_request_parse(buf_view(&text), *state, &h, &err);
        assert_int_equal(ok, n <= HTTP_MAX_HEADERS);
        if (ok) {
            assert_int_equal(h.n_headers, n);
            assert_view(h.headers[0].name, "Host");
            assert_view(h.headers[19].value, "19");
        } else {
            assert_int_equal(err.code, ERROR_HEAD_TOO_LARGE);
        }
        buf_done(&text);
        arena_reset(*state);
    }
}

static void test_no_memory(void **state)
{
    struct arena *small = arena_new(100);
    struct http_head h;
    struct error err = {0};

    (void)state;
    assert_false(http_request_parse(VIEW("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), small, &h, &err));
    assert_int_equal(err.code, ERROR_NO_MEMORY);
    arena_free(small);
}

static void test_errors_show_little(void **state)
{
    struct error err = {0};
    struct http_head h;

    assert_false(http_request_parse(
        VIEW("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xff"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"),
        *state, &h, &err));
    assert_non_null(strstr(err.text, "line 3"));
    assert_non_null(strstr(err.text, "\"?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\""));
}

struct answer {
    const char *text;
    bool to_head, ok;
    int status;
    enum http_framing framing;
    uint64_t length;
    bool keep_alive;
};

#define OK(head, ...)                  \
    {                                  \
        head, false, true, __VA_ARGS__ \
    }
#define OKH(head, ...)                \
    {                                 \
        head, true, true, __VA_ARGS__ \
    }
#define BAD(head)          \
    {                      \
        head, false, false \
    }

static const struct answer answers[] = {
    OK("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, HTTP_BODY_LENGTH, 5, true),
    OK("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, HTTP_BODY_LENGTH, 0, true),
    OK("HTTP/1.1 599\r\nTransfer-Encoding: chunked\r\n\r\n", 599, HTTP_BODY_CHUNKED, 0, true),
    OK("HTTP/1.1 404 Gr\xc3\xbc\xc3\x9f\te\r\nTransfer-Encoding: chunked\r\nConnection: "
       "close\r\n\r\n",
       404, HTTP_BODY_CHUNKED, 0, false),
    OK("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: \r\n\r\n", 200, HTTP_BODY_UNTIL_CLOSE, 0,
       false),
    OK("HTTP/1.1 200 OK\r\n\r\n", 200, HTTP_BODY_UNTIL_CLOSE, 0, false),
    OK("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, HTTP_BODY_LENGTH, 5, false),
    OK("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 200,
       HTTP_BODY_LENGTH, 5, true),
    OK("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", 200, HTTP_BODY_UNTIL_CLOSE, 0, false),
    OK("HTTP/1.1 100 Continue\r\n\r\n", 100, HTTP_BODY_NONE, 0, true),
    OK("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, HTTP_BODY_NONE, 0, true),
    OK("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, HTTP_BODY_NONE, 5, true),
    OK("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nExpect: x\r\nHost: a\r\nHost: b\r\n\r\n", 200,
       HTTP_BODY_LENGTH, 5, true),
    OKH("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, HTTP_BODY_NONE, 5, true),
    OKH("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, HTTP_BODY_NONE, 0, true),
    OKH("HTTP/1.1 200 OK\r\n\r\n", 200, HTTP_BODY_NONE, 0, true),
    BAD("\r\n"),
    BAD("HTTP/2.0 200 OK\r\n\r\n"),
    BAD("HTTP/1.1  200 OK\r\n\r\n"),
    BAD("HTTP/1.1 20 OK\r\n\r\n"),
    BAD("HTTP/1.1 2000 OK\r\n\r\n"),
    BAD("HTTP/1.1 099 OK\r\n\r\n"),
    BAD("HTTP/1.1 600 OK\r\n\r\n"),
    BAD("HTTP/1.1 -20 OK\r\n\r\n"),
    BAD("HTTP/1.1 200\tOK\r\n\r\n"),
    BAD("HTTP/1.1 200 O\x01K\r\n\r\n"),
    BAD("HTTP/1.1 200 OK\n\n"),
    BAD("HTTP/1.1\r\n\r\n"),
    BAD("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    BAD("ICY 200 OK\r\n\r\n"),
    BAD("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    BAD("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"),
    BAD("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
    BAD("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    BAD("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    BAD("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
    BAD("HTTP/1.1 200 OK\r\nX : a\r\n\r\n"),
};

static void test_answers(void **state)
{
    for (size_t i = 0; i < COUNT(answers); i++) {
        const struct answer *a = &answers[i];
        struct http_head h;
        struct error err = {0};
        if (http_answer_parse(view_str(a->text), a->to_head, *state, &h, &err) != a->ok)
            fail_msg("case %zu: %s\n%s", i, a->ok ? err.text : "taken", a->text);
        if (!a->ok) {
            assert_int_equal(err.code, ERROR_UPSTREAM_PROTOCOL);
            continue;
        }
        assert_int_equal(h.status, a->status);
        assert_int_equal(h.framing, a->framing);
        assert_int_equal(h.length, a->length);
        assert_int_equal(h.keep_alive, a->keep_alive);
    }
}

/* What is refused in fields of a request is refused in those of an answer. */
static void test_answers_are_as_strict(void **state)
{
    size_t seen = 0;

    for (size_t i = 0; i < COUNT(bad_requests); i++) {
        struct view line = VIEW("POST / HTTP/1.1\r\n" HOST), rest = bad_requests[i].text;
        struct buf text = BUF_MAX(4096);
        struct http_head h;
        if (!view_starts(rest, line))
            continue;
        rest = view_skip(rest, line.n);
        if (view_starts(rest, VIEW("Expect")) || view_find_nocase(rest, VIEW("host")) == 0)
            continue;
        buf_append_lit(&text, "HTTP/1.1 200 OK\r\n");
        buf_append(&text, rest);
        if (parse(state, true, buf_view(&text), &h) != ERROR_UPSTREAM_PROTOCOL)
            fail_msg("case %zu: %.*s", i, VIEW_ARG(rest));
        buf_done(&text);
        seen++;
    }
    assert_true(seen > 40);
}

static void test_end_in_pieces(void **state)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",   "HTTP/1.1 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n\rb\n\n", "GET / HTTP/1.1\r\n\r\r\n\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct buf text = BUF_MAX(4096);
        buf_printf(&text, "%sPOST next\r\n\r\n", heads[i]);
        size_t end = strlen(heads[i]), scanned = 0, whole = 0;
        assert_int_equal(http_head_end(buf_view(&text), &whole), end);
        for (size_t n = 0; n < end; n++)
            assert_int_equal(http_head_end(view_first(buf_view(&text), n), &scanned), 0);
        assert_true(scanned + 2 >= end - 1); /* nearly all is not looked at again */
        assert_int_equal(http_head_end(view_first(buf_view(&text), end), &scanned), end);
        buf_done(&text);
    }
}

static void test_reasons(void **state)
{
    (void)state;
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(505), "HTTP Version Not Supported");
    assert_string_equal(http_reason(299), "");
    for (enum error_code code = ERROR_NONE; code < ERROR_COUNT; code++)
        assert_true(http_reason(error_info(code)->http_status)[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_good_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_number_of_fields, setup, teardown),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_errors_show_little, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_are_as_strict, setup, teardown),
        cmocka_unit_test(test_end_in_pieces),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests_name("http head", tests, NULL, NULL);
}
