/* A node: its breaker, the time that it asked for, its models and its hours. */
#include "support.h"

#define ONE "backends:\n  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n"

/* Each test has nodes of its own. */
static int teardown(void **state)
{
    (void)state;
    node_free_all();
    return 0;
}

static void test_the_breaker(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    struct error why;
    (void)state;

    error_quote(&why, ERROR_UPSTREAM_REFUSED, "it said", VIEW("my prompt"));
    assert_true(node_available(n, clock_mono_ns()));
    assert_false(node_failed(n, &why, breaker_rules(3), 0));
    assert_false(node_failed(n, &why, breaker_rules(3), 0));
    (void)node_answered(n, breaker_rules(3), 0); /* only failures in a row count */
    assert_false(node_failed(n, &why, breaker_rules(3), 0));
    assert_false(node_failed(n, &why, breaker_rules(3), 0));
    assert_true(node_available(n, clock_mono_ns()));
    assert_string_equal(node_history(n).why, "first seen");
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_UP);
    assert_true(node_failed(n, &why, breaker_rules(3), 0));
    assert_false(node_available(n, clock_mono_ns()));
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_OPEN);
    assert_string_equal(node_history(n).why, "failed too often in a row");
    assert_int_equal(node_history(n).failures, 3);
    assert_string_equal(n->last_error, "it said");           /* not the upstream's own words */
    assert_false(node_failed(n, &why, breaker_rules(3), 0)); /* it opens once */
    assert_int_equal(atomic_load(&n->opened_total), 1);
    assert_int_equal(atomic_load(&n->failures_total), 6);
    (void)node_answered(n, breaker_rules(3), 0);
    assert_true(node_available(n, clock_mono_ns()));
    assert_string_equal(n->last_error, "");
    assert_string_equal(node_history(n).why, "it answered again");
    assert_in_range(node_history(n).changed_ms, clock_wall_ms() - 10000, clock_wall_ms());
    assert_false(node_failed(n, &why, breaker_rules(3), 0)); /* and counts from the start again */
    fleet_unref(f);
}

static void test_an_open_node_is_tried_one_at_a_time(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    struct node_use a, b, c;
    (void)state;

    assert_true(node_begin(n, &a)); /* closed: any number */
    assert_true(node_begin(n, &b));
    assert_int_equal(atomic_load(&n->in_flight), 2);
    node_fails(n, 3, 3);
    assert_true(node_begin(n, &c)); /* open: one more, as a trial */
    assert_true(c.trial);
    struct node_use d = {0};
    assert_false(node_begin(n, &d));
    assert_null(d.node);
    assert_int_equal(atomic_load(&n->in_flight), 3);
    node_end(&a, 0); /* the end of another one is not the end of the trial */
    assert_false(node_begin(n, &d));
    node_end(&c, 0);
    assert_true(node_begin(n, &d));
    node_end(&d, 0);
    node_end(&d, 0); /* harmless */
    node_end(&b, 0);
    assert_int_equal(atomic_load(&n->in_flight), 0);
    assert_int_equal(atomic_load(&n->requests), 4);
    fleet_unref(f);
}

static void test_half_open(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    const struct config_breaker *rules = breaker_rules(3);
    struct error why = {.code = ERROR_UPSTREAM_REFUSED, .text = "cannot connect"};
    enum breaker_cause cause;
    struct node_use a, b;
    (void)state;

    assert_int_equal(node_look_ns(n, &cause), 0);
    assert_false(node_set_half_open(n, rules)); /* it is closed */
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_UP);
    node_fails(n, 3, 3);
    assert_true(node_look_ns(n, &cause) > clock_mono_ns());
    assert_int_equal(cause, BREAKER_CONNECT);
    assert_true(node_set_half_open(n, rules));
    assert_false(node_set_half_open(n, rules));
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_TRIAL);
    assert_true(node_available(n, clock_mono_ns()));
    assert_true(node_begin(n, &a));
    assert_false(node_available(n, clock_mono_ns())); /* somebody tries it */
    assert_false(node_begin(n, &b));
    node_end(&a, 0);
    assert_true(node_available(n, clock_mono_ns()));
    assert_true(node_failed(n, &why, rules, 0));
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_OPEN);
    assert_true(node_set_half_open(n, rules));
    (void)node_answered(n, rules, 0);
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_UP);
    assert_int_equal(atomic_load(&n->opened_total), 2);
    assert_true(node_gone(n, &why, rules)); /* without a failed request */
    assert_false(node_gone(n, &why, rules));
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_OPEN);
    fleet_unref(f);
}

