#include "json/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A copy whose end is the end of its memory, so that a sanitizer sees a byte read too far. */
static struct view tight(struct view v)
{
    char *p = malloc(v.n ? v.n : 1);
    assert_non_null(p);
    memcpy(p, v.p, v.n);
    return view_of(p, v.n);
}

static void drop(struct view v)
{
    free((void *)(uintptr_t)v.p);
}

static bool skips(struct view text)
{
    struct json_reader r;
    struct view copy = tight(text);

    json_begin(&r, copy);
    json_skip(&r);
    bool ok = json_end(&r);
    drop(copy);
    return ok;
}

/* Reads everything with the pulling functions instead of json_skip(). */
static void walk(struct json_reader *r)
{
    struct json_object o;
    struct json_array a;
    struct json_text text;
    struct view raw;
    bool flag;

    switch ((int)json_peek(r)) {
    case JSON_OBJECT:
        json_object_begin(r, &o);
        while (json_object_next(r, &o))
            walk(r);
        break;
    case JSON_ARRAY:
        json_array_begin(r, &a);
        while (json_array_next(r, &a))
            walk(r);
        break;
    case JSON_STRING:
        json_string(r, &text);
        break;
    case JSON_NUMBER:
        json_number(r, &raw);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_bool(r, &flag);
        break;
    default:
        if (!json_take_null(r))
            json_skip(r);
    }
}

static bool walks(struct view text)
{
    struct json_reader r;
    struct view copy = tight(text);

    json_begin(&r, copy);
    walk(&r);
    bool ok = json_end(&r);
    drop(copy);
    return ok;
}

static void test_grammar(void **state)
{
    static const struct {
        struct view text;
        bool valid;
    } rows[] = {
        {VIEW_LIT("null"), true},
        {VIEW_LIT(" true "), true},
        {VIEW_LIT("false"), true},
        {VIEW_LIT("\t\r\n {}"), true},
        {VIEW_LIT("[]"), true},
        {VIEW_LIT("[ ]"), true},
        {VIEW_LIT("{ }"), true},
        {VIEW_LIT("[1,[2,{\"a\":[]}],\"x\"]"), true},
        {VIEW_LIT("{\"a\" : 1 , \"b\":{\"a\":null}}"), true},
        {VIEW_LIT("0"), true},
        {VIEW_LIT("-0"), true},
        {VIEW_LIT("-0.5e+10"), true},
        {VIEW_LIT("1E400"), true},
        {VIEW_LIT("12345678901234567890123"), true},
        {VIEW_LIT("\"\""), true},
        {VIEW_LIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD834\\uDD1E\""), true},
        {VIEW_LIT("\"\\ud800\""), true}, /* half a pair passes */
        {VIEW_LIT("\"\x7f\""), true},
        {VIEW_LIT("\"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\""), true},
        {VIEW_LIT("\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\""), true},
        {VIEW_LIT(""), false},
        {VIEW_LIT(" "), false},
        {VIEW_LIT("nul"), false},
        {VIEW_LIT("nulll"), false},
        {VIEW_LIT("True"), false},
        {VIEW_LIT("NaN"), false},
        {VIEW_LIT("Infinity"), false},
        {VIEW_LIT("01"), false},
        {VIEW_LIT("-"), false},
        {VIEW_LIT("-01"), false},
        {VIEW_LIT("+1"), false},
        {VIEW_LIT(".5"), false},
        {VIEW_LIT("1."), false},
        {VIEW_LIT("1.e1"), false},
        {VIEW_LIT("1e"), false},
        {VIEW_LIT("1e+"), false},
        {VIEW_LIT("0x1"), false},
        {VIEW_LIT("1 2"), false},
        {VIEW_LIT("["), false},
        {VIEW_LIT("]"), false},
        {VIEW_LIT("[1"), false},
        {VIEW_LIT("[1,"), false},
        {VIEW_LIT("[1,]"), false},
        {VIEW_LIT("[,1]"), false},
        {VIEW_LIT("[,]"), false},
        {VIEW_LIT("[1 2]"), false},
        {VIEW_LIT("[1}"), false},
        {VIEW_LIT("[]]"), false},
        {VIEW_LIT("{"), false},
        {VIEW_LIT("{\"a\""), false},
        {VIEW_LIT("{\"a\":"), false},
        {VIEW_LIT("{\"a\":1"), false},
        {VIEW_LIT("{\"a\":1,"), false},
        {VIEW_LIT("{\"a\":1,}"), false},
        {VIEW_LIT("{,\"a\":1}"), false},
        {VIEW_LIT("{\"a\" 1}"), false},
        {VIEW_LIT("{\"a\":1 \"b\":2}"), false},
        {VIEW_LIT("{\"a\":1]"), false},
        {VIEW_LIT("{a:1}"), false},
        {VIEW_LIT("{'a':1}"), false},
        {VIEW_LIT("{1:1}"), false},
        {VIEW_LIT("{}x"), false},
        {VIEW_LIT("{}{}"), false},
        {VIEW_LIT("// c\n1"), false},
        {VIEW_LIT("\xef\xbb\xbf{}"), false}, /* a byte order mark */
        {VIEW_LIT("\xc2\xa0{}"), false},
        {VIEW_LIT("1\0"), false},
        {VIEW_LIT("\""), false},
        {VIEW_LIT("\"a"), false},
        {VIEW_LIT("\"\\\""), false},
        {VIEW_LIT("\"\\"), false},
        {VIEW_LIT("\"\\x41\""), false},
        {VIEW_LIT("\"\\u12\""), false},
        {VIEW_LIT("\"\\u123"), false},
        {VIEW_LIT("\"\\u12g4\""), false},
        {VIEW_LIT("\"\\U0041\""), false},
        {VIEW_LIT("\"\n\""), false},
        {VIEW_LIT("\"\t\""), false},
        {VIEW_LIT("\"\0\""), false},
        {VIEW_LIT("\"\x1f\""), false},
        {VIEW_LIT("\"\x80\""), false},
        {VIEW_LIT("\"\xc0\x80\""), false},
        {VIEW_LIT("\"\xc3\""), false},
        {VIEW_LIT("\"\xc3"), false},
        {VIEW_LIT("\"\xe0\x9f\xbf\""), false},
        {VIEW_LIT("\"\xe2\x82\""), false},
        {VIEW_LIT("\"\xed\xa0\x80\""), false}, /* a surrogate in UTF-8 */
        {VIEW_LIT("\"\xf0\x8f\xbf\xbf\""), false},
        {VIEW_LIT("\"\xf4\x90\x80\x80\""), false},
        {VIEW_LIT("\"\xf5\x80\x80\x80\""), false},
        {VIEW_LIT("\"\xff\""), false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (skips(rows[i].text) != rows[i].valid)
            fail_msg("json_skip: row %zu: %.*s", i, VIEW_ARG(rows[i].text));
        if (walks(rows[i].text) != rows[i].valid)
            fail_msg("walk: row %zu: %.*s", i, VIEW_ARG(rows[i].text));
    }
}

