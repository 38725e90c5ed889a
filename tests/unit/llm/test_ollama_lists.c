#include "llm/ollama_lists.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/reader.h"

#define NOW INT64_C(1795501048468417960)

static const struct llm_listed models[] = {
    {.name = VIEW_LIT("a\"b"),
     .window = 8192,
     .loaded = true,
     .abilities = ABILITY_TOOLS | ABILITY_IMAGES | ABILITY_SCHEMA},
    {.name = VIEW_LIT("c"), .abilities = ABILITY_EMBEDDINGS | ABILITY_TOOLS},
    {.name = VIEW_LIT("auto")},
};

static bool has(const struct buf *b, const char *text)
{
    return view_find(buf_view(b), view_str(text)) != VIEW_NPOS;
}

static void assert_json(const struct buf *b)
{
    struct json_reader r;

    json_begin(&r, buf_view(b));
    assert_true(json_skip(&r) && json_end(&r));
}

static void test_tags(void **state)
{
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    ollama_tags_write(models, 2, NOW, &out);
    assert_json(&out);
    assert_true(has(&out, "{\"models\":[{\"name\":\"a\\\"b\",\"model\":\"a\\\"b\","
                          "\"modified_at\":\"2026-11-24T06:17:28.46841796Z\",\"size\":0,"
                          "\"digest\":\""));
    assert_true(has(&out, "\"name\":\"c\""));
    buf_reset(&out);
    ollama_tags_write(models, 0, NOW, &out);
    assert_true(view_eq(buf_view(&out), VIEW("{\"models\":[]}")));
    buf_done(&out);
}

static void test_ps(void **state)
{
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    ollama_ps_write(models, 2, &out);
    assert_json(&out);
    assert_true(has(&out, "\"name\":\"a\\\"b\""));
    assert_true(has(&out, "\"context_length\":8192"));
    assert_false(has(&out, "\"name\":\"c\""));
    buf_done(&out);
}

static void test_show(void **state)
{
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    ollama_show_write(&models[0], NOW, &out);
    assert_json(&out);
    assert_true(has(&out, "\"weir.context_length\":8192"));
    assert_true(has(&out, "\"capabilities\":[\"completion\",\"tools\",\"vision\"]"));
    buf_reset(&out);
    ollama_show_write(&models[1], NOW, &out);
    assert_false(has(&out, "context_length"));
    assert_true(has(&out, "\"capabilities\":[\"embedding\"]"));
    buf_reset(&out);
    ollama_show_write(&models[2], NOW, &out);
    assert_true(has(&out, "\"capabilities\":[\"completion\"]"));
    buf_done(&out);
}

static void test_small_ones(void **state)
{
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    ollama_version_write(VIEW("0.17.4"), &out);
    struct golden g;
    golden_open(&g, "ollama/api_version.http");
    assert_true(view_eq(buf_view(&out), buf_view(&g.body)));
    golden_close(&g);
    buf_reset(&out);
    ollama_load_write(VIEW("m"), false, false, NOW, &out);
    ollama_load_write(VIEW("m"), true, true, 0, &out);
    assert_true(view_eq(
        buf_view(&out),
        VIEW("{\"model\":\"m\",\"created_at\":\"2026-11-24T06:17:28.46841796Z\",\"message\":"
             "{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"load\"}\n"
             "{\"model\":\"m\",\"created_at\":\"1970-01-01T00:00:00Z\",\"response\":\"\","
             "\"done\":true,\"done_reason\":\"unload\"}\n")));
    buf_done(&out);
}

static void test_show_read(void **state)
{
    static const struct {
        const char *body, *model;
        enum error_code code;
    } rows[] = {
        {"{\"model\":\"m\",\"verbose\":true}", "m", ERROR_NONE},
        {"{\"name\":\"n\"}", "n", ERROR_NONE},
        {"{\"name\":\"n\",\"model\":\"m\"}", "m", ERROR_NONE},
        {"{}", NULL, ERROR_MISSING_VALUE},
        {"{\"model\":1}", NULL, ERROR_BAD_VALUE},
        {"{\"model\":", NULL, ERROR_BAD_JSON},
    };
    struct arena *a = arena_new(1 << 16);
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view model = VIEW_NONE;
        bool ok = ollama_show_read(view_str(rows[i].body), a, &model, &err);
        assert_int_equal(ok, rows[i].model != NULL);
        if (ok)
            assert_true(view_eq(model, view_str(rows[i].model)));
        else
            assert_int_equal(err.code, rows[i].code);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),      cmocka_unit_test(test_ps),
        cmocka_unit_test(test_show),      cmocka_unit_test(test_small_ones),
        cmocka_unit_test(test_show_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
