/* A fleet: what the policy sees of it, and which node is asked next. */
#include "support.h"

#define TWO                                                                            \
    "backends:\n"                                                                      \
    "  - name: lab\n"                                                                  \
    "    side: inside\n"                                                               \
    "    engine: vllm\n"                                                               \
    "    nodes: ['http://127.0.0.1:1', 'http://127.0.0.1:2']\n"                        \
    "  - {name: out, side: outside, engine: openai, url: 'https://api.test', models: " \
    "[gpt-5-mini]}\n"

static struct node *pick(struct fleet *f, const char *model, bool desperate,
                         struct fleet_tried *tried)
{
    struct fleet_wish wish = {0, view_str(model), desperate, 0};

    return fleet_pick(f, &wish, tried);
}

static int teardown(void **state)
{
    (void)state;
    node_free_all();
    return 0;
}

static struct policy_backend *see(struct fleet *f, struct arena *a, unsigned backend)
{
    struct policy_fleet view;
    assert_true(fleet_view(f, a, &view));
    assert_true(backend < view.n_backends);
    return &view.backends[backend];
}

static void expect_model(const struct policy_backend *b, unsigned i, const char *name,
                         uint32_t window, bool loaded)
{
    assert_true(i < b->n_models);
    expect_view(b->models[i].name, name);
    assert_int_equal(b->models[i].window, window);
    assert_int_equal(b->models[i].loaded, loaded);
}

static void test_models_of_all_nodes(void **state)
{
    struct fleet *f = fleet_of(TWO);
    struct arena *a = arena_new(1 << 20);
    (void)state;

    assert_false(fleet_known(f));
    assert_int_equal(see(f, a, 0)->n_models, 0);
    node_lists(node_of(f, 0, 0), "{\"data\":[{\"id\":\"a\",\"max_model_len\":8192},{\"id\":\"b\"},"
                                 "{\"id\":\"d\",\"max_model_len\":100}]}");
    node_lists(node_of(f, 0, 1), "{\"data\":[{\"id\":\"c\"},{\"id\":\"a\",\"max_model_len\":4096},"
                                 "{\"id\":\"b\",\"max_model_len\":512},{\"id\":\"d\"}]}");
    struct policy_backend *before = see(f, a, 0);
    assert_int_equal(before->n_models, 0); /* until it is made anew */
    fleet_refresh(f);
    struct policy_backend *b = see(f, a, 0);
    assert_int_equal(before->n_models, 0);
    assert_int_equal(b->n_models, 4);
    expect_model(b, 0, "a", 8192, true); /* the largest: fleet_pick() passes over the others */
    expect_model(b, 1, "b", 512, true);
    expect_model(b, 2, "d", 100, true);
    expect_model(b, 3, "c", 0, true);
    expect_view(b->name, "lab");
    assert_int_equal(b->side, SIDE_INSIDE);
    assert_int_equal(b->engine, ENGINE_VLLM);
    b = see(f, a, 1);
    assert_int_equal(b->n_models, 1);
    expect_view(b->models[0].name, "gpt-5-mini");
    assert_int_equal(b->side, SIDE_OUTSIDE);
    fleet_set_known(f);
    assert_true(fleet_known(f));
    fleet_unref(f);
    expect_view(before->name, "lab"); /* a view outlives its fleet's own */
    arena_free(a);
}

