/* The chunked coding: whole, cut anywhere, and malformed. */
#include "http/chunked.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Feeds `input`; stops at the end or at an error. */
static enum http_chunks_result feed(struct http_chunks *c, struct view *input, struct buf *body)
{
    struct error err = {0};
    struct view data;

    for (;;) {
        enum http_chunks_result result = http_chunks_next(c, input, &data, &err);
        if (result == HTTP_CHUNKS_DATA) {
            assert_true(data.n > 0);
            buf_append(body, data);
            continue;
        }
        if (result == HTTP_CHUNKS_BAD)
            assert_true(err.code == ERROR_BAD_HTTP && err.text[0] && err.hint[0]);
        if (result == HTTP_CHUNKS_MORE)
            assert_int_equal(input->n, 0);
        return result;
    }
}

struct vector {
    struct view coded;
    const char *body; /* NULL: refused */
    size_t behind;    /* bytes left */
};

#define GOOD(coded, body, behind)     \
    {                                 \
        VIEW_LIT(coded), body, behind \
    }
#define BAD(coded)               \
    {                            \
        VIEW_LIT(coded), NULL, 0 \
    }

static const struct vector vectors[] = {
    GOOD("0\r\n\r\n", "", 0),
    GOOD("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
    GOOD("5\r\nhello\r\n0\r\n\r\nGET /", "hello", 5),
    GOOD("5\r\nhello\r\n1\r\n\n\r\nA\r\n0123456789\r\n000\r\n\r\n", "hello\n0123456789", 0),
    GOOD("0000000000000001\r\nx\r\n0\r\n\r\n", "x", 0),
    GOOD("a\r\n\r\n0\r\n\r\nx\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\nx\r\n", 0),
    GOOD("5;name=value;x\r\nhello\r\n0;last\r\n\r\n", "hello", 0),
    GOOD("5 \t ; n=\"a;b\tc\"\r\nhello\r\n0\r\n\r\n", "hello", 0),
    GOOD("0\r\nX-A: b\r\nX-B:\r\nx|~: \xc3\xa4\t\r\n\r\n!", "", 1),
    BAD("\r\n"),
    BAD("\n"),
    BAD(" 5\r\nhello\r\n0\r\n\r\n"),
    BAD("+5\r\nhello\r\n0\r\n\r\n"),
    BAD("-5\r\nhello\r\n0\r\n\r\n"),
    BAD("0x5\r\nhello\r\n0\r\n\r\n"),
    BAD("5g\r\nhello\r\n0\r\n\r\n"),
    BAD(";x\r\nhello\r\n0\r\n\r\n"),
    BAD("5 \r\nhello\r\n0\r\n\r\n"),
    BAD("5 5\r\nhello\r\n0\r\n\r\n"),
    BAD("5\nhello\r\n0\r\n\r\n"),
    BAD("5\rhello\r\n0\r\n\r\n"),
    BAD("5\r\r\nhello\r\n0\r\n\r\n"),
    BAD("5;a\nhello\r\n0\r\n\r\n"),
    BAD("5;a\x00\r\nhello\r\n0\r\n\r\n"),
    BAD("5;a\rb\r\nhello\r\n0\r\n\r\n"),
    BAD("5\r\nhello0\r\n\r\n"),
    BAD("5\r\nhello\n0\r\n\r\n"),
    BAD("5\r\nhello\r0\r\n\r\n"),
    BAD("5\r\nhello \r\n0\r\n\r\n"),
    BAD("4\r\nhello\r\n0\r\n\r\n"),
    BAD("6\r\nhello\r\n0\r\n\r\n"),
    BAD("0\r\n\n"),
    BAD("0\r\n\rx"),
    BAD("0\r\n X: folded\r\n\r\n"),
    BAD("0\r\nX: a\r\n b\r\n\r\n"),
    BAD("0\r\nX : a\r\n\r\n"),
    BAD("0\r\n: a\r\n\r\n"),
    BAD("0\r\nX\r\n\r\n"),
    BAD("0\r\nX: a\n\r\n"),
    BAD("0\r\nX: a\x01\r\n\r\n"),
    BAD("0\r\nX: a\rb\r\n\r\n"),
    BAD("8000000000000000\r\n"),
    BAD("ffffffffffffffff\r\n"),
    BAD("10000000000000005\r\nhello\r\n"),
    BAD("00000000000000005\r\nhello\r\n"),
};

static void check(const struct vector *v, enum http_chunks_result result, struct view rest,
                  const struct buf *body)
{
    if (result != (v->body ? HTTP_CHUNKS_END : HTTP_CHUNKS_BAD))
        fail_msg("result %d: %.*s", (int)result, VIEW_ARG(v->coded));
    if (!v->body)
        return;
    assert_int_equal(rest.n, v->behind);
    assert_true(view_eq(buf_view(body), view_str(v->body)));
}

/* The same for the whole, for every cut, and byte by byte; each piece in a block of its own. */
static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++)
        for (size_t cut = 0; cut <= vectors[i].coded.n; cut++) {
            struct view coded = vectors[i].coded, rest = VIEW_NONE;
            struct http_chunks c = HTTP_CHUNKS_START;
            struct buf body = BUF_MAX(4096);
            enum http_chunks_result result = HTTP_CHUNKS_MORE;
            /* cut 0: byte by byte */
            for (size_t at = 0, n; at < coded.n && result == HTTP_CHUNKS_MORE; at += n) {
                n = cut == 0 ? 1 : at == 0 ? cut : coded.n - at;
                char *piece = malloc(n);
                assert_non_null(piece);
                memcpy(piece, coded.p + at, n);
                struct view input = view_of(piece, n);
                result = feed(&c, &input, &body);
                rest.n = input.n + coded.n - at - n;
                free(piece);
            }
            check(&vectors[i], result, rest, &body);
            buf_done(&body);
        }
}

