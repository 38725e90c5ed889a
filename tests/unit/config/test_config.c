/* Whole snapshots: examples, defaults, the round trip, the table, reload, discovery. */
#include "config/config.h"

#include "config/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GOOD         "backends:\n  - {name: a, side: inside, engine: vllm, url: http://h:1}\n"

static struct config *load(const char *yaml)
{
    struct error err = {0};
    struct config *c = config_load("weir.yaml", view_str(yaml), &err);

    if (!c)
        print_error("%s\n%s\n", err.text, err.hint);
    assert_non_null(c);
    return c;
}

static struct config *load_example(const char *name)
{
    char path[4096];
    struct error err = {0};

    snprintf(path, sizeof(path), "%s/examples/%s", getenv("WEIR_SOURCE"), name);
    struct config *c = config_load(path, VIEW_NONE, &err);
    if (!c)
        print_error("%s\n%s\n", err.text, err.hint);
    assert_non_null(c);
    assert_int_equal(config_warnings(c).n, 0);
    return c;
}

static void expect(struct view v, const char *text)
{
    if (!view_eq(v, view_str(text)))
        print_error("'%.*s' is not '%s'\n", VIEW_ARG(v), text);
    assert_true(view_eq(v, view_str(text)));
}

static void test_defaults(void **state)
{
    struct error err = {0};
    struct config *c = config_defaults(&err);

    (void)state;
    assert_non_null(c);
    expect(c->listen.text, "127.0.0.1:8484");
    expect(c->admin.text, "127.0.0.1:8485");
    expect(c->path, "");
    assert_int_equal(c->loops, 0);
    assert_false(c->insecure);
    assert_int_equal(c->n_backends, 0);
    assert_int_equal(c->max_body, 32 << 20);
    assert_int_equal(c->max_head, 64 << 10);
    assert_int_equal(c->max_answer, 32 << 20);
    assert_int_equal(c->max_connections, 10000);
    assert_int_equal(c->head_ms, 30000);
    assert_int_equal(c->body_ms, 60000);
    assert_int_equal(c->keepalive_ms, 75000);
    assert_int_equal(c->client_stall_ms, 60000);
    assert_int_equal(c->drain_ms, 30000);
    assert_int_equal(c->connect_ms, 2000);
    assert_int_equal(c->first_token_ms, 60000);
    assert_int_equal(c->between_tokens_ms, 30000);
    assert_int_equal(c->total_ms, 600000);
    assert_int_equal(c->breaker.failures, 3);
    assert_int_equal(c->breaker.open_ms, 10000);
    assert_int_equal(c->probe_interval_ms, 5000);
    assert_true(c->hedge_share == 0); /* off */
    assert_int_equal(c->hedge_after_min_ms, 100);
    expect(c->ledger_path, "weir.db");
    assert_int_equal(c->ledger_sync, LEDGER_SYNC_NORMAL);
    assert_true(c->ledger_required);
    config_unref(c);
}

static void test_inside_networks(void **state)
{
    static const char *const inside[] = {"127.0.0.1",   "::1",         "10.1.2.3",
                                         "172.16.0.1",  "192.168.1.1", "fd12::1",
                                         "169.254.1.1", "fe80::1",     "100.64.0.1"};
    static const char *const outside[] = {"8.8.8.8",        "172.32.0.1", "2001:db8::1",
                                          "100.63.255.255", "192.0.2.1",  "0.0.0.0"};
    struct config *c = load(GOOD);
    struct network_address a;
    (void)state;

    for (size_t i = 0; i < COUNT(inside); i++) {
        assert_true(network_address_parse(view_str(inside[i]), &a));
        assert_true(networks_hold(c->inside_networks, c->n_inside_networks, &a));
    }
    for (size_t i = 0; i < COUNT(outside); i++) {
        assert_true(network_address_parse(view_str(outside[i]), &a));
        assert_false(networks_hold(c->inside_networks, c->n_inside_networks, &a));
    }
    config_unref(c);
    c = load("backends:\n  - {name: a, side: inside, engine: vllm, url: http://192.0.2.1:1}\n"
             "  - {name: b, side: outside, engine: openai, url: https://h}\n"
             "perimeter: {inside_networks: [192.0.2.0/24]}\n");
    assert_int_equal(c->backends[0].n_networks, 1);
    assert_int_equal(c->backends[1].n_networks, 0); /* the outside may be anywhere */
    config_unref(c);
}

