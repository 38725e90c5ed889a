/* What a client may ask for. */
#include "gateway/models.h"

#include "../fleet/support.h"

static struct fleet *fleet;

static int setup(void **state)
{
    (void)state;
    fleet =
        fleet_of("aliases:\n"
                 "  fast: inside/small\n"
                 "  'claude-*': auto\n"
                 "  \"quo'te\": auto\n"
                 "backends:\n"
                 "  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n"
                 "  - {name: lab2, side: inside, engine: vllm, url: 'http://127.0.0.1:2', models: "
                 "[small]}\n"
                 "  - {name: out, side: outside, engine: openai, url: 'https://api.test', models: "
                 "[gpt-5-mini, small]}\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fleet_unref(fleet);
    node_free_all();
    return 0;
}

static struct models list_models(struct arena *a, bool pins)
{
    struct models m;
    struct error err;

    assert_true(models_collect(fleet, pins, a, &m, &err));
    return m;
}

/* The names in their order, separated by blanks. */
static void expect_names(bool pins, const char *want)
{
    struct buf names = BUF_MAX(4096);
    struct arena *a = arena_new(8 << 20);
    struct models m = list_models(a, pins);

    for (unsigned i = 0; i < m.n; i++) {
        buf_append(&names, names.len ? VIEW(" ") : VIEW(""));
        buf_append(&names, m.all[i].name);
    }
    expect_view(buf_view(&names), want);
    buf_done(&names);
    arena_free(a);
}

static void test_the_list(void **state)
{
    (void)state;
    expect_names(true, "auto fast quo'te small inside/small gpt-5-mini outside/gpt-5-mini "
                       "outside/small"); /* no node has answered yet */
    expect_names(false, "auto fast quo'te small gpt-5-mini");

    node_lists(node_of(fleet, 0, 0), "{\"data\":[{\"id\":\"org/big\"},{\"id\":\"small\"}]}");
    node_fails(node_of(fleet, 0, 0), 3, 3); /* a node that is down keeps its models */
    fleet_refresh(fleet);
    expect_names(true, "auto fast quo'te org/big inside/org/big small inside/small gpt-5-mini "
                       "outside/gpt-5-mini outside/small");
    expect_names(false, "auto fast quo'te org/big small gpt-5-mini");
}

static void test_one(void **state)
{
    static const char *const there[] = {"auto", "fast", "small", "inside/small", "outside/small"};
    static const char *const not_there[] = {"claude-*", "claude-3", "inside/gpt-5-mini", "x",
                                            "Auto"};
    struct arena *a = arena_new(8 << 20);
    struct models m = list_models(a, true);

    (void)state;
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        const struct llm_listed *one = models_find(&m, view_str(there[i]));
        assert_non_null(one);
        expect_view(one->name, there[i]);
    }
    expect_view(models_find(&m, VIEW("fast"))->owner, "weir");
    expect_view(models_find(&m, VIEW("small"))->owner, "lab2");
    expect_view(models_find(&m, VIEW("outside/small"))->owner, "out");
    for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
        assert_null(models_find(&m, view_str(not_there[i])));
    arena_free(a);
}

/* lab2 is named before its node has said what it has loaded; the second one has it. */
static void test_loaded_where_any_has_it(void **state)
{
    struct arena *a = arena_new(8 << 20);
    (void)state;

    struct models before = list_models(a, false);
    assert_false(models_find(&before, VIEW("small"))->loaded);
    node_lists(node_of(fleet, 2, 0), "{\"data\":[{\"id\":\"small\"}]}");
    fleet_refresh(fleet);
    struct models after = list_models(a, false);
    assert_true(models_find(&after, VIEW("small"))->loaded);
    expect_view(models_find(&after, VIEW("small"))->owner, "lab2");
    arena_free(a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_the_list), TEST(test_one),
                                       TEST(test_loaded_where_any_has_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