/* It is no failure of the node, and yet nothing comes of asking it. */
static void test_a_refused_key(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    struct error why = {.code = ERROR_UPSTREAM_STATUS, .text = "lab answered 401", .own = 16};
    struct fleet_wish wish = {.model = VIEW("m")};
    struct fleet_wish despair = {.model = VIEW("m"), .desperate = true};
    struct fleet_tried tried = {0};
    (void)state;

    node_wrong_key(n, &why, false); /* of one model, perhaps */
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_UP);
    assert_string_equal(n->last_error, "lab answered 401");
    for (unsigned i = 0; i < 5; i++)
        node_wrong_key(n, &why, true);
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_REFUSED);
    assert_int_equal(atomic_load(&n->failures_total), 0);
    assert_int_equal(atomic_load(&n->opened_total), 0);
    assert_null(fleet_pick(f, &wish, &tried));
    assert_ptr_equal(fleet_pick(f, &despair, &tried), n);
    assert_true(node_key_taken(n));
    assert_false(node_key_taken(n));
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_UP);
    fleet_unref(f);
}

static void test_retry_after(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    struct error why = {.code = ERROR_UPSTREAM_STATUS, .text = "429"};
    int64_t now = clock_mono_ns();
    (void)state;

    (void)node_failed(n, &why, breaker_rules(3), 20000);
    assert_false(node_available(n, now));
    assert_false(node_available(n, now + 19 * NS_PER_S));
    assert_true(node_available(n, clock_mono_ns() + 21 * NS_PER_S));
    (void)node_answered(n, breaker_rules(3), 0); /* of a request that was sent before */
    assert_false(node_available(n, now + 19 * NS_PER_S));
    (void)node_failed(n, &why, breaker_rules(3), 1000); /* another one that asks for less */
    assert_false(node_available(n, now + 19 * NS_PER_S));
    (void)node_failed(n, &why, breaker_rules(3), 0);
    assert_false(node_available(n, now + 19 * NS_PER_S));
    fleet_unref(f);
}

static void test_models(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    (void)state;

    assert_null(node_models_ref(n));
    assert_true(node_lists(n, "{\"data\":[{\"id\":\"a\"}]}"));
    assert_false(node_lists(n, "{\"data\":[{\"id\":\"a\"}]}"));
    struct node_models *held = node_models_ref(n);
    assert_true(node_lists(n, "{\"data\":[{\"id\":\"a\",\"max_model_len\":5}]}"));
    assert_true(node_lists(n, "{\"data\":[{\"id\":\"b\",\"max_model_len\":5}]}"));
    assert_true(node_lists(n, "{\"data\":[]}"));
    expect_view(held->models[0].name, "a"); /* who holds a list keeps it */
    node_models_unref(held);
    node_models_unref(NULL);
    fleet_unref(f);
}

/* The same backend and address is the same node, whatever configuration names it. */
static void test_nodes_survive_a_reload(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    (void)state;

    node_fails(n, 3, 3);
    fleet_unref(f);
    f = fleet_of(ONE);
    assert_ptr_equal(node_of(f, 0, 0), n);
    assert_false(node_available(n, clock_mono_ns()));
    fleet_unref(f);
    static const char *const others[] = {
        "backends:\n  - {name: lab2, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n",
        "backends:\n  - {name: lab, side: inside, engine: ollama, url: 'http://127.0.0.1:1'}\n",
        "backends:\n  - {name: lab, side: outside, engine: vllm, url: 'http://127.0.0.1:1'}\n",
        "backends:\n  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:2'}\n",
        "backends:\n  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1', "
        "ca_file: "
        "/x.pem}\n",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        f = fleet_of(others[i]);
        assert_ptr_not_equal(node_of(f, 0, 0), n);
        assert_true(node_available(node_of(f, 0, 0), clock_mono_ns()));
        fleet_unref(f);
    }
}