static void test_small_example(void **state)
{
    struct config *c = load_example("small.yaml");

    (void)state;
    assert_int_equal(c->n_backends, 2);
    const struct config_backend *lab = &c->backends[0], *openai = &c->backends[1];
    expect(lab->name, "lab");
    assert_int_equal(lab->side, SIDE_INSIDE);
    assert_int_equal(lab->engine, ENGINE_VLLM);
    assert_int_equal(lab->n_nodes, 2);
    expect(lab->nodes[1].url.host, "10.0.0.8");
    assert_int_equal(lab->nodes[1].url.port, 8000);
    assert_int_equal(lab->n_models, 0);
    assert_int_equal(lab->key.n, 0);
    assert_int_equal(openai->side, SIDE_OUTSIDE);
    assert_int_equal(openai->engine, ENGINE_OPENAI);
    assert_true(openai->nodes[0].url.tls);
    expect(openai->key, "sk-test-0123456789");
    expect(openai->key_shown, "${OPENAI_API_KEY}");
    assert_int_equal(openai->n_models, 1);
    expect(openai->models[0].name, "gpt-5-mini");
    assert_false(openai->models[0].abilities_known);
    config_unref(c);
}

static void check_full_rules(const struct config_policy *p)
{
    assert_int_equal(p->n_rules, 4);
    expect(p->rules[0].name, "legal stays");
    expect(p->rules[0].metadata_name, "team");
    expect(p->rules[0].metadata_value, "legal*");
    assert_true(p->rules[0].sets_placement && !p->rules[0].sets_task);
    assert_int_equal(p->rules[0].place.placement, PLACE_INSIDE_ONLY);
    assert_true(p->rules[0].complexity_above < 0);
    assert_int_equal(p->rules[0].minutes_from, -1);
    assert_int_equal(p->rules[1].minutes_from, 22 * 60);
    assert_int_equal(p->rules[1].minutes_to, 6 * 60);
    assert_true(p->rules[1].complexity_above == 0.8);
    assert_int_equal(p->rules[1].place.placement, PLACE_BY_COMPLEXITY);
    assert_true(p->rules[1].place.threshold == 0.9);
    expect(p->rules[2].model, "*");
    expect(p->rules[2].header_name, "x-app");
    expect(p->rules[2].header_value, "review-*");
    assert_true(p->rules[2].has_task && p->rules[2].task_is == TASK_GENERAL);
    assert_true(p->rules[2].sets_task && !p->rules[2].sets_placement);
    assert_int_equal(p->rules[2].task_set, TASK_CODING);
    expect(p->rules[3].name, "rule 4");
    expect(p->rules[3].key, "support-bot");
    expect(p->rules[3].user, "eu-*");
}

