/* Server-sent events: the same events however the stream is cut. */
#include "http/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { MAX_EVENT = 4096, MAX_TEXT = 1 << 20 };

/* Reads a piece, which lies in a block of its own, and writes the events down:
 * "name<TAB>data<LF>", a ping as "#<LF>". False: too long. */
static bool feed(struct sse_reader *r, struct view piece, struct buf *events)
{
    char *copy = malloc(piece.n + !piece.n);
    struct view input = view_of(copy, piece.n);
    struct sse_event e;
    enum sse_result result;

    assert_non_null(copy);
    memcpy(copy, piece.p, piece.n);
    while ((result = sse_next(r, &input, &e)) == SSE_EVENT) {
        if (e.comment) {
            assert_int_equal(e.data.n, 0);
            buf_append_lit(events, "#");
        } else {
            buf_append(events, e.name);
            buf_append_lit(events, "\t");
            buf_append(events, e.data);
        }
        buf_append_lit(events, "\n");
    }
    free(copy);
    if (result == SSE_MORE)
        assert_int_equal(input.n, 0);
    return result == SSE_MORE;
}

/* The stream in three pieces, cut at `a` and `b`. */
static void check(struct view stream, size_t a, size_t b, struct view expected, bool inside)
{
    struct sse_reader r = sse_reader_new(MAX_EVENT);
    struct buf events = BUF_MAX(MAX_TEXT);

    assert_true(feed(&r, view_first(stream, a), &events));
    assert_true(feed(&r, view_of(stream.p + a, b - a), &events));
    assert_true(feed(&r, view_skip(stream, b), &events));
    assert_int_equal(sse_reader_inside_event(&r), inside);
    if (!view_eq(buf_view(&events), expected))
        fail_msg("cut at %zu and %zu:\n%.*s\ngives\n%.*s", a, b, VIEW_ARG(stream),
                 VIEW_ARG(buf_view(&events)));
    buf_done(&events);
    sse_reader_done(&r);
}

static void check_bytewise(struct view stream, struct view expected)
{
    struct sse_reader r = sse_reader_new(MAX_EVENT);
    struct buf events = BUF_MAX(MAX_TEXT);

    for (size_t i = 0; i < stream.n; i++)
        assert_true(feed(&r, view_of(stream.p + i, 1), &events));
    assert_true(view_eq(buf_view(&events), expected));
    buf_done(&events);
    sse_reader_done(&r);
}

struct stream {
    struct view text, events;
    bool inside; /* it stops inside an event */
};

#define S(text, events)                         \
    {                                           \
        VIEW_LIT(text), VIEW_LIT(events), false \
    }
#define I(text, events)                        \
    {                                          \
        VIEW_LIT(text), VIEW_LIT(events), true \
    }