/* What the config says goes before what the engine says. */
static void test_named_models(void **state)
{
    struct fleet *f = fleet_of("backends:\n"
                               "  - name: lab\n"
                               "    side: inside\n"
                               "    engine: vllm\n"
                               "    url: http://127.0.0.1:1\n"
                               "    models:\n"
                               "      - {name: own, window: 1000, abilities: [tools]}\n"
                               "      - theirs\n"
                               "      - nobodys\n"
                               "      - {name: none, abilities: []}\n"
                               "  - name: ol\n"
                               "    side: inside\n"
                               "    engine: ollama\n"
                               "    url: http://127.0.0.1:2\n"
                               "    models: [asleep, awake, tagless, 'tagged:7b']\n");
    struct arena *a = arena_new(1 << 20);
    (void)state;

    node_lists(node_of(f, 0, 0), "{\"data\":[{\"id\":\"theirs\",\"max_model_len\":2000},"
                                 "{\"id\":\"own\",\"max_model_len\":9000}]}");
    struct node_models *m = models_new();
    struct error err;
    assert_true(models_from_ollama(
        VIEW(
            "{\"models\":[{\"name\":\"asleep\"},{\"name\":\"awake\"},{\"name\":\"tagless:latest\"},"
            "{\"name\":\"tagged\"}]}"),
        VIEW("{\"models\":[{\"name\":\"awake\",\"context_length\":32768},"
             "{\"name\":\"tagless:latest\",\"context_length\":16384},"
             "{\"name\":\"tagged\",\"context_length\":16384}]}"),
        m, &err));
    node_set_models(node_of(f, 1, 0), m);
    fleet_refresh(f);

    struct policy_backend *b = see(f, a, 0);
    assert_int_equal(b->n_models, 4);
    expect_model(b, 0, "own", 1000, true);
    assert_int_equal(b->models[0].abilities, ABILITY_TOOLS);
    expect_model(b, 1, "theirs", 2000, true);
    assert_int_equal(b->models[1].abilities, ABILITY_TOOLS | ABILITY_IMAGES | ABILITY_SCHEMA);
    expect_model(b, 2, "nobodys", 0, false);
    assert_int_equal(b->models[3].abilities, 0);
    b = see(f, a, 1);
    expect_model(b, 0, "asleep", 4096, false);
    expect_model(b, 1, "awake", 32768, true);
    expect_model(b, 2, "tagless", 16384, true);
    expect_model(b, 3, "tagged:7b", 4096, false); /* another model than tagged:latest */
    arena_free(a);
    fleet_unref(f);
}

/* A prompt goes where it fits, as far as the windows are known. */
static void test_windows_of_nodes(void **state)
{
    struct fleet *f = fleet_of("backends:\n"
                               "  - name: lab\n"
                               "    side: inside\n"
                               "    engine: ollama\n"
                               "    nodes: ['http://127.0.0.1:1', 'http://127.0.0.1:2', "
                               "'http://127.0.0.1:3']\n");
    static const struct {
        const char *model;
        uint32_t tokens;
        unsigned nodes; /* bits of those that are picked, one after the other */
    } table[] = {
        {"a", 0, 07},    {"a", 100, 07},  {"a", 4096, 07},       {"a", 4097, 06},
        {"a", 8192, 06}, {"a", 8193, 04}, {"a:latest", 9000, 0}, {"b", 600, 04},
    };
    (void)state;

    node_lists(node_of(f, 0, 0), "{\"data\":[{\"id\":\"a\",\"max_model_len\":4096},"
                                 "{\"id\":\"b\",\"max_model_len\":512}]}");
    node_lists(node_of(f, 0, 1), "{\"data\":[{\"id\":\"a\",\"max_model_len\":8192},"
                                 "{\"id\":\"a:latest\",\"max_model_len\":512}]}");
    node_lists(node_of(f, 0, 2), "{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"); /* not known */
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fleet_wish wish = {0, view_str(table[i].model), false, table[i].tokens};
        struct fleet_tried tried = {0};
        while (fleet_pick(f, &wish, &tried))
            ;
        if (tried.bits[0] != table[i].nodes)
            fail_msg("row %zu: %llo", i, (unsigned long long)tried.bits[0]);
    }
    assert_int_equal(fleet_window(node_of(f, 0, 1), VIEW("a")), 8192);
    assert_int_equal(fleet_window(node_of(f, 0, 2), VIEW("a")), 0);
    assert_int_equal(fleet_window(node_of(f, 0, 2), VIEW("c")), 0);
    fleet_unref(f);
}

