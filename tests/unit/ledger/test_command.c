/* `weir ledger` from its arguments to what it prints. */
#include "fixture.h"

#include "cli/ledger.h"
#include "cli/since.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Stands in for the config where the program is linked without one: here all paths are given by
 * --file. */
__attribute__((weak)) struct config *config_load(const char *path, struct view text,
                                                 struct error *err)
{
    (void)text;
    error_set(err, ERROR_BAD_CONFIG, "%s: no config here", path);
    return NULL;
}

__attribute__((weak)) void config_unref(struct config *c)
{
    (void)c;
}

static char output[64 << 10];

/* Runs the command with its output in `output`; both streams, in order. */
static int run(const char *const *words)
{
    char *argv[16];
    int argc = 0;

    for (; words[argc]; argc++)
        argv[argc] = strdup(words[argc]);
    argv[argc] = NULL;
    fflush(stdout);
    FILE *to = tmpfile();
    int kept[2] = {dup(1), dup(2)};
    dup2(fileno(to), 1);
    dup2(fileno(to), 2);
    int status = cli_ledger(argc, argv);
    fflush(stdout);
    dup2(kept[0], 1);
    dup2(kept[1], 2);
    close(kept[0]);
    close(kept[1]);
    rewind(to);
    size_t n = fread(output, 1, sizeof(output) - 1, to);
    output[n] = '\0';
    fclose(to);
    while (argc > 0)
        free(argv[--argc]);
    return status;
}

#define RUN(...) run((const char *const[]){"ledger", __VA_ARGS__, NULL})

static void assert_says(const char *part)
{
    if (!strstr(output, part))
        fail_msg("'%s' is not in:\n%s", part, output);
}

/* Three answers: inside, outside without a price, and none. */
static void fill(void)
{
    struct ledger_record record = fixture_record();
    struct ledger_node_hours hours = {record.wall_ms - 3600000, record.wall_ms, VIEW("lab"),
                                      VIEW("http://n1:8000"),   900000,         100000};

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    ledger_add_node_hours(l, &hours);
    assert_true(fixture_write(l, record));
    record.id = ledger_next_id();
    record.request_id = VIEW("req-\"2\"");
    record.side = SIDE_OUTSIDE;
    record.backend = VIEW("cloud");
    record.model = VIEW("mystery");
    record.task = VIEW("creative");
    record.cost_nano = LEDGER_UNPRICED;
    record.tokens_estimated = true;
    record.plan = VIEW("not JSON \x1b[2J");
    assert_true(fixture_write(l, record));
    assert_true(fixture_write(l, (struct ledger_record){.id = ledger_next_id(),
                                                        .wall_ms = record.wall_ms,
                                                        .side = -1,
                                                        .status = 400,
                                                        .outcome = VIEW("invalid_json"),
                                                        .first_token_us = -1,
                                                        .total_us = 90,
                                                        .cost_nano = LEDGER_UNPRICED,
                                                        .other_cost_nano = LEDGER_UNPRICED}));
    ledger_close(l);
}

static void lists_and_sums(void **state)
{
    (void)state;

    fill();
    assert_int_equal(RUN("--file", fixture_path), 0);
    assert_says("inside lab/llama");
    assert_says("outside cloud/mystery");
    assert_says("nobody: invalid_json");
    assert_says("0.000012345");
    assert_says("unpriced");
    assert_says("~100");
    assert_says("40.5");
    assert_says("requests       3: 1 inside (50.0 % of the answered), 1 outside, 1 answered by");
    assert_says("0.25 busy $0.000025, 0.75 idle $0.000075; the answers' own shares $0.000012345");
    assert_says("cost           $0.000100:");
    assert_says("all managed    $0.000125,");
    assert_says("saving         $0.000025 after");
    assert_says("answers from outside by models without a price: 1 (mystery: 1)");
    assert_null(strchr(output, 0x1b));

    assert_int_equal(RUN("--file", fixture_path, "--limit", "1"), 0);
    assert_says("nobody: invalid_json");
    assert_null(strstr(output, "inside lab/llama"));
    assert_says("requests       3:"); /* the sums are over all */

    assert_int_equal(RUN("--file", fixture_path, "--since", "2999-01-01"), 0);
    assert_says("requests       0:");
}

static void groups(void **state)
{
    (void)state;

    fill();
    assert_int_equal(RUN("--file", fixture_path, "--by", "side"), 0);
    assert_says("side     requests");
    assert_says("inside          1  100   50            0.000012345");
    assert_says("0.000000 + 1 unpriced");
    assert_int_equal(RUN("--file", fixture_path, "--by", "model", "--json"), 0);
    assert_says("{\"by\":\"model\",\"groups\":[");
    assert_says("{\"name\":\"mystery\",\"requests\":1,\"tokens_in\":100,\"tokens_out\":50,"
                "\"cost_usd\":0.000000,\"unpriced\":1,");
    assert_says("\"saving_usd\":0.000025");
}