static const struct stream streams[] = {
    S("", ""),
    S("\n\r\n\r\r\n", ""),
    S("data: a\n\n", "\ta\n"),
    S("data: a\r\n\r\n", "\ta\n"),
    S("data: a\r\r", "\ta\n"),
    S("data: a\n\r\n", "\ta\n"),
    S("data: a\r\n\n", "\ta\n"),
    S("data: a\r\n\r", "\ta\n"),
    S("data: a\n\r", "\ta\n"),
    S("data: a\n\ndata: b\n\n", "\ta\n\tb\n"),
    S("data: a\r\n\r\ndata: b\r\n\r\n", "\ta\n\tb\n"),
    S("data: a\r\rdata: b\r\r", "\ta\n\tb\n"),
    S("\n\ndata: a\n\n\n\n\ndata: b\n\n\n", "\ta\n\tb\n"),
    S("data:a\n\n", "\ta\n"),
    S("data:  a \n\n", "\t a \n"),
    S("data:\ta\n\n", "\t\ta\n"),
    S("data\n\n", "\t\n"),
    S("data:\n\n", "\t\n"),
    S("data: \n\n", "\t\n"),
    S("data: a:b: c\n\n", "\ta:b: c\n"),
    /* several data lines */
    S("data: a\ndata: b\n\n", "\ta\nb\n"),
    S("data: a\r\ndata:b\r\ndata: c\r\n\r\n", "\ta\nb\nc\n"),
    S("data\ndata\n\n", "\t\n\n"),
    S("data:\ndata: b\ndata\n\n", "\t\nb\n\n"),
    S("data: a\nevent: name that is long\ndata: and the data behind it is longer\nid: 5\n\n",
      "name that is long\ta\nand the data behind it is longer\n"),
    /* names and other fields */
    S("event: x\ndata: a\n\n", "x\ta\n"),
    S("data: a\nevent:x\n\n", "x\ta\n"),
    S("event: x\nevent: y\ndata: a\n\n", "y\ta\n"),
    S("event: x\nevent\ndata: a\n\n", "\ta\n"),
    S("event: x\n\ndata: a\n\n", "\ta\n"),
    S("event: x\ndata: a\n\ndata: b\n\n", "x\ta\n\tb\n"),
    S("id: 1\nretry: 10\ndata: a\nfoo: bar\nbaz\n\n", "\ta\n"),
    S("id: 1\n\nretry: 10\n\n", ""),
    S("Data: a\n\nDATA: b\n\ndatax: c\n\n data: d\n\ndata : e\n\n", ""),
    /* comments */
    S(": ping\n\n", "#\n"),
    S(":\n\n", "#\n"),
    S(":\r\n\r\ndata: a\r\n\r\n", "#\n\ta\n"),
    S(": a\n: b\n\n: c\n\n", "#\n#\n"),
    S(": ping\ndata: a\n\n", "\ta\n"),
    S("data: a\n:data: x\ndata: b\n\n", "\ta\nb\n"),
    S("id: 1\n: ping\n\n", "#\n"),
    /* the byte order mark */
    S("\xef\xbb\xbf"
      "data: a\n\n",
      "\ta\n"),
    S("\xef\xbb\xbf\n\ndata: a\n\n", "\ta\n"),
    S("\xef\xbb\xbf: ping\r\r", "#\n"),
    S("data: a\n\n\xef\xbb\xbf"
      "data: b\n\ndata: c\n\n",
      "\ta\n\tc\n"),
    /* the end is missing */
    I("data: a", ""),
    I("data: a\n", ""),
    I("data: a\r\n", ""),
    I("data: a\n\ndata: b\n", "\ta\n"),
    I(":", ""),
    /* bytes that mean nothing here */
    S("data: \x00\x01\xff\n\n\x00\n\n", "\t\x00\x01\xff\n"),
};

static void test_cut_at_two_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        const struct stream *s = &streams[i];
        for (size_t a = 0; a <= s->text.n; a++)
            for (size_t b = a; b <= s->text.n; b++)
                check(s->text, a, b, s->events, s->inside);
        check_bytewise(s->text, s->events);
    }
}

static struct buf read_golden(const char *name, const char *kind)
{
    char path[4096];
    struct buf text = BUF_MAX(MAX_TEXT);

    snprintf(path, sizeof(path), "%s/tests/golden/sse/%s.%s", getenv("WEIR_SOURCE"), name, kind);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_append_char(&text, (char)c);
    fclose(f);
    return text;
}

/* What engines sent, with LF as they do, and with the other line ends. */
static void test_real_streams(void **state)
{
    static const char *const names[] = {"llamacpp_chat", "llamacpp_tools", "ollama_chat",
                                        "ollama_tools",  "vllm_chat",      "vllm_tools",
                                        "vllm_messages"};
    static const char *const ends[] = {"\n", "\r\n", "\r"};

    (void)state;
    for (size_t i = 0; i < COUNT(names) * COUNT(ends); i++) {
        struct buf sent = read_golden(names[i / COUNT(ends)], "sse"), stream = BUF_MAX(MAX_TEXT);
        struct buf events = read_golden(names[i / COUNT(ends)], "events");
        for (size_t at = 0; at < sent.len; at++)
            if (sent.p[at] == '\n')
                buf_append(&stream, view_str(ends[i % COUNT(ends)]));
            else
                buf_append_char(&stream, sent.p[at]);
        assert_true(events.len > 500);
        for (size_t cut = 0; cut <= stream.len; cut++)
            check(buf_view(&stream), cut, cut, buf_view(&events), false);
        check_bytewise(buf_view(&stream), buf_view(&events));
        buf_done(&sent);
        buf_done(&stream);
        buf_done(&events);
    }
}