static void test_full_example(void **state)
{
    /* printf %s test-key-0123456789 | sha256sum */
    static const unsigned char digest[] = {0x0b, 0x02, 0x6d, 0xca};
    struct config *c = load_example("full.yaml");

    (void)state;
    assert_int_equal(c->n_keys, 2);
    expect(c->keys[0].name, "billing");
    assert_memory_equal(c->keys[0].sha256, digest, sizeof(digest));
    assert_int_equal(c->keys[1].sha256[0], 0x8d);
    assert_int_equal(c->keys[1].sha256[31], 0xc5);
    assert_int_equal(c->n_aliases, 3);
    expect(c->aliases[1].pattern, "gpt-4*");
    expect(c->aliases[1].target, "auto");
    const struct config_backend *lab = &c->backends[0];
    assert_int_equal(lab->n_nodes, 3);
    expect(lab->nodes[2].url.host, "2001:db8::9");
    expect(lab->models[0].name, "qwen2.5:7b");
    assert_int_equal(lab->models[0].window, 32768);
    assert_true(lab->models[0].abilities_known);
    assert_int_equal(lab->models[0].abilities, ABILITY_TOOLS | ABILITY_SCHEMA);
    assert_int_equal(lab->cost_per_hour_nano, 1850000000);
    assert_int_equal(lab->first_token_ms, 60000);
    assert_int_equal(c->backends[1].first_token_ms, 300000);
    assert_int_equal(c->backends[2].total_ms, 300000);
    assert_true(c->policy.min_confidence == 0.4);
    assert_int_equal(c->policy.matrix[TASK_EXTRACTION].placement, PLACE_INSIDE_ONLY);
    assert_true(c->policy.matrix[TASK_GENERAL].threshold == 0.5);
    assert_true(c->policy.matrix[TASK_SUMMARIZATION].threshold == 0.6);
    check_full_rules(&c->policy);
    assert_int_equal(c->n_prices, 2);
    assert_int_equal(c->prices[0].input, 250000);
    assert_int_equal(c->prices[0].cached_input, 25000);
    assert_int_equal(c->prices[0].output, 2000000);
    assert_int_equal(c->prices[1].cached_input, 50000); /* the price of input */
    config_unref(c);
}

static void test_nodes(void **state)
{
    struct config *c = load("backends:\n"
                            "  - name: a\n"
                            "    side: inside\n"
                            "    engine: vllm\n"
                            "    nodes:\n"
                            "      - http://h:1\n"
                            "      - {url: 'http://h:2', zone: east.1, weight: 1000}\n"
                            "  - {name: b, side: inside, engine: vllm, url: http://h:3}\n"
                            "zone: east.1\n");
    static const struct {
        const char *text, *zone;
        unsigned weight;
    } want[] = {{"http://h:1", "", CONFIG_NODE_WEIGHT}, {"http://h:2", "east.1", 1000}};
    struct buf shown = BUF_MAX(64 * 1024);

    (void)state;
    expect(c->zone, "east.1");
    assert_int_equal(c->backends[0].n_nodes, 2);
    for (unsigned i = 0; i < 2; i++) {
        expect(c->backends[0].nodes[i].url.text, want[i].text);
        expect(c->backends[0].nodes[i].zone, want[i].zone);
        assert_int_equal(c->backends[0].nodes[i].weight, want[i].weight);
    }
    assert_int_equal(c->backends[1].nodes[0].weight, CONFIG_NODE_WEIGHT);
    /* What is shown loads as the same. */
    config_show(c, &shown);
    buf_append_char(&shown, '\0');
    assert_non_null(strstr(shown.p, "    nodes:\n"
                                    "      - url: http://h:1\n"
                                    "        weight: 100\n"
                                    "      - url: http://h:2\n"
                                    "        zone: east.1\n"
                                    "        weight: 1000\n"));
    assert_non_null(strstr(shown.p, "    nodes: [http://h:3]\n"));
    shown.len--;
    struct error err;
    struct config *again = config_load("again.yaml", buf_view(&shown), &err);
    assert_non_null(again);
    expect(again->zone, "east.1");
    expect(again->backends[0].nodes[1].zone, "east.1");
    assert_int_equal(again->backends[0].nodes[1].weight, 1000);
    config_unref(again);
    config_unref(c);
    buf_done(&shown);
}