static void shows_one(void **state)
{
    (void)state;

    fill();
    assert_int_equal(RUN("show", "req-1", "--file", fixture_path), 0);
    assert_says("request id    req-1\n");
    assert_says("answered by   inside lab/llama at http://n1:8000\n");
    assert_says("tokens        100 in (20 cached), 50 out (5 reasoning), as reported\n");
    assert_says("other side    $0.000125 (gpt-5-mini)\n");
    assert_says("scan          found\n");
    assert_says("found         {\"EMAIL\":2}\n");
    assert_says("changed       max_tokens renamed\n");
    assert_says("plan          matrix: coding goes outside\n");
    assert_says("    1. outside openai/gpt-5-mini: first choice, available true\n");
    assert_says("    left out 1. lab/tiny: no tools\n");
    assert_says("    1. openai/gpt-5-mini at https://api.example: upstream_timeout, ms 2000, ");
    assert_says("    2. lab/llama at http://n1:8000: ok, ms 300, status 200\n");

    assert_int_equal(RUN("--file", fixture_path, "show", "req-\"2\""), 0);
    assert_says("not JSON ?[2J");
    assert_says("cost          unpriced\n");
    assert_int_equal(RUN("--file", fixture_path, "--json", "show", "req-\"2\""), 0);
    assert_says("\"request_id\":\"req-\\\"2\\\"\"");
    assert_says("\"cost_usd\":null");
    assert_says("\"scan\":\"found\"");
    assert_says("\"modes\":{\"EMAIL\":\"mask\"}");
    assert_says("\"plan\":\"not JSON \\u001b[2J\"");
    assert_says("\"attempts\":[{\"backend\":\"openai\"");

    assert_int_equal(RUN("--file", fixture_path, "show", "req-9"), 1);
    assert_says("no record 'req-9'");
}

/* What the gateway keeps for the usual answer, and what is made of it. */
static void shows_what_was_left_out(void **state)
{
    struct ledger_record record = fixture_record();
    (void)state;

    record.alias = VIEW("claude-*");
    record.attempts = VIEW_NONE;
    record.plan = VIEW("{\"tokens\":90,\"like\":\"creative\",\"place\":\"inside\",\"because\":"
                       "\"rule 'nights'\",\"try\":[[\"lab\",\"inside\",\"llama\"],[\"openai\","
                       "\"outside\",\"gpt-5-mini\",\"fallback: other side\"]],"
                       "\"left_out\":[[\"lab\",\"tiny\",\"no tools\"]]}");
    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    assert_true(fixture_write(l, record));
    record.id = ledger_next_id();
    record.request_id = VIEW("req-2");
    record.side = -1;
    record.plan = VIEW_NONE;
    assert_true(fixture_write(l, record));
    ledger_close(l);

    assert_int_equal(RUN("--file", fixture_path, "show", "req-1"), 0);
    assert_says("  plan          rule 'nights'\n"
                "    1. inside lab/llama: rule 'nights'\n"
                "    2. outside openai/gpt-5-mini: fallback: other side\n"
                "    left out 1. lab/tiny: no tools\n"
                "  attempts\n"
                "    1. lab/llama at http://n1:8000: ok, ms 300, status 200\n");
    assert_int_equal(RUN("--file", fixture_path, "show", "req-1", "--json"), 0);
    assert_says(
        "\"attempts\":[{\"backend\":\"lab\",\"node\":\"http://n1:8000\",\"model\":\"llama\","
        "\"outcome\":\"ok\",\"ms\":300,\"status\":200}],"
        "\"plan\":{\"task\":\"coding\",\"looked_like\":\"creative\",\"confidence\":0.75,"
        "\"complexity\":0.5,\"tokens_in\":90,\"placement\":\"inside\",\"because\":"
        "\"rule 'nights'\",\"alias\":\"claude-*\",\"candidates\":[{\"backend\":\"lab\","
        "\"side\":\"inside\",\"model\":\"llama\",\"reason\":\"rule 'nights'\"},{\"backend\":"
        "\"openai\",\"side\":\"outside\",\"model\":\"gpt-5-mini\",\"reason\":"
        "\"fallback: other side\"}],\"skipped\":[{\"backend\":\"lab\",\"model\":\"tiny\","
        "\"reason\":\"no tools\"}]}}");
    assert_int_equal(RUN("--file", fixture_path, "show", "req-2", "--json"), 0);
    assert_says("\"attempts\":[],\"plan\":null}");
}

static void bad_arguments(void **state)
{
    static const struct {
        const char *words[4];
        int status;
        const char *says;
    } cases[] = {
        {{"--file", "/nonexistent/x.db"}, 1, "there is no ledger at /nonexistent/x.db"},
        {{"--limit", "0"}, 2, "--limit cannot be '0'"},
        {{"--limit", "many"}, 2, "write a number"},
        {{"--by", "colour"}, 2, "write task, side, model or key"},
        {{"--since", "yesterday"}, 2, "'yesterday' is no time"},
        {{"--wrong"}, 2, "no option"},
        {{"show"}, 2, "weir ledger show ID"},
        {{"list", "all"}, 2, "cannot do 'list'"},
        {{"--help"}, 0, "usage: weir ledger"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *words[6] = {"ledger", cases[i].words[0], cases[i].words[1]};
        assert_int_equal(run(words), cases[i].status);
        assert_says(cases[i].says);
    }
}

static void since(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"90s", 999910000},
        {"15m", 999100000},
        {"2h", 992800000},
        {"1d", 913600000},
        {"1w", 395200000},
        {"1970-01-02", 86400000},
        {"1970-01-02T01:00", 90000000},
        {"1970-01-02 01:00:05", 90005000},
        {"1970-01-02T01:00:05Z", 90005000},
        {"", -1},
        {"h", -1},
        {"2", -1},
        {"2y", -1},
        {"-2h", -1},
        {"99999999999999h", -1},
        {"1970-02-31", -1},
        {"1970-01-02T", -1},
        {"1970-01-02T01:00:05ZZ", -1},
    };
    struct error err;
    (void)state;

    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;
        bool ok = since_parse(view_str(cases[i].text), 1000000000, &ms, &err);
        if (ok != (cases[i].ms >= 0) || ms != cases[i].ms)
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(lists_and_sums),          with_file(groups),        with_file(shows_one),
        with_file(shows_what_was_left_out), with_file(bad_arguments), cmocka_unit_test(since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