/* The usual case costs no copy and no memory. */
static void test_whole_events_are_views(void **state)
{
    struct sse_reader r = sse_reader_new(MAX_EVENT);
    struct view stream = VIEW("data: hello\n\nevent: x\ndata: y\n\n"), input = stream;
    struct sse_event e;

    (void)state;
    assert_int_equal(sse_next(&r, &input, &e), SSE_EVENT);
    assert_ptr_equal(e.data.p, stream.p + 6);
    assert_int_equal(sse_next(&r, &input, &e), SSE_EVENT);
    assert_ptr_equal(e.name.p, stream.p + 20);
    assert_int_equal(sse_next(&r, &input, &e), SSE_MORE);
    assert_null(r.carry.p);
    sse_reader_done(&r);
}

/* An event of `size` bytes against a maximum of 100, in two pieces. */
static bool fits(size_t size, const char *line_end, size_t cut)
{
    struct sse_reader r = sse_reader_new(100);
    struct buf text = BUF_MAX(4096), events = BUF_MAX(4096);

    buf_append_lit(&text, "data: ");
    while (text.len < size - strlen(line_end))
        buf_append_char(&text, 'a');
    buf_printf(&text, "%s%sdata: b\n\n", line_end, line_end);
    bool ok = feed(&r, view_first(buf_view(&text), cut), &events) &&
              feed(&r, view_skip(buf_view(&text), cut), &events);
    if (!ok) {
        /* it stays so */
        assert_false(feed(&r, VIEW("data: c\n\n"), &events));
        assert_int_equal(events.len, 0);
    }
    buf_done(&text);
    buf_done(&events);
    sse_reader_done(&r);
    return ok;
}

static void test_bounds(void **state)
{
    struct sse_reader r = sse_reader_new(100);
    struct buf events = BUF_MAX(4096);

    (void)state;
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    for (size_t i = 0; i < COUNT(ends); i++)
        for (size_t cut = 0; cut <= 101; cut++) {
            assert_true(fits(100, ends[i], cut));
            assert_false(fits(101, ends[i], cut));
            assert_false(fits(250, ends[i], cut));
        }
    /* a stream without an end does not wait for it */
    bool ok = true;
    for (int i = 0; ok && i < 100; i++)
        ok = feed(&r, VIEW("0123456789"), &events);
    assert_false(ok);
    assert_true(r.carry.cap <= 200);
    buf_done(&events);
    sse_reader_done(&r);
}

/* An event of many data lines that came in pieces is joined beside itself, within the bounds. */
static void test_many_lines(void **state)
{
    struct buf text = BUF_MAX(MAX_TEXT), expected = BUF_MAX(MAX_TEXT);

    (void)state;
    for (int i = 0; i < 300; i++) {
        buf_printf(&text, "data: %d\n", i);
        buf_printf(&expected, "%c%d", i ? '\n' : '\t', i);
    }
    buf_append_lit(&text, "\n");
    buf_append_lit(&expected, "\n");
    for (size_t cut = 0; cut <= text.len; cut += 7)
        check(buf_view(&text), cut, cut, buf_view(&expected), false);
    buf_done(&text);
    buf_done(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_two_places),
        cmocka_unit_test(test_real_streams),
        cmocka_unit_test(test_whole_events_are_views),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_many_lines),
    };
    return cmocka_run_group_tests_name("http sse", tests, NULL, NULL);
}