/* Every length around the steps of the scanner, a special byte at every place. */
static void test_string_lengths(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool valid;
    } specials[] = {{"x", 1, true},         {"\\n", 2, true},   {"\xc3\xa4", 2, true},
                    {"\x01", 1, false},     {"\xff", 1, false}, {"\\u20ac", 6, true},
                    {"\xe2\x82", 2, false}, {"\\q", 2, false}};
    char text[128];

    (void)state;
    for (size_t lead = 0; lead < 20; lead++)
        for (size_t n = 0; n < 40; n++)
            for (size_t at = 0; at <= n; at++)
                for (size_t s = 0; s < COUNT(specials); s++) {
                    size_t total = 0;
                    memset(text, ' ', lead);
                    total = lead;
                    text[total++] = '"';
                    memset(text + total, 'a', at);
                    total += at;
                    memcpy(text + total, specials[s].bytes, specials[s].n);
                    total += specials[s].n;
                    memset(text + total, 'b', n - at);
                    total += n - at;
                    text[total++] = '"';
                    if (skips(view_of(text, total)) != specials[s].valid)
                        fail_msg("lead %zu, length %zu, special %zu at %zu", lead, n, s, at);
                    if (skips(view_of(text, total - 1)))
                        fail_msg("without its end: lead %zu, length %zu", lead, n);
                }
}

static void test_depth(void **state)
{
    char text[2 * JSON_MAX_DEPTH + 4];

    (void)state;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_true(skips(view_of(text, 2 * JSON_MAX_DEPTH)));
    assert_true(walks(view_of(text, 2 * JSON_MAX_DEPTH)));
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_false(skips(view_of(text, 2 * JSON_MAX_DEPTH + 2)));
    assert_false(walks(view_of(text, 2 * JSON_MAX_DEPTH + 2)));
}

