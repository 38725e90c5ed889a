#include "json/reader.h"
#include "json/writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_text(struct buf *b, const char *want)
{
    assert_true(buf_ok(b));
    if (!view_eq(buf_view(b), view_str(want)))
        fail_msg("wrote %.*s, not %s", VIEW_ARG(buf_view(b)), want);
    buf_done(b);
}

static void test_structure(void **state)
{
    struct buf b = BUF_MAX(4096);
    struct json_writer w = JSON_WRITER(&b);

    (void)state;
    json_put_object(&w);
    json_put_member_string(&w, VIEW("a"), VIEW("x"));
    json_put_key(&w, VIEW("list"));
    json_put_array(&w);
    json_put_i64(&w, INT64_MIN);
    json_put_u64(&w, UINT64_MAX);
    json_put_null(&w);
    json_put_array(&w);
    json_put_close(&w);
    json_put_object(&w);
    json_put_close(&w);
    json_put_raw(&w, VIEW("{\"r\":1}"));
    json_put_close(&w);
    json_put_member_bool(&w, VIEW("b"), true);
    json_put_member_i64(&w, VIEW("i"), -5);
    json_put_member_u64(&w, VIEW("u"), 5);
    json_put_member_double(&w, VIEW("d"), 0.1);
    json_put_close(&w);
    assert_text(&b, "{\"a\":\"x\",\"list\":[-9223372036854775808,18446744073709551615,null,[],{},"
                    "{\"r\":1}],\"b\":true,\"i\":-5,\"u\":5,\"d\":0.1}");
}

static void test_quote(void **state)
{
    static const struct {
        struct view text;
        const char *quoted;
    } rows[] = {
        {VIEW_LIT(""), "\"\""},
        {VIEW_LIT("a longer run of plain text, then \"quotes\""),
         "\"a longer run of plain text, then \\\"quotes\\\"\""},
        {VIEW_LIT("\\ \n\r\t\b\x01\0/\x7f"), "\"\\\\ \\n\\r\\t\\u0008\\u0001\\u0000/\x7f\""},
        {VIEW_LIT("\xc3\xa4\xf0\x9d\x84\x9e"), "\"\xc3\xa4\xf0\x9d\x84\x9e\""},
        {VIEW_LIT("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b = BUF_MAX(4096);
        json_quote(&b, rows[i].text);
        assert_text(&b, rows[i].quoted);
    }
}

/* Any bytes that are UTF-8 come back from the reader as they were. */
static void test_round_trip(void **state)
{
    char text[128 + 64];
    size_t n = 0;

    (void)state;
    for (int c = 0; c < 128; c++)
        text[n++] = (char)c;
    memcpy(text + n, "\xe2\x82\xac\xed\x9f\xbf", 6);
    n += 6;
    for (size_t from = 0; from < n - 6; from++) {
        struct buf b = BUF_MAX(4096);
        struct json_reader r;
        struct json_text back;

        json_quote(&b, view_of(text + from, n - from));
        json_begin(&r, buf_view(&b));
        assert_true(json_string(&r, &back) && json_end(&r));
        assert_true(json_text_eq(back, view_of(text + from, n - from)));
        buf_done(&b);
    }
}

static void test_double(void **state)
{
    static const double values[] = {
        0, -0.0, 1, 0.1, 1.0 / 3, 1e-300, 1.7976931348623157e308, 123456789.125, -2.5e-7};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct buf b = BUF_MAX(64);
        struct json_writer w = JSON_WRITER(&b);
        struct json_reader r;
        double back;

        json_put_double(&w, values[i]);
        json_begin(&r, buf_view(&b));
        assert_true(json_skip(&r) && json_end(&r));
        assert_true(view_to_double(buf_view(&b), &back) && back == values[i]);
        buf_done(&b);
    }
    struct buf b = BUF_MAX(64);
    struct json_writer w = JSON_WRITER(&b);
    json_put_double(&w, NAN);
    assert_text(&b, "null");
}

static void test_bounds(void **state)
{
    struct buf b = BUF_MAX(4096);
    struct json_writer w = JSON_WRITER(&b);

    (void)state;
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        json_put_array(&w);
    assert_true(buf_ok(&b));
    json_put_array(&w);
    assert_false(buf_ok(&b));
    buf_reset(&b);
    w = JSON_WRITER(&b);
    json_put_close(&w); /* nothing is open */
    assert_false(buf_ok(&b));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),  cmocka_unit_test(test_quote),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_double),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