static void test_nodes_that_are_looked_up(void **state)
{
    struct config *c = load(
        "backends:\n"
        "  - {name: a, side: inside, engine: vllm, discover: {dns: 'https://engines:8000/x/v1'}}\n"
        "  - {name: b, side: inside, engine: vllm, discover: {srv: 'http://_v._tcp.e.test', "
        "resolver: '127.0.0.1:8600', interval: 2s}}\n"
        "  - {name: c, side: inside, engine: vllm, discover: {file: nodes.yaml}}\n"
        "  - {name: d, side: inside, engine: vllm, discover: {file: /etc/nodes.yaml}}\n"
        "  - {name: e, side: inside, engine: vllm, url: 'http://h'}\n");
    const struct config_backend *b = c->backends;
    struct buf shown = BUF_MAX(64 * 1024);
    struct error err;

    (void)state;
    assert_int_equal(b[0].discover.from, DISCOVER_DNS);
    assert_int_equal(b[0].n_nodes, 0);
    expect(b[0].discover.url.host, "engines");
    expect(b[0].discover.url.prefix, "/x");
    assert_int_equal(b[0].discover.url.port, 8000);
    assert_int_equal(b[0].discover.interval_ms, 10000);
    assert_int_equal(b[0].discover.resolver.n, 0);
    assert_int_equal(b[1].discover.from, DISCOVER_SRV);
    expect(b[1].discover.service, "_v._tcp.e.test");
    expect(b[1].discover.url.host, "e.test"); /* what its certificates are made for */
    expect(b[1].discover.resolver, "127.0.0.1:8600");
    assert_int_equal(b[1].discover.interval_ms, 2000);
    assert_int_equal(b[2].discover.from, DISCOVER_FILE);
    expect(b[2].discover.file, "nodes.yaml"); /* beside weir.yaml, which has no folder */
    expect(b[3].discover.file, "/etc/nodes.yaml");
    assert_int_equal(b[4].discover.from, DISCOVER_NOTHING);

    config_show(c, &shown);
    struct config *again = config_load("some/where.yaml", buf_view(&shown), &err);
    assert_non_null(again);
    expect(again->backends[0].discover.url.text, "https://engines:8000/x/v1");
    expect(again->backends[1].discover.service, "_v._tcp.e.test");
    assert_int_equal(again->backends[1].discover.interval_ms, 2000);
    expect(again->backends[2].discover.file, "some/nodes.yaml");
    assert_int_equal(again->backends[4].n_nodes, 1);
    config_unref(again);
    config_unref(c);
    buf_done(&shown);
}

static void test_a_file_of_nodes(void **state)
{
    char path[] = "/tmp/weir-nodes-XXXXXX", yaml[256];
    int fd = mkstemp(path);
    static const char text[] = "- http://10.0.0.7:8000\n- {url: http://h:1, zone: z, weight: 7}\n";
    struct arena *a = arena_new(1 << 20);
    struct config_node *nodes = NULL;
    struct error err;
    unsigned n = 0;

    (void)state;
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    snprintf(yaml, sizeof(yaml),
             "backends:\n  - {name: a, side: inside, engine: vllm, discover: {file: %s}}\n", path);
    struct config *c = load(yaml);
    assert_true(config_nodes_load(&c->backends[0], a, &nodes, &n, &err));
    config_unref(c); /* the nodes lie in the arena */
    assert_int_equal(n, 2);
    expect(nodes[0].url.host, "10.0.0.7");
    assert_int_equal(nodes[0].weight, CONFIG_NODE_WEIGHT);
    expect(nodes[1].zone, "z");
    assert_int_equal(nodes[1].weight, 7);
    c = load(yaml);
    unlink(path);
    struct config_node *before = nodes;
    assert_false(config_nodes_load(&c->backends[0], a, &nodes, &n, &err));
    assert_ptr_equal(nodes, before); /* untouched */
    assert_non_null(strstr(err.text, "cannot read /tmp/weir-nodes-"));
    assert_string_equal(err.hint, "the file that discover.file names must be there, and readable");
    config_unref(c);
    arena_free(a);
}

static void test_how_many_nodes(void **state)
{
    struct buf yaml = BUF_MAX(64 * 1024);
    struct error err;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        buf_reset(&yaml);
        buf_append_lit(&yaml, "backends:\n  - {name: a, side: inside, engine: vllm, nodes: [");
        for (unsigned i = 0; i < 256 + more; i++)
            buf_printf(&yaml, "%shttp://h:%u", i ? ", " : "", i + 1);
        buf_append_lit(&yaml, "]}\n");
        struct config *c = config_load("weir.yaml", buf_view(&yaml), &err);
        assert_int_equal(c != NULL, more == 0);
        config_unref(c);
    }
    expect(view_str(err.text), "weir.yaml:2:50: nodes has 257 entries, the most is 256");
    buf_done(&yaml);
}