static void test_result_stays(void **state)
{
    struct http_chunks c = HTTP_CHUNKS_START;
    struct view input = VIEW("0\r\n\r\n5\r\nhello"), data;
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(http_chunks_next(&c, &input, &data, &err), HTTP_CHUNKS_END);
        assert_int_equal(input.n, 8);
    }
    c = HTTP_CHUNKS_START;
    input = VIEW("x5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(http_chunks_next(&c, &input, &data, &err), HTTP_CHUNKS_BAD);
    input = VIEW("5\r\nhello\r\n0\r\n\r\n");
    assert_int_equal(http_chunks_next(&c, &input, &data, &err), HTTP_CHUNKS_BAD);
}

static enum http_chunks_result run(const char *before, size_t fill, const char *behind)
{
    struct http_chunks c = HTTP_CHUNKS_START;
    struct buf coded = BUF_MAX(65536), body = BUF_MAX(65536);

    buf_printf(&coded, "%s", before);
    for (size_t i = 0; i < fill; i++)
        buf_append_char(&coded, 'a');
    buf_printf(&coded, "%s", behind);
    struct view input = buf_view(&coded);
    enum http_chunks_result result = feed(&c, &input, &body);
    buf_done(&coded);
    buf_done(&body);
    return result;
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(run("1;", 253, "\r\nx\r\n0\r\n\r\n"), HTTP_CHUNKS_END);
    assert_int_equal(run("1;", 254, "\r\nx\r\n0\r\n\r\n"), HTTP_CHUNKS_BAD);
    assert_int_equal(run("0\r\nX: ", 8180, "\r\n\r\n"), HTTP_CHUNKS_END);
    assert_int_equal(run("0\r\nX: ", 8190, "\r\n\r\n"), HTTP_CHUNKS_BAD);
    assert_int_equal(run("0\r\nX: a\r\nY: b\r\n", 8190, ":\r\n\r\n"), HTTP_CHUNKS_BAD);
    /* the largest size that there is: its bytes are waited for */
    assert_int_equal(run("7fffffffffffffff\r\n", 100, ""), HTTP_CHUNKS_MORE);
}

static struct view read_golden(const char *name)
{
    char path[4096];
    struct buf text = BUF_MAX(1 << 20);

    snprintf(path, sizeof(path), "%s/tests/golden/sse/%s", getenv("WEIR_SOURCE"), name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    for (int c; (c = fgetc(f)) != EOF;)
        buf_append_char(&text, (char)c);
    fclose(f);
    return buf_view(&text);
}

/* Bodies as two engines sent them. */
static void test_real_bodies(void **state)
{
    static const char *const names[] = {"llamacpp_chat", "vllm_messages"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char file[64];
        struct http_chunks c = HTTP_CHUNKS_START;
        struct buf body = BUF_MAX(1 << 20);
        snprintf(file, sizeof(file), "%s.chunked", names[i]);
        struct view coded = read_golden(file), input = coded;
        snprintf(file, sizeof(file), "%s.sse", names[i]);
        struct view plain = read_golden(file);
        assert_int_equal(feed(&c, &input, &body), HTTP_CHUNKS_END);
        assert_true(view_eq(buf_view(&body), plain));
        buf_done(&body);
        free((void *)(uintptr_t)coded.p);
        free((void *)(uintptr_t)plain.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_result_stays),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_real_bodies),
    };
    return cmocka_run_group_tests_name("http chunked", tests, NULL, NULL);
}
