/* GET /v1/models. */
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

static bool list_models(const char *only, struct buf *out, struct error *err)
{
    struct arena *a = arena_new(8 << 20);

    assert_non_null(a);
    *out = BUF_MAX(1 << 20);
    bool ok = models_write(fleet, false, view_str(only), a, out, err);
    assert_true(buf_ok(out));
    arena_free(a);
    return ok;
}

/* The ids in their order, separated by blanks. */
static void expect_ids(const struct buf *list, const char *want)
{
    struct buf ids = BUF_MAX(4096);
    struct view rest = buf_view(list), mark = VIEW("{\"id\":\"");

    assert_true(view_starts(rest, VIEW("{\"object\":\"list\",\"data\":[")));
    assert_true(view_ends(rest, VIEW("]}")));
    for (size_t at; (at = view_find(rest, mark)) != VIEW_NPOS;) {
        rest = view_skip(rest, at + mark.n);
        buf_append(&ids, ids.len ? VIEW(" ") : VIEW(""));
        buf_append(&ids, view_first(rest, view_find_char(rest, '"')));
    }
    expect_view(buf_view(&ids), want);
    buf_done(&ids);
}

static void test_the_list(void **state)
{
    struct buf list;
    struct error err;
    (void)state;

    assert_true(list_models("", &list, &err)); /* no node has answered yet */
    expect_ids(&list, "auto fast quo'te small inside/small gpt-5-mini outside/gpt-5-mini "
                      "outside/small");
    assert_true(view_find(buf_view(&list), VIEW("\"owned_by\":\"lab2\"")) != VIEW_NPOS);
    buf_done(&list);

    node_lists(node_of(fleet, 0, 0), "{\"data\":[{\"id\":\"org/big\"},{\"id\":\"small\"}]}");
    node_fails(node_of(fleet, 0, 0), 3, 3); /* a node that is down keeps its models */
    fleet_refresh(fleet);
    assert_true(list_models("", &list, &err));
    expect_ids(&list, "auto fast quo'te org/big inside/org/big small inside/small gpt-5-mini "
                      "outside/gpt-5-mini outside/small");
    buf_done(&list);
}

static void test_one(void **state)
{
    static const char *const there[] = {"auto", "fast", "small", "inside/small", "outside/small"};
    static const char *const not_there[] = {"claude-*", "claude-3", "inside/gpt-5-mini", "x",
                                            "Auto"};
    struct buf one;
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        char want[100];
        assert_true(list_models(there[i], &one, &err));
        snprintf(want, sizeof(want), "{\"id\":\"%s\",\"object\":\"model\",", there[i]);
        if (!view_starts(buf_view(&one), view_str(want)))
            fail_msg("%.*s", VIEW_ARG(buf_view(&one)));
        buf_done(&one);
    }
    for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++) {
        assert_false(list_models(not_there[i], &one, &err));
        assert_int_equal(err.code, ERROR_UNKNOWN_MODEL);
        assert_non_null(strstr(err.text, not_there[i]));
        assert_int_equal(one.len, 0);
        buf_done(&one);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_the_list), TEST(test_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
