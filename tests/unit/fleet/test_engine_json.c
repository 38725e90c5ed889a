/* What engines say of themselves: recorded answers of real ones, and odd ones. */
#include "fleet/engine_json.h"

#include "../llm/golden.h"
#include "support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_recorded(void **state)
{
    static const struct {
        const char *file, *key, *want;
    } versions[] = {
        {"ollama/api_version.http", "version", "0.17.4"},
        {"vllm/version.http", "version", "0.32.0"},
        {"llamacpp/props.http", "build_info", "b0-unknown"},
    };
    struct arena *a = arena_new(1 << 16);
    struct golden g;
    struct error err;
    unsigned abilities = 0;
    (void)state;

    for (size_t i = 0; i < COUNT(versions); i++) {
        golden_open(&g, versions[i].file);
        expect_view(engine_text(buf_view(&g.body), view_str(versions[i].key), a), versions[i].want);
        golden_close(&g);
    }
    golden_open(&g, "llamacpp/props.http");
    assert_int_equal(engine_slots(buf_view(&g.body)), 2);
    golden_close(&g);
    golden_open(&g, "ollama/api_show.http");
    assert_true(engine_abilities(buf_view(&g.body), &abilities, &err));
    assert_int_equal(abilities, ABILITY_TOOLS | ABILITY_SCHEMA);
    golden_close(&g);
    arena_free(a);
}

static void test_abilities(void **state)
{
    static const struct {
        const char *show;
        bool ok;
        unsigned want;
    } cases[] = {
        {"{\"capabilities\":[\"embedding\"]}", true, ABILITY_EMBEDDINGS},
        {"{\"capabilities\":[\"completion\"]}", true, ABILITY_SCHEMA},
        {"{\"capabilities\":[\"completion\",\"vision\",\"thinking\"]}", true,
         ABILITY_SCHEMA | ABILITY_IMAGES},
        {"{\"capabilities\":[\"completion\",\"embedding\"]}", true, ABILITY_SCHEMA},
        {"{\"capabilities\":[]}", false, 99},
        {"{\"capabilities\":[\"tools\"]}", false, 99},
        {"{\"capabilities\":[\"completion\",7]}", false, 99},
        {"{\"capabilities\":\"completion\"}", false, 99},
        {"{}", false, 99},
        {"{\"capabilities\":[\"completion\"]", false, 99},
        {"not found", false, 99},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err;
        unsigned abilities = 99;
        if (engine_abilities(view_str(cases[i].show), &abilities, &err) != cases[i].ok)
            fail_msg("%s", cases[i].show);
        assert_int_equal(abilities, cases[i].want);
    }
}

/* A version stands in logs and tables. */
static void test_a_text_that_is_none_counts_as_unsaid(void **state)
{
    static const char *const texts[] = {
        "{\"version\":\"a b\"}",
        "{\"version\":\"a\\nb\"}",
        "{\"version\":\"\"}",
        "{\"version\":7}",
        "{\"version\":\"1\"",
        "{\"versions\":\"1\"}",
        "{\"version\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaa\"}",
    };
    struct arena *a = arena_new(1 << 16);
    (void)state;

    for (size_t i = 0; i < COUNT(texts); i++)
        expect_view(engine_text(view_str(texts[i]), VIEW("version"), a), "");
    assert_int_equal(engine_slots(VIEW("{\"total_slots\":-1}")), 0);
    assert_int_equal(engine_slots(VIEW("{\"total_slots\":99999999999}")), 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_abilities),
        cmocka_unit_test(test_a_text_that_is_none_counts_as_unsaid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