static void test_decode(void **state)
{
    static const struct {
        struct view raw, plain;
    } rows[] = {
        {VIEW_LIT(""), VIEW_LIT("")},
        {VIEW_LIT("plain \xc3\xa4"), VIEW_LIT("plain \xc3\xa4")},
        {VIEW_LIT("\\\"\\\\\\/\\b\\f\\n\\r\\t"), VIEW_LIT("\"\\/\b\f\n\r\t")},
        {VIEW_LIT("\\u0041\\u00e4\\u20AC"), VIEW_LIT("A\xc3\xa4\xe2\x82\xac")},
        {VIEW_LIT("\\u0000"), VIEW_LIT("\0")},
        {VIEW_LIT("\\ud834\\udd1e"), VIEW_LIT("\xf0\x9d\x84\x9e")},
        {VIEW_LIT("\\udbff\\udfff"), VIEW_LIT("\xf4\x8f\xbf\xbf")},
        {VIEW_LIT("\\ud834x"), VIEW_LIT("\xef\xbf\xbdx")},
        {VIEW_LIT("\\ud834"), VIEW_LIT("\xef\xbf\xbd")},
        {VIEW_LIT("\\udd1e"), VIEW_LIT("\xef\xbf\xbd")},
        {VIEW_LIT("\\ud834\\ud834\\udd1e"), VIEW_LIT("\xef\xbf\xbd\xf0\x9d\x84\x9e")},
        {VIEW_LIT("\\ud834\\u0041"), VIEW_LIT("\xef\xbf\xbd"
                                              "A")},
        {VIEW_LIT("a run of sixteen and more bytes\\nand again, quite long\\tend"),
         VIEW_LIT("a run of sixteen and more bytes\nand again, quite long\tend")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct view copy = tight(rows[i].raw);
        struct json_text text = {copy, view_find_char(copy, '\\') != VIEW_NPOS};
        struct arena *a = arena_new(4096);
        struct view plain = json_decode(text, a);
        char some[64];

        if (!view_eq(plain, rows[i].plain))
            fail_msg("row %zu gives %.*s", i, VIEW_ARG(plain));
        assert_true(json_text_eq(text, rows[i].plain));
        assert_false(json_text_eq(text, VIEW("something else")));
        assert_int_equal(json_decode_prefix(some, sizeof(some), text), rows[i].plain.n);
        assert_memory_equal(some, rows[i].plain.p, rows[i].plain.n);
        if (!text.escaped)
            assert_ptr_equal(plain.p, copy.p); /* not copied */
        arena_free(a);
        drop(copy);
    }
}

static void test_decode_prefix(void **state)
{
    struct json_text text = {VIEW("ab\\u20acc\xc3\xa4"), true};
    static const size_t lengths[] = {0, 1, 2, 2, 2, 5, 6, 6, 8, 8};
    char to[10];

    (void)state;
    for (size_t room = 0; room < COUNT(lengths); room++)
        assert_int_equal(json_decode_prefix(to, room, text), lengths[room]);
    text = (struct json_text){VIEW("a\xe2\x82\xac"), false};
    assert_int_equal(json_decode_prefix(to, 3, text), 1);
}

static enum error_code read_object(struct view text, struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct view copy = tight(text);

    err->code = ERROR_NONE;
    json_begin(&r, copy);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o))
        json_skip(&r);
    if (!json_end(&r))
        json_error(&r, err);
    drop(copy);
    return err->code;
}

static void test_duplicates(void **state)
{
    static const struct {
        struct view text;
        enum error_code code;
        const char *param;
    } rows[] = {
        {VIEW_LIT("{\"a\":1,\"b\":2,\"ab\":3,\"ba\":4,\"\":5}"), ERROR_NONE, ""},
        {VIEW_LIT("{\"a\":1,\"a\":1}"), ERROR_DUPLICATE_KEY, "a"},
        {VIEW_LIT("{\"model\":1,\"x\":2,\"mod\\u0065l\":1}"), ERROR_DUPLICATE_KEY, "model"},
        {VIEW_LIT("{\"mod\\u0065l\":1,\"x\":2,\"model\":1}"), ERROR_DUPLICATE_KEY, "model"},
        {VIEW_LIT("{\"\\u006dodel\":1,\"mod\\u0065l\":1}"), ERROR_DUPLICATE_KEY, "model"},
        {VIEW_LIT("{\"\xc3\xa4\":1,\"\\u00E4\":1}"), ERROR_DUPLICATE_KEY, "\xc3\xa4"},
        {VIEW_LIT("{\"\":1,\"\":1}"), ERROR_DUPLICATE_KEY, ""},
        {VIEW_LIT("{\"a\\n\":1,\"a\\u000A\":1}"), ERROR_DUPLICATE_KEY, "a?"},
        {VIEW_LIT("{\"a\\\\n\":1,\"a\\n\":1}"), ERROR_NONE, ""},
        {VIEW_LIT("{\"a\":{\"x\":1,\"x\":2}}"), ERROR_NONE, ""}, /* skipped, not read */
        {VIEW_LIT("{\"a\":1,}"), ERROR_BAD_JSON, ""},
    };
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (read_object(rows[i].text, &err) != rows[i].code)
            fail_msg("row %zu: code %d", i, (int)err.code);
        if (err.code != ERROR_NONE)
            assert_string_equal(err.param, rows[i].param);
    }
}