/* Proxies are for the outside: an inside node never asks one. */
static void test_only_outside_nodes_have_proxies(void **state)
{
    (void)state;
    setenv("HTTPS_PROXY", "http://u:p@proxy.test:3128", 1);
    setenv("NO_PROXY", "near.test", 1);
    struct fleet *f = fleet_of(
        "backends:\n"
        "  - {name: in, side: inside, engine: vllm, url: 'https://a.test'}\n"
        "  - {name: out, side: outside, engine: openai, url: 'https://a.test', models: [m]}\n"
        "  - {name: plain, side: outside, engine: openai, url: 'http://a.test', models: [m]}\n"
        "  - {name: near, side: outside, engine: openai, url: 'https://x.near.test', models: "
        "[m]}\n");
    assert_int_equal(node_of(f, 0, 0)->origin.proxy.host.n, 0);
    expect_view(node_of(f, 1, 0)->origin.proxy.host, "proxy.test");
    assert_int_equal(node_of(f, 1, 0)->origin.proxy.port, 3128);
    expect_view(node_of(f, 1, 0)->origin.proxy.authorization, "Basic dTpw");
    assert_int_equal(node_of(f, 2, 0)->origin.proxy.host.n, 0);
    assert_int_equal(node_of(f, 3, 0)->origin.proxy.host.n, 0);
    fleet_unref(f);
    unsetenv("HTTPS_PROXY");
    unsetenv("NO_PROXY");
}

/* Two requests at the same time share each moment; what they used adds up to the busy time. */
static void test_shares_and_hours(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    struct node_use a, b;
    int64_t from, to, busy, from2, to2, busy2;
    (void)state;

    assert_int_equal(node_estimate_share_ns(n, 100), -1);
    assert_true(node_begin(n, &a));
    usleep(20000);
    assert_true(node_begin(n, &b));
    usleep(20000);
    int64_t share_a = node_end(&a, 100);
    int64_t share_b = node_end(&b, 0);
    assert_true(share_a - share_b >= 20 * NS_PER_MS); /* it was alone for so long */
    node_take_hours(n, &from, &to, &busy);
    assert_in_range(share_a + share_b, (uintmax_t)(busy * NS_PER_MS),
                    (uintmax_t)((busy + 1) * NS_PER_MS));
    assert_true(busy >= 39 && to - from >= 39 && from <= to);
    usleep(10000);
    node_take_hours(n, &from2, &to2, &busy2);
    assert_int_equal(from2, to); /* no gap and no overlap */
    assert_true(to2 - from2 >= 9);
    assert_int_equal(busy2, 0);
    /* One that still runs is busy time too, in each report its part. */
    assert_true(node_begin(n, &a));
    usleep(10000);
    node_take_hours(n, &from, &to, &busy);
    assert_true(busy >= 9);
    usleep(10000);
    node_end(&a, 0);
    node_take_hours(n, &from, &to, &busy2);
    assert_in_range(busy2, 9, to - from + 1);
    /* 100 tokens took share_a */
    assert_in_range(node_estimate_share_ns(n, 100), (uintmax_t)(share_a - 100),
                    (uintmax_t)(share_a + 100));
    assert_in_range(node_estimate_share_ns(n, 200), (uintmax_t)(2 * share_a - 200),
                    (uintmax_t)(2 * share_a + 200));
    fleet_unref(f);
}

static void test_the_time_to_the_first_token(void **state)
{
    struct fleet *f = fleet_of(ONE);
    struct node *n = node_of(f, 0, 0);
    (void)state;

    assert_int_equal(node_history(n).first_token_p50_ms, -1);
    for (unsigned i = 0; i < 19; i++)
        node_first_token(n, 100 * NS_PER_MS);
    assert_int_equal(node_first_token_p95(n), -1); /* too few to say what is late */
    assert_in_range(node_history(n).first_token_p50_ms, 93, 107);
    for (unsigned i = 0; i < 3; i++)
        node_first_token(n, 2000 * NS_PER_MS);
    assert_in_range(node_first_token_p95(n), 1860 * NS_PER_MS, 2140 * NS_PER_MS);
    assert_in_range(node_history(n).first_token_p50_ms, 93, 107);
    assert_in_range(node_history(n).first_token_p95_ms, 1860, 2140);
    fleet_unref(f);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_breaker),
        TEST(test_an_open_node_is_tried_one_at_a_time),
        TEST(test_half_open),
        TEST(test_a_refused_key),
        TEST(test_retry_after),
        TEST(test_models),
        TEST(test_nodes_survive_a_reload),
        TEST(test_only_outside_nodes_have_proxies),
        TEST(test_shares_and_hours),
        TEST(test_the_time_to_the_first_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