/* Where a backend's timeouts come from. */
static void test_timeouts(void **state)
{
    static const char two[] =
        "backends:\n"
        "  - {name: o, side: inside, engine: ollama, url: http://h:1}\n"
        "  - {name: v, side: inside, engine: vllm, url: http://h:2, total: 1m, "
        "connect: 7s}\n";
    char text[1024];

    (void)state;
    struct config *c = load(two);
    assert_int_equal(c->backends[0].first_token_ms, 300000);
    assert_int_equal(c->backends[1].first_token_ms, 60000);
    assert_int_equal(c->backends[0].total_ms, 600000);
    assert_int_equal(c->backends[1].total_ms, 60000);
    config_unref(c);
    snprintf(text, sizeof(text), "%stimeouts: {first_token: 9s, total: 20s, connect: 3s}\n", two);
    c = load(text);
    assert_int_equal(c->backends[0].first_token_ms, 9000); /* said: for Ollama too */
    assert_int_equal(c->backends[1].first_token_ms, 9000);
    assert_int_equal(c->backends[0].total_ms, 20000);
    assert_int_equal(c->backends[1].total_ms, 60000);
    assert_int_equal(c->backends[0].connect_ms, 3000);
    assert_int_equal(c->backends[1].connect_ms, 7000);
    config_unref(c);
}

static void test_thresholds(void **state)
{
    (void)state;
    struct config *c = load(GOOD "policy:\n"
                                 "  matrix: {coding: by_complexity, general: {inside_up_to: 1}}\n"
                                 "  rules: [{go: by_complexity}]\n");
    assert_true(c->policy.matrix[TASK_CODING].threshold == 0.5);
    assert_true(c->policy.matrix[TASK_GENERAL].threshold == 1);
    assert_true(c->policy.rules[0].place.threshold == 0.5);
    config_unref(c);
    /* Wherever it stands, it is for all rows that say nothing, the built-in ones too. */
    c = load(GOOD "policy:\n"
                  "  matrix: {coding: by_complexity, general: {inside_up_to: 0}}\n"
                  "  rules: [{go: by_complexity}]\n"
                  "  threshold: 0.25\n");
    assert_true(c->policy.matrix[TASK_CODING].threshold == 0.25);
    assert_true(c->policy.matrix[TASK_TRANSLATION].threshold == 0.25);
    assert_true(c->policy.matrix[TASK_GENERAL].threshold == 0);
    assert_true(c->policy.rules[0].place.threshold == 0.25);
    config_unref(c);
}

static void test_variables(void **state)
{
    (void)state;
    setenv("PORT", "9090", 1);
    setenv("STRUCTURE", "x: [1, 2] # no", 1);
    struct config *c = load(GOOD "listen: 127.0.0.1:${PORT} # not ${THIS}\n"
                                 "ledger: {path: \"$${PORT}-${PORT}-${STRUCTURE}$\"}\n");
    assert_int_equal(c->listen.port, 9090);
    expect(c->ledger_path, "${PORT}-9090-x: [1, 2] # no$");
    config_unref(c);
}