static void test_many_keys(void **state)
{
    char text[2048];
    struct error err;

    (void)state;
    for (unsigned count = JSON_MAX_KEYS; count <= JSON_MAX_KEYS + 1; count++) {
        size_t n = 0;
        for (unsigned i = 0; i < count; i++)
            n +=
                (size_t)snprintf(text + n, sizeof(text) - n, "%c\"key%u\":%u", i ? ',' : '{', i, i);
        text[n++] = '}';
        assert_int_equal(read_object(view_of(text, n), &err),
                         count > JSON_MAX_KEYS ? ERROR_BAD_JSON : ERROR_NONE);
        assert_true(skips(view_of(text, n)));
    }
    /* The last one equals the first. */
    size_t n = (size_t)snprintf(text, sizeof(text), "{\"key0\":0");
    for (unsigned i = 1; i < JSON_MAX_KEYS - 1; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"key%u\":0", i);
    n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"key0\":0}");
    assert_int_equal(read_object(view_of(text, n), &err), ERROR_DUPLICATE_KEY);
}

static void test_pull(void **state)
{
    struct view source = VIEW(" {\"n\": -12.5, \"s\":\"x\\ty\", \"mod\\u0065l\" :[1 ,true,null],"
                              "\"skip\":{\"a\":[{}]}, \"b\":false } ");
    struct json_reader r;
    struct json_object o;
    struct json_array a;
    struct json_text text;
    struct view raw;
    bool flag = true;

    (void)state;
    json_begin(&r, source);
    assert_true(json_object_begin(&r, &o));
    assert_true(json_object_next(&r, &o) && json_key_is(&o, "n"));
    assert_int_equal(o.key_at, 2);
    assert_true(json_number(&r, &raw) && view_eq(raw, VIEW("-12.5")));
    assert_true(json_object_next(&r, &o) && json_key_is(&o, "s"));
    assert_true(json_string(&r, &text) && text.escaped && view_eq(text.raw, VIEW("x\\ty")));
    assert_ptr_equal(text.raw.p, source.p + view_find(source, VIEW("x\\ty")));
    assert_true(json_object_next(&r, &o) && json_key_is(&o, "model"));
    assert_true(json_array_begin(&r, &a));
    assert_true(json_array_next(&r, &a) && json_peek(&r) == JSON_NUMBER && json_skip(&r));
    assert_true(json_array_next(&r, &a) && json_bool(&r, &flag) && flag);
    assert_true(json_array_next(&r, &a) && json_take_null(&r));
    assert_false(json_array_next(&r, &a));
    assert_true(json_object_next(&r, &o) && json_value(&r, &raw));
    assert_true(view_eq(raw, VIEW("{\"a\":[{}]}")));
    assert_true(json_object_next(&r, &o) && json_bool(&r, &flag) && !flag);
    assert_false(json_object_next(&r, &o));
    assert_true(json_end(&r));
}

static void test_failure_stays(void **state)
{
    struct json_reader r;
    struct json_object o;
    struct json_text text = {VIEW("kept"), false};
    struct error err;

    (void)state;
    json_begin(&r, VIEW("{\"a\":5}"));
    assert_true(json_object_begin(&r, &o) && json_object_next(&r, &o));
    assert_false(json_string(&r, &text));
    assert_true(view_eq(text.raw, VIEW("kept")));
    assert_false(json_skip(&r));
    assert_false(json_object_next(&r, &o));
    assert_false(json_end(&r));
    assert_false(json_error(&r, &err));
    assert_int_equal(err.code, ERROR_BAD_JSON);
    assert_string_equal(err.text, "The body is not valid JSON: a string is missing (byte 5).");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),       cmocka_unit_test(test_string_lengths),
        cmocka_unit_test(test_depth),         cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_prefix), cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_many_keys),     cmocka_unit_test(test_pull),
        cmocka_unit_test(test_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