static void test_availability(void **state)
{
    struct fleet *f = fleet_of(TWO);
    struct arena *a = arena_new(1 << 20);
    struct error why = {.code = ERROR_UPSTREAM_STATUS, .text = "429"};
    (void)state;

    assert_true(see(f, a, 0)->available);
    node_fails(node_of(f, 0, 0), 3, 3);
    assert_true(see(f, a, 0)->available); /* the other node is there */
    assert_int_equal(fleet_retry_at(f, 0), TIMER_NEVER);
    (void)node_failed(node_of(f, 0, 1), &why, breaker_rules(3), 60000);
    assert_false(see(f, a, 0)->available);
    assert_true(see(f, a, 1)->available);
    assert_in_range(fleet_retry_at(f, 0), (uintmax_t)(clock_mono_ns() + 59 * NS_PER_S),
                    (uintmax_t)(clock_mono_ns() + 60 * NS_PER_S));
    (void)node_answered(node_of(f, 0, 0), breaker_rules(3), 0);
    assert_true(see(f, a, 0)->available);
    arena_free(a);
    fleet_unref(f);
}

static void test_the_least_busy_node_goes_first(void **state)
{
    struct fleet *f = fleet_of(TWO);
    struct node *first = node_of(f, 0, 0), *second = node_of(f, 0, 1);
    struct node_use a, b, c;
    struct fleet_tried tried = {0};
    (void)state;

    assert_ptr_equal(pick(f, "m", false, &tried), first);
    assert_ptr_equal(pick(f, "m", false, &tried), second);
    assert_null(pick(f, "m", false, &tried));
    assert_int_equal(tried.bits[0], 3);
    assert_true(node_begin(first, &a));
    tried = (struct fleet_tried){0};
    assert_ptr_equal(pick(f, "m", false, &tried), second);
    assert_int_equal(tried.bits[0], 2);
    assert_ptr_equal(pick(f, "m", false, &tried), first);
    assert_true(node_begin(second, &b) && node_begin(second, &c));
    tried = (struct fleet_tried){0};
    assert_ptr_equal(pick(f, "m", false, &tried), first);
    node_end(&a, 0);
    node_end(&b, 0);
    node_end(&c, 0);
    fleet_unref(f);
}

static void test_only_nodes_that_have_the_model(void **state)
{
    struct fleet *f = fleet_of(TWO);
    struct node *first = node_of(f, 0, 0), *second = node_of(f, 0, 1);
    struct fleet_tried tried = {0};
    (void)state;

    node_lists(first, "{\"data\":[{\"id\":\"a\"}]}");
    assert_ptr_equal(pick(f, "b", false, &tried), second); /* it did not say yet */
    tried = (struct fleet_tried){0};
    node_lists(second, "{\"data\":[{\"id\":\"b\"}]}");
    assert_ptr_equal(pick(f, "a", false, &tried), first);
    assert_null(pick(f, "a", true, &tried));
    tried = (struct fleet_tried){0};
    assert_ptr_equal(pick(f, "b", false, &tried), second);
    tried = (struct fleet_tried){0};
    assert_null(pick(f, "c", false, &tried));
    assert_int_equal(tried.bits[0], 0);
    fleet_unref(f);
}

static void test_open_nodes_are_for_the_desperate(void **state)
{
    struct fleet *f = fleet_of(TWO);
    struct node *first = node_of(f, 0, 0), *second = node_of(f, 0, 1);
    struct error why = {.code = ERROR_UPSTREAM_STATUS, .text = "503"};
    struct fleet_tried tried = {0};
    (void)state;

    node_fails(first, 3, 3);
    assert_ptr_equal(pick(f, "m", false, &tried), second);
    assert_null(pick(f, "m", false, &tried));
    assert_ptr_equal(pick(f, "m", true, &tried), first);
    assert_null(pick(f, "m", true, &tried));
    /* Who asked us to wait is not asked, whoever is desperate. */
    (void)node_failed(first, &why, breaker_rules(3), 60000);
    (void)node_failed(second, &why, breaker_rules(3), 60000);
    tried = (struct fleet_tried){0};
    assert_null(pick(f, "m", false, &tried));
    assert_null(pick(f, "m", true, &tried));
    fleet_unref(f);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_models_of_all_nodes),
        TEST(test_named_models),
        TEST(test_windows_of_nodes),
        TEST(test_availability),
        TEST(test_the_least_busy_node_goes_first),
        TEST(test_only_nodes_that_have_the_model),
        TEST(test_open_nodes_are_for_the_desperate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
