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
    struct fleet_wish wish = {.model = view_str(model), .desperate = desperate};

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
        struct fleet_wish wish = {.model = view_str(table[i].model), .tokens = table[i].tokens};
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
    int64_t before = clock_mono_ns();
    (void)node_failed(node_of(f, 0, 1), &why, breaker_rules(3), 60000);
    int64_t after = clock_mono_ns();
    assert_false(see(f, a, 0)->available);
    assert_true(see(f, a, 1)->available);
    assert_in_range(fleet_retry_at(f, 0), (uintmax_t)(before + 60 * NS_PER_S),
                    (uintmax_t)(after + 60 * NS_PER_S));
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

    struct node *one = pick(f, "m", false, &tried), *other = pick(f, "m", false, &tried);
    assert_true((one == first && other == second) || (one == second && other == first));
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

/* How often each node of the backend is picked first, of a thousand times. */
static void count_picks(struct fleet *f, const char *model, unsigned *ret_times)
{
    struct fleet_set *set = fleet_set_ref(f, 0);

    for (unsigned i = 0; i < set->n; i++)
        ret_times[i] = 0;
    for (unsigned k = 0; k < 1000; k++) {
        struct fleet_tried tried = {0};
        struct node *picked = pick(f, model, false, &tried);
        for (unsigned i = 0; i < set->n; i++)
            ret_times[i] += set->nodes[i].node == picked;
    }
    fleet_set_unref(set);
}

static void test_weights_share(void **state)
{
    struct fleet *f = fleet_of("backends:\n"
                               "  - name: lab\n"
                               "    side: inside\n"
                               "    engine: vllm\n"
                               "    models: [m]\n"
                               "    nodes:\n"
                               "      - {url: 'http://127.0.0.1:1', weight: 300}\n"
                               "      - {url: 'http://127.0.0.1:2', weight: 100}\n");
    unsigned times[2];
    (void)state;

    count_picks(f, "m", times);
    assert_in_range(times[0], 680, 820);
    fleet_unref(f);
}

#define ZONES(own)                                          \
    own "backends:\n"                                       \
        "  - name: lab\n"                                   \
        "    side: inside\n"                                \
        "    engine: vllm\n"                                \
        "    models: [m]\n"                                 \
        "    nodes:\n"                                      \
        "      - {url: 'http://127.0.0.1:1', zone: east}\n" \
        "      - {url: 'http://127.0.0.1:2', zone: west}\n" \
        "      - 'http://127.0.0.1:3'\n"                    \
        "      - {url: 'http://127.0.0.1:4', zone: west}\n"

static void test_the_own_zone_goes_first(void **state)
{
    static const struct {
        const char *yaml;
        bool asked[4];
    } cases[] = {
        {ZONES(""), {true, true, true, true}},
        {ZONES("zone: west\n"), {false, true, false, true}},
        {ZONES("zone: east\n"), {true, false, false, false}},
        {ZONES("zone: north\n"), {true, true, true, true}}, /* nobody is there */
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fleet *f = fleet_of(cases[i].yaml);
        unsigned times[4];
        count_picks(f, "m", times);
        for (unsigned k = 0; k < 4; k++)
            assert_int_equal(times[k] > 0, cases[i].asked[k]);
        fleet_unref(f);
    }
}

/* However busy the own zone is; when it is down, or was tried, the others are asked. */
static void test_the_other_zones_are_behind_it(void **state)
{
    struct fleet *f = fleet_of(ZONES("zone: west\n"));
    struct node *second = node_of(f, 0, 1), *fourth = node_of(f, 0, 3), *n;
    struct fleet_tried tried = {0};
    struct node_use use[20];
    unsigned times[4];
    (void)state;

    for (unsigned i = 0; i < 20; i++)
        assert_true(node_begin(i % 2 ? second : fourth, &use[i]));
    count_picks(f, "m", times);
    assert_int_equal(times[1] + times[3], 1000);
    for (unsigned i = 0; i < 4; i++) {
        n = pick(f, "m", false, &tried);
        assert_int_equal(n == second || n == fourth, i < 2);
    }
    assert_null(pick(f, "m", false, &tried));
    node_fails(second, 3, 3);
    node_fails(fourth, 3, 3);
    count_picks(f, "m", times);
    assert_true(times[0] > 300 && times[2] > 300);
    for (unsigned i = 0; i < 20; i++)
        node_end(&use[i], 0);
    fleet_unref(f);
}

static struct fleet *large_fleet(unsigned n, const char *engine, const char *models)
{
    struct buf yaml = BUF_MAX(64 * 1024);

    buf_printf(&yaml, "backends:\n  - {name: lab, side: inside, engine: %s, %snodes: [", engine,
               models);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&yaml, "%shttp://127.0.0.1:%u", i ? ", " : "", 1000 + i);
    buf_append(&yaml, view_of("]}\n", sizeof("]}\n")));
    struct fleet *f = fleet_of(yaml.p);
    buf_done(&yaml);
    return f;
}

/* Of a large fleet only some nodes are compared, but each has its turn and is asked once. */
static void test_large_fleets(void **state)
{
    static const unsigned sizes[] = {13, 100, 200, 255, 256};
    unsigned times[256];
    (void)state;

    for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct fleet *f = large_fleet(sizes[k], "vllm", "models: [m], ");
        struct fleet_tried tried = {0};
        for (unsigned i = 0; i < sizes[k]; i++)
            assert_non_null(pick(f, "m", false, &tried));
        assert_null(pick(f, "m", false, &tried));
        count_picks(f, "m", times);
        unsigned most = 0;
        for (unsigned i = 0; i < sizes[k]; i++)
            most = times[i] > most ? times[i] : most;
        assert_true(most <= 1000 / sizes[k] * 2 + 12);
        fleet_unref(f);
        node_free_all();
    }
}