/* What is printed loads again and prints the same. */
static void round_trip(struct config *c)
{
    struct buf once = BUF_MAX(1 << 20), twice = BUF_MAX(1 << 20);
    struct error err = {0};

    config_show(c, &once);
    assert_true(buf_ok(&once));
    struct config *again = config_load("shown", buf_view(&once), &err);
    if (!again)
        print_error("%s\n%s\n%.*s\n", err.text, err.hint, VIEW_ARG(buf_view(&once)));
    assert_non_null(again);
    config_show(again, &twice);
    assert_true(view_eq(buf_view(&once), buf_view(&twice)));
    assert_true(config_may_follow(c, again, &err));
    /* What the text does not show: the secrets themselves. */
    for (unsigned i = 0; i < c->n_backends; i++)
        assert_true(view_eq(c->backends[i].key, again->backends[i].key));
    for (unsigned i = 0; i < c->n_keys; i++)
        assert_memory_equal(c->keys[i].sha256, again->keys[i].sha256, 32);
    assert_null(memmem(once.p, once.len, "0123456789", 10)); /* part of every secret here */
    config_unref(again);
    config_unref(c);
    buf_done(&once);
    buf_done(&twice);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip(load(GOOD));
    round_trip(load_example("small.yaml"));
    round_trip(load_example("full.yaml"));
    round_trip(load(GOOD "ledger: {path: \"a \\\"b\\\" \\\\ $${X} $$${X} \\u00e4 #: '\"}\n"
                         "aliases: {\"${X}: *\": \"null\", \"~\": \"x~\", \"-\": a:b}\n"
                         "loops: 7\ninsecure: true\nlisten: \"[::]:1\"\n"
                         "limits: {body: 1MB}\ntimeouts: {drain: 0s, head: 90s}\n"
                         "policy:\n  min_confidence: 0.000001\n"
                         "  rules: [{name: \"null\", go: {inside_up_to: 0.123456}, when: "
                         "{hours: \"0:05-24:00\", header: {\"a: b\": \"}\"}}}]\n"
                         "perimeter: {inside_networks: [10.0.0.0/8, \"::1\"]}\n"
                         "prices: {x: {input: 0, output: 0}}\n"));
    round_trip(load("backends:\n"
                    "  - name: a\n    side: outside\n    engine: openai\n    url: https://h/v1\n"
                    "    ca_file: /etc/ca file.pem\n    key: ${OPENAI_API_KEY}\n"
                    "    models: [{name: m, abilities: []}, \"x/y:z\"]\n"
                    "    cost_per_hour: 0.000000001\n"));
}

static void test_literal_key_is_not_shown(void **state)
{
    static const char *const keys[] = {"sk-0123456789", "sk-${PART}", "${PART}${PART}"};
    char text[512];

    (void)state;
    setenv("PART", "0123456789", 1);
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct buf out = BUF_MAX(1 << 20);
        snprintf(text, sizeof(text),
                 "backends: [{name: a, side: inside, engine: vllm, url: http://h, key: \"%s\"}]\n",
                 keys[i]);
        struct config *c = load(text);
        config_show(c, &out);
        assert_int_not_equal(view_find(buf_view(&out), VIEW("key: \"***\"\n")), VIEW_NPOS);
        assert_int_equal(view_find(buf_view(&out), VIEW("0123456789")), VIEW_NPOS);
        config_unref(c);
        buf_done(&out);
    }
}

static void test_reload(void **state)
{
    static const struct {
        const char *change, *option; /* NULL: may follow */
    } rows[] = {
        {"", NULL},
        {"listen: 127.0.0.1:9\n", "listen"},
        {"admin: localhost:8485\n", "admin"},
        {"loops: 2\n", "loops"},
        {"ledger: {path: other.db}\n", "ledger.path"},
        {"ledger: {sync: full}\n", "ledger.sync"},
        {"ledger: {required: false}\n", NULL},
        {"keys: {a: 0123456789abcdef}\n", NULL},
        {"timeouts: {total: 1m}\n", NULL},
        {"limits: {body: 1KiB}\n", NULL},
        {"perimeter: {inside_networks: [10.0.0.0/8]}\n", NULL},
    };

    (void)state;
    struct config *now = load(GOOD);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[512], want[128];
        struct error err = {0};
        snprintf(text, sizeof(text), "%s%s", GOOD, rows[i].change);
        struct config *next = load(text);
        assert_int_equal(config_may_follow(now, next, &err), rows[i].option == NULL);
        snprintf(want, sizeof(want), "%s cannot be changed by a reload", rows[i].option);
        if (rows[i].option)
            assert_string_equal(err.text, want);
        config_unref(next);
    }
    config_unref(now);
}

