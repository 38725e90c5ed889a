/* Nodes that have different models under one name. */
#include "support.h"

#define FLEET                                                                            \
    "backends:\n"                                                                        \
    "  - {name: a, side: inside, engine: ollama, nodes: ['http://a:1', 'http://a:2']}\n" \
    "  - {name: b, side: inside, engine: ollama, url: 'http://b:1'}\n"                   \
    "  - {name: c, side: inside, engine: vllm, url: 'http://c:1'}\n"

static void has(struct node *n, const char *model, const char *digest)
{
    struct node_models *m = models_new();
    struct error err;
    char tags[256];

    snprintf(tags, sizeof(tags), "{\"models\":[{\"name\":\"%s\",\"digest\":\"%s\"}]}", model,
             digest);
    assert_true(models_from_ollama(view_str(tags), VIEW("{\"models\":[]}"), m, &err));
    (void)node_set_models(n, m);
}

static void count(const struct fleet_difference *d, void *arg)
{
    unsigned *n = arg;

    expect_view(d->model, "m");
    assert_false(view_eq(d->digest_a, d->digest_b));
    ++*n;
}

static void test_differences(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct node *a1 = node_of(f, 0, 0), *a2 = node_of(f, 0, 1), *b = node_of(f, 1, 0);
    unsigned n = 0;
    (void)state;

    assert_int_equal(fleet_each_difference(f, count, &n), 0); /* nothing is known yet */
    has(a1, "m", "x");
    has(a2, "m", "x");
    has(b, "other", "y");
    has(node_of(f, 2, 0), "m", "z"); /* another engine's digests mean something else */
    assert_int_equal(fleet_each_difference(f, count, &n), 0);
    has(a2, "m", "");
    assert_int_equal(fleet_each_difference(f, count, &n), 0);
    assert_int_equal(n, 0);

    has(a2, "m", "y");
    uint64_t first = fleet_each_difference(f, count, &n);
    assert_int_equal(n, 1);
    assert_true(first != 0);
    assert_true(fleet_each_difference(f, NULL, NULL) == first);
    has(b, "m", "y"); /* across backends too */
    n = 0;
    assert_true(fleet_each_difference(f, count, &n) != first);
    assert_int_equal(n, 2);
    fleet_unref(f);
    node_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