static void test_the_one_that_has_the_model_is_found(void **state)
{
    struct fleet *f = large_fleet(200, "vllm", "");
    unsigned times[200];
    (void)state;

    for (unsigned i = 0; i < 200; i++)
        node_lists(node_of(f, 0, i), i == 137 ? "{\"data\":[{\"id\":\"a\"},{\"id\":\"m\"}]}"
                                              : "{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}");
    count_picks(f, "m", times);
    assert_int_equal(times[137], 1000);
    fleet_unref(f);
}

/* A model that must be loaded first is asked for where it is loaded, until that takes longer. */
static void test_loading_has_its_price(void **state)
{
    struct fleet *f = fleet_of("backends:\n"
                               "  - name: lab\n"
                               "    side: inside\n"
                               "    engine: ollama\n"
                               "    nodes: ['http://127.0.0.1:1', 'http://127.0.0.1:2']\n");
    struct view tags = VIEW("{\"models\":[{\"name\":\"m:latest\"},{\"name\":\"other\"}]}");
    struct view loaded = VIEW("{\"models\":[{\"name\":\"m:latest\",\"context_length\":4096}]}");
    struct node *asleep = node_of(f, 0, 0), *awake = node_of(f, 0, 1);
    struct node_use use[64];
    struct error err;
    unsigned times[2];
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        struct node_models *m = models_new();
        assert_true(models_from_ollama(tags, i ? loaded : VIEW("{\"models\":[]}"), m, &err));
        (void)node_set_models(node_of(f, 0, i), m);
    }
    count_picks(f, "m", times); /* written without its tag */
    assert_int_equal(times[1], 1000);
    count_picks(f, "m:latest", times);
    assert_int_equal(times[1], 1000);
    for (unsigned i = 0; i < 64; i++)
        assert_true(node_begin(awake, &use[i]));
    count_picks(f, "m", times); /* 64 requests of unknown length count a second each */
    assert_int_equal(times[0], 1000);
    assert_true(node_begin(asleep, &use[0]));
    node_end(&use[0], 1);
    assert_int_not_equal(pace_loading_ns(&asleep->pace), 10 * NS_PER_S);
    fleet_unref(f);
}

/* A node that is back is given less at first. */
static void test_slow_start(void **state)
{
    static const char yaml[] = TWO "balance: {slow_start: %s}\n";
    static const struct {
        const char *slow_start;
        unsigned least, most; /* of 1000, while the other one is long there */
    } cases[] = {{"1h", 50, 140}, {"0ms", 430, 570}};
    char text[1024];
    unsigned times[2];
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        snprintf(text, sizeof(text), yaml, cases[i].slow_start);
        struct fleet *f = fleet_of(text);
        struct node *first = node_of(f, 0, 0), *second = node_of(f, 0, 1);
        count_picks(f, "m", times);
        assert_in_range(times[0], 430, 570); /* both are new */
        pace_start(&second->pace, clock_mono_ns() - 7200 * NS_PER_S);
        node_fails(first, 3, 3);
        (void)node_answered(first, breaker_rules(3), 0);
        count_picks(f, "m", times);
        assert_in_range(times[0], cases[i].least, cases[i].most);
        fleet_unref(f);
        node_free_all();
    }
}

static void test_a_prompt_goes_back_to_its_node(void **state)
{
    static char text[2000];
    struct fleet *f = large_fleet(200, "vllm", "models: [m], ");
    struct affinity *a = affinity_new();
    struct llm_message messages[] = {{.role = LLM_USER, .text = {text, sizeof(text)}}};
    struct llm_request request = {.messages = messages, .n_messages = 1};
    struct affinity_prompt prompt;
    struct fleet_wish wish = {.model = VIEW("m"), .affinity = a, .prompt = &prompt};
    struct node_use use;
    (void)state;

    affinity_read(&request, &prompt);
    struct fleet_tried tried = {0};
    struct node *keeper = fleet_pick(f, &wish, &tried);
    for (unsigned i = 0; i < 50; i++) {
        tried = (struct fleet_tried){0};
        assert_ptr_equal(fleet_pick(f, &wish, &tried), keeper);
    }
    /* One request there is as long as the margin allows, two are not. */
    assert_true(node_begin(keeper, &use));
    tried = (struct fleet_tried){0};
    assert_ptr_equal(fleet_pick(f, &wish, &tried), keeper);
    assert_true(node_begin(keeper, &use));
    tried = (struct fleet_tried){0};
    struct node *next = fleet_pick(f, &wish, &tried);
    assert_ptr_not_equal(next, keeper);
    tried = (struct fleet_tried){0};
    assert_ptr_equal(fleet_pick(f, &wish, &tried), next);
    /* Nor is one that is out of service. */
    node_set_duty(next, DUTY_CORDON);
    tried = (struct fleet_tried){0};
    assert_ptr_not_equal(fleet_pick(f, &wish, &tried), next);
    affinity_free(a);
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
        TEST(test_weights_share),
        TEST(test_the_own_zone_goes_first),
        TEST(test_the_other_zones_are_behind_it),
        TEST(test_large_fleets),
        TEST(test_the_one_that_has_the_model_is_found),
        TEST(test_loading_has_its_price),
        TEST(test_slow_start),
        TEST(test_a_prompt_goes_back_to_its_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
