/* An engine that starts, told from one that is dead: what needs no network. */
#include "fleet/loading.h"

#include "support.h"

#include <errno.h>
#include <string.h>

#define FLEET                                                                    \
    "backends:\n"                                                                \
    "  - {name: a, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n"     \
    "  - {name: b, side: inside, engine: ollama, url: 'http://127.0.0.1:1'}\n"   \
    "  - {name: c, side: inside, engine: llamacpp, url: 'http://127.0.0.1:1'}\n" \
    "  - {name: d, side: outside, engine: vllm, url: 'http://127.0.0.1:1'}\n"

static struct node *pick(struct fleet *f, const char *model, bool desperate,
                         struct fleet_tried *tried)
{
    struct fleet_wish wish = {.model = view_str(model), .desperate = desperate};

    return fleet_pick(f, &wish, tried);
}

static struct error refused(int number)
{
    struct error e = {0};
    error_set(&e, ERROR_UPSTREAM_REFUSED, "cannot connect: %s", strerror(number));
    return e;
}

static bool found(struct fleet *f, unsigned backend, const struct error *why, int64_t *since)
{
    return loading_found(f, node_of(f, backend, 0), &fleet_config(f)->backends[backend], why,
                         since);
}

static void test_vllm_listens_when_it_is_ready(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct error nobody = refused(ECONNREFUSED), gone = refused(EHOSTUNREACH);
    struct error timeout = {.code = ERROR_UPSTREAM_TIMEOUT, .text = "no connection in time"};
    int64_t since = 0, now = clock_mono_ns();
    (void)state;

    assert_true(found(f, 0, &nobody, &since));
    assert_true(since >= now);
    since = now - 590 * NS_PER_S;
    assert_true(found(f, 0, &nobody, &since));
    since = now - 601 * NS_PER_S;
    assert_false(found(f, 0, &nobody, &since)); /* it is dead after all */
    assert_false(found(f, 0, &nobody, &since)); /* and stays so */
    assert_false(found(f, 0, &gone, &since));
    assert_false(found(f, 0, &timeout, &since));
    assert_true(found(f, 0, &nobody, &since)); /* the machine came back, and begins anew */
    for (unsigned i = 1; i < 4; i++)
        assert_false(found(f, i, &nobody, &since)); /* the others answer from the start */
    fleet_unref(f);
    node_free_all();
}

/* It came up once, so that it is dead now: who restarts it sees it open, and back at once. */
static void test_vllm_that_was_up_is_not_loading(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct error nobody = refused(ECONNREFUSED);
    int64_t since = 0;
    (void)state;

    assert_true(found(f, 0, &nobody, &since));
    assert_false(node_seen(node_of(f, 0, 0)));
    assert_false(found(f, 0, &nobody, &since));
    fleet_unref(f);
    node_free_all();
}

static void test_a_load_takes_as_long_as_the_last_ones(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct node *n = node_of(f, 0, 0);
    (void)state;

    assert_int_equal(node_loading_rest_ns(n, clock_mono_ns()), -1);
    assert_true(node_set_loading(n, true));
    int64_t began = n->loading_since_ns;
    assert_int_equal(node_loading_rest_ns(n, began + 10 * NS_PER_S), 20 * NS_PER_S); /* unknown */
    assert_int_equal(node_loading_rest_ns(n, began + 40 * NS_PER_S), 20 * NS_PER_S); /* late */
    n->loading_since_ns -= 100 * NS_PER_S;
    assert_true(node_seen(n));
    assert_false(node_seen(n));
    assert_true(node_set_loading(n, true));
    began = n->loading_since_ns;
    assert_in_range(node_loading_rest_ns(n, began), 100 * NS_PER_S, 101 * NS_PER_S);
    n->loading_since_ns -= 50 * NS_PER_S;
    assert_true(node_set_loading(n, false)); /* it died: that is no measure */
    assert_true(node_set_loading(n, true));
    assert_in_range(node_loading_rest_ns(n, n->loading_since_ns), 100 * NS_PER_S, 101 * NS_PER_S);
    n->loading_since_ns -= 50 * NS_PER_S;
    assert_true(node_seen(n));
    assert_true(node_set_loading(n, true));
    assert_in_range(node_loading_rest_ns(n, n->loading_since_ns), 75 * NS_PER_S, 76 * NS_PER_S);
    fleet_unref(f);
    node_free_all();
}

static void test_a_loading_node_is_not_asked(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct node *n = node_of(f, 0, 0);
    struct fleet_tried tried = {0};
    (void)state;

    assert_true(node_set_loading(n, true));
    assert_false(node_set_loading(n, true));
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_LOADING);
    assert_false(node_available(n, clock_mono_ns()));
    assert_null(pick(f, "m", false, &tried));
    assert_null(pick(f, "m", true, &tried)); /* it would answer nothing: it is waited for */
    (void)node_answered(n, breaker_rules(3), 0);
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_UP);
    fleet_unref(f);
    node_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vllm_listens_when_it_is_ready),
        cmocka_unit_test(test_vllm_that_was_up_is_not_loading),
        cmocka_unit_test(test_a_load_takes_as_long_as_the_last_ones),
        cmocka_unit_test(test_a_loading_node_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