static void test_discovery(void **state)
{
    static const struct config_found found[] = {
        {SIDE_INSIDE, ENGINE_OLLAMA, VIEW_LIT("http://127.0.0.1:11434"), NULL},
        {SIDE_INSIDE, ENGINE_VLLM, VIEW_LIT("http://127.0.0.1:8000"), NULL},
        {SIDE_INSIDE, ENGINE_VLLM, VIEW_LIT("http://[::1]:8000"), NULL},
        {SIDE_OUTSIDE, ENGINE_OPENAI, VIEW_LIT("https://api.openai.com"), "OPENAI_API_KEY"},
    };
    struct error err = {0};

    (void)state;
    assert_null(config_from_discovery(found, 0, &err));
    assert_string_equal(err.text, "no model server was found on this machine");
    struct config *c = config_from_discovery(found, COUNT(found), &err);
    assert_non_null(c);
    expect(c->path, "");
    assert_int_equal(c->n_backends, 4);
    expect(c->backends[0].name, "ollama");
    assert_int_equal(c->backends[0].first_token_ms, 300000);
    expect(c->backends[1].name, "vllm");
    expect(c->backends[2].name, "vllm-2");
    expect(c->backends[2].nodes[0].url.host, "::1");
    expect(c->backends[3].name, "openai");
    assert_int_equal(c->backends[3].side, SIDE_OUTSIDE);
    expect(c->backends[3].key, "sk-test-0123456789");
    config_unref(c);
}

/* Rows that the code relies on: choices in the order of the enums, restarts at the top. */
static void test_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        size_t n = strlen(o->help);
        assert_true(n > 0 && o->help[n - 1] == '.');
        assert_false(o->restart && strpbrk(o->path, "[*"));
        assert_true(o->kind == OPTION_GROUP || o->fallback[0] != '\0');
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(o->path, option_table[k].path);
    }
    for (unsigned e = 0; e < ENGINE_COUNT; e++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "backends: [{name: a, side: %s, engine: %s, url: https://h}]\n",
                 side_name((enum side)(e % 2)), engine_name((enum engine)e));
        struct config *c = load(text);
        assert_int_equal(c->backends[0].engine, e);
        assert_int_equal(c->backends[0].side, e % 2);
        config_unref(c);
    }
}

static void test_document_is_fresh(void **state)
{
    struct buf out = BUF_MAX(1 << 20);
    static char text[65536];
    char path[4096];

    (void)state;
    snprintf(path, sizeof(path), "%s/docs/configuration.md", getenv("WEIR_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    config_document(&out);
    if (!view_eq(buf_view(&out), view_of(text, n)))
        print_error("docs/configuration.md is stale: weir config docs > docs/configuration.md\n");
    assert_true(view_eq(buf_view(&out), view_of(text, n)));
    for (unsigned i = 0; i < option_count; i++)
        assert_true(option_table[i].kind == OPTION_GROUP ||
                    view_find(buf_view(&out), view_str(option_table[i].path)) != VIEW_NPOS);
    buf_done(&out);
}

static void *hold_and_let_go(void *config)
{
    for (int i = 0; i < 10000; i++)
        config_unref(config_ref(config));
    config_unref(config);
    return NULL;
}

static void test_references(void **state)
{
    pthread_t threads[4];

    (void)state;
    struct config *c = load(GOOD);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, config_ref(c)), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c->refs, 1);
    config_unref(c);
    config_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_inside_networks),
        cmocka_unit_test(test_small_example),
        cmocka_unit_test(test_full_example),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_nodes_that_are_looked_up),
        cmocka_unit_test(test_a_file_of_nodes),
        cmocka_unit_test(test_how_many_nodes),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_literal_key_is_not_shown),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_document_is_fresh),
        cmocka_unit_test(test_references),
    };

    setenv("OPENAI_API_KEY", "sk-test-0123456789", 1);
    setenv("WEIR_KEY_BILLING", "test-key-0123456789", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
