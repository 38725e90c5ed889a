/* LiteLLM's configs: what comes out loads, says what the table wants, and holds no secret. */
#include "cli/import.h"
#include "config/config.h"
#include "config/import.h"
#include "config/import_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct import_result result;
static struct error error;

/* Sets all that the config takes from the environment to its stand-in, or takes it away. */
static void stand_in(bool set)
{
    char *list = strndup(result.variables.p ? result.variables.p : "", result.variables.len);
    char *rest = list;

    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char *value = strchr(line, '=');
        *value++ = '\0';
        if (set)
            setenv(line, value, 1);
        else
            unsetenv(line);
    }
    free(list);
}

static struct config *load(void)
{
    stand_in(true);
    struct config *c = config_load("out", buf_view(&result.config), &error);
    stand_in(false);
    if (!c)
        fail_msg("%s\n%.*s", error.text, VIEW_ARG(buf_view(&result.config)));
    return c;
}

static bool import_text(const char *text)
{
    import_done(&result);
    return import_litellm(view_str(text), "in", &result, &error);
}

static void assert_in(const struct buf *b, const char *part)
{
    if (view_find(buf_view(b), view_str(part)) == VIEW_NPOS)
        fail_msg("'%s' is not in:\n%.*s", part, VIEW_ARG(buf_view(b)));
}

static void assert_not_in(const struct buf *b, const char *part)
{
    if (view_find(buf_view(b), view_str(part)) != VIEW_NPOS)
        fail_msg("'%s' is in:\n%.*s", part, VIEW_ARG(buf_view(b)));
}

static char *read_whole(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    assert_true(n > 0);
    fclose(f);
    return text;
}

static void path_of(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/tests/unit/config/litellm/%s.yaml", getenv("WEIR_SOURCE"), name);
}

#define MORE 16

/* A file of tests/unit/config/litellm/: parts of the config and of the notes. */
static const struct example {
    const char *name;
    unsigned backends, aliases, notes;
    const char *config[MORE], *said[MORE];
} examples[] = {
    {"hybrid",
     2,
     3,
     7,
     {"  - name: vllm\n    side: inside\n    engine: vllm\n    nodes:\n"
      "      - \"http://10.0.0.7:8000\"\n      - \"http://10.0.0.8:8000\"\n    models:\n"
      "      - name: Qwen/Qwen3-8B\n        window: 32768",
      "    cost_per_hour: 1.849968  #", "    total: 2m  #", "    first_token: 20s  #",
      "    key: \"${OPENAI_API_KEY}\"\n", "  chat: auto  # line 3",
      "  gpt: outside/gpt-5-mini  # line 25", "  gpt-3.5-turbo: auto  # line 37",
      "        model: chat\n      go: inside\n", "        model: gpt-3.5-turbo\n      go: inside\n",
      "  gpt-5-mini: {input: 0.25, cached_input: 0.025, output: 2}", "  failures: 4  #",
      "  open: 30s  #", "timeouts:\n  total: 5m", "  master: \"${WEIR_IMPORTED_KEY_1}\""},
     {"in:8:7: litellm_params.rpm: Weir has no limits", "(also line 19)",
      "in:51:15: master_key, now ${WEIR_IMPORTED_KEY_1}: a secret", "in:35:3: ", "in:40:3: ",
      "in:46:3: ", "in:48:3: ", "in:52:3: general_settings.database_url: "}},
    {"laptop",
     1,
     3,
     2,
     {"    url: \"http://localhost:11434\"\n    models:\n      - name: llama3.1:8b\n      - name: "
      "qwen2.5-coder:7b\n",
      "  llama3: inside/llama3.1:8b", "  \"gpt-4*\": inside/llama3.1:8b"},
     {"in:9:7: litellm_params.temperature: ", "in:12:24: mode embedding: "}},
    {"managed",
     4,
     4,
     15,
     {"    url: \"https://contoso.openai.azure.com/openai\"\n    key: \"${AZURE_API_KEY}\"",
      "    url: \"https://api.openai.com\"\n    key: \"${WEIR_IMPORTED_KEY_1}\"",
      "    url: \"https://api.groq.com/openai\"\n    key: \"${GROQ_API_KEY}\"",
      "llama-3.3-70b-versatile: {input: 0.59, output: 0.79}", "gpt-4o: outside/gpt-4o  # line 5",
      "  master: \"${LITELLM_MASTER_KEY}\""},
     {"in:2:1: environment_variables: export", "in:8:16: api_key, now ${WEIR_IMPORTED_KEY_1}",
      "(also line 13)",
      "in:9:7: litellm_params.organization: ", "in:17:16: api_key, now ${WEIR_IMPORTED_KEY_2}",
      "in:18:7: litellm_params.extra_headers: ", "in:25:7: litellm_params.weight: ",
      "in:33:14: bedrock/", "in:39:17: api_base: ", "in:19:5: gpt-4o: gpt-4o-eu beside gpt-4o",
      "in:45:3: litellm_settings.default_fallbacks"}},
    {"wildcard",
     3,
     1,
     2,
     {"    url: \"${VLLM_BASE}\"\n", "    key: \"${OPENAI_API_KEY}\"\n  # line 6",
      "  - name: own\n    side: inside\n    engine: openai\n",
      "own: inside/meta-llama/Llama-3.1-8B"},
     {"in:2:5: openai/*: is a pattern", "in:12:14: huggingface/"}},
    {"ordered",
     4,
     4,
     8,
     {"  smart: outside/deepseek-chat", "  small: inside/phi4", "  tiny: inside/phi4",
      "  - name: deepseek\n", "        window: 272000", "abilities: [tools, images, schema]",
      "  total: 90500ms"},
     {"in:3:5: smart: gpt-5 beside deepseek-chat", "in:8:5: small: its servers are no nodes",
      "in:14:5: auto: ", "in:20:7: the fallback of small: ", "(also line 23)",
      "in:21:7: nothing: ", "in:25:34: tiny: ", "in:26:11: lost: ", "in:29:18: allowed_fails: "}},
};

static const char *const secrets[] = {"sk-live",      "hunter2",      "very-secret",
                                      "sk-proj",      "sk-ant",       "header-secret-value",
                                      "AKIA",         "aws-secret",   "password-in-url",
                                      "redis-secret", "org-something"};

static bool this_weir_has(const char *engine)
{
    for (unsigned i = 0; i < ENGINE_COUNT; i++)
        if (strcmp(engine_name((enum engine)i), engine) == 0)
            return true;
    return false;
}

static void test_examples(void **state)
{
    char path[4096];
    (void)state;

    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const struct example *e = &examples[i];
        path_of(e->name, path, sizeof(path));
        char *text = read_whole(path);
        assert_true(import_text(text));
        free(text);
        struct config *c = load();
        for (unsigned k = 0; k < MORE && e->config[k]; k++)
            assert_in(&result.config, e->config[k]);
        for (unsigned k = 0; k < MORE && e->said[k]; k++)
            assert_in(&result.notes, e->said[k]);
        for (size_t k = 0; k < sizeof(secrets) / sizeof(secrets[0]); k++) {
            assert_not_in(&result.config, secrets[k]);
            assert_not_in(&result.notes, secrets[k]);
        }
        assert_int_equal(result.n_backends, e->backends);
        assert_int_equal(result.n_aliases, e->aliases);
        bool less = strcmp(e->name, "managed") == 0 && this_weir_has("anthropic");
        assert_int_equal(result.n_notes, e->notes - less);
        assert_true(c->n_backends > 0);
        config_unref(c);
    }
}

/* Written as a comment as long as no such engine exists, and as a backend from then on. */
static void test_anthropic(void **state)
{
    (void)state;
    assert_true(import_text("model_list:\n"
                            "- {model_name: a, litellm_params: {model: ollama/x}}\n"
                            "- {model_name: b, litellm_params: {model: anthropic/claude-x}}\n"));
    struct config *c = load();
    bool has = this_weir_has("anthropic");
    assert_int_equal(c->n_backends, has ? 2 : 1);
    assert_in(&result.config, has ? "\n    engine: anthropic\n" : "\n#     engine: anthropic\n");
    assert_in(&result.config, has ? "\n  b: outside/claude-x" : "\n  # b: outside/claude-x");
    assert_int_equal(result.n_notes, has ? 0 : 1);
    config_unref(c);
}

#define ONE(model, more) \
    "model_list:\n- {model_name: m, litellm_params: {model: \"" model "\"" more "}}\n"

/* One entry, and what becomes of it: a part of the config, or of the notes. */
static const struct one {
    const char *yaml, *config, *note;
} ones[] = {
    {ONE("hosted_vllm/a", ""), "url: \"${HOSTED_VLLM_API_BASE}\"", NULL},
    {ONE("openai/a", ", api_base: \"http://192.168.1.5:8080/v1\""), "side: inside", NULL},
    {ONE("openai/a", ", api_base: \"http://172.15.0.1/v1\""), "side: outside", NULL},
    {ONE("openai/a", ", api_base: \"http://[fd00::1]:80\""), "side: inside", NULL},
    {ONE("openai/a", ", api_base: \"https://llm.example.com\""), "side: outside", NULL},
    {ONE("openai/a", ", api_base: \"HTTPS://v1/x/v1/\""), "\"HTTPS://v1/x\"", NULL},
    {ONE("openai/a", ", api_base: os.environ/B"), "side: outside", "api_base ${B}: comes from"},
    {ONE("gpt-5", ""), "engine: openai", NULL},
    {ONE("azure/d", ", api_base: os.environ/AZ"), "url: \"${AZ}/openai\"", "azure: is asked"},
    {ONE("azure/d", ", api_base: \"https://r/openai/v1/\""), "\"https://r/openai\"", NULL},
    {ONE("ollama/a", ", api_key: EMPTY"), "engine: ollama", NULL},
    {ONE("ollama/a", ", order: first"), "engine: ollama", "order: is no number"},
    {ONE("ollama/a", ", timeout: 0.5"), "total: 500ms", NULL},
    {ONE("ollama/a", ", timeout: -1"), "engine: ollama", "timeout: is no number of seconds"},
    {ONE("ollama/a", ", input_cost_per_second: 1e-99"), "engine", "input_cost_per_second: is no"},
    {ONE("ollama/a", ", input_cost_per_token: 1e-6"), "engine", "give cost_per_hour"},
    {ONE("openai/a", ", input_cost_per_token: 1e-6"), "engine", "needs both"},
    {ONE("openai/a", ", input_cost_per_token: 1.5e-7, output_cost_per_token: .00000001"),
     "  a: {input: 0.15, output: 0.01}", NULL},
    {ONE("openai/a", ", input_cost_per_token: 1e-13, output_cost_per_token: 1"), "engine",
     "input_cost_per_token: is no decimal"},
};

static void test_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
        assert_true(import_text(ones[i].yaml));
        config_unref(load());
        assert_in(&result.config, ones[i].config);
        if (ones[i].note)
            assert_in(&result.notes, ones[i].note);
    }
}

/* Nothing comes out; the error says which file, and a note or the error itself why. */
static const struct nothing {
    const char *yaml, *error, *note;
} nothings[] = {
    {"a: 1", "in: it has no model_list", NULL},
    {"model_list: []", "no entry of model_list", NULL},
    {"model_list: [7, {model_name: x}]", "no entry", "in:1:14: an entry of model_list: is no map"},
    {"model_list: &a []", "in:1:13: YAML anchors", NULL},
    {"a: [", "not YAML", NULL},
    {"model_list: [{model_name: x, model_name: y}]", "stands twice", NULL},
    {ONE("openai/a b", ""), "no entry", "Weir cannot name such a model"},
    {ONE("openai/auto", ""), "no entry", "Weir cannot name such a model"},
    {ONE("mystery", ""), "no entry", "has no provider in front"},
    {ONE("bedrock/x", ""), "no entry", "does not speak this provider's API"},
    {ONE("vllm/x", ""), "no entry", "has no api_base"},
    {ONE("openai/a", ", api_base: \"ftp://h\""), "no entry", "is no URL that Weir takes"},
    {ONE("openai/a", ", api_base: \"http://h\\n/x\""), "no entry", "is no URL that Weir takes"},
    {ONE("openai/a", ", api_base: \"http://${HOME}\""), "no entry", "is no URL that Weir takes"},
    {ONE("azure/a", ", api_base: \"https://r/openai/deployments/d\""), "no entry", "Azure's"},
};

static void test_nothings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nothings) / sizeof(nothings[0]); i++) {
        assert_false(import_text(nothings[i].yaml));
        if (!strstr(error.text, nothings[i].error))
            fail_msg("%s: %s", nothings[i].yaml, error.text);
        assert_true(error.hint[0]);
        if (nothings[i].note)
            assert_in(&result.notes, nothings[i].note);
    }
}

static void test_decimals(void **state)
{
    static const struct {
        const char *text;
        int scale;
        int64_t value;
    } good[] = {{"1e-06", 12, 1000000}, {"0.00000015", 12, 150000},
                {".5", 3, 500},         {"2.50E-7", 12, 250000},
                {"1.", 0, 1},           {"3e+2", 0, 300},
                {"0e-400", 12, 0},      {"10", -1, 1}};
    static const char *const bad[] = {"",    ".",     "e5",   "1e",    "1e-",
                                      "-1",  "1e401", "1..2", "1 ",    "1e-13",
                                      "0x1", "nan",   "1e9",  "1e-1e", "99999999999999999999"};
    int64_t value = 7;
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(import_decimal(view_str(good[i].text), good[i].scale, &value));
        assert_int_equal(value, good[i].value);
    }
    value = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (import_decimal(view_str(bad[i]), 12, &value) || value != 7)
            fail_msg("'%s' is taken for a number", bad[i]);
}

/* More of everything than a config can hold: what fits is carried, and it loads. */
static void test_too_many(void **state)
{
    struct buf text = BUF_MAX(1 << 20);
    (void)state;

    buf_append_lit(&text, "model_list:\n");
    for (unsigned i = 0; i < 1500; i++)
        buf_printf(&text,
                   "- {model_name: m%u, x%u: 1, litellm_params: {model: openai/n%u, api_base: "
                   "\"http://h%u\", input_cost_per_token: 1, output_cost_per_token: 1, api_key: "
                   "os.environ/V%u}}\n",
                   i, i, i, i % 300, i % 300);
    import_done(&result);
    assert_true(import_litellm(buf_view(&text), "in", &result, &error));
    buf_done(&text);
    config_unref(load());
    assert_int_equal(result.n_backends, 256);
    assert_int_equal(result.n_aliases, 1000);
    assert_int_equal(result.n_notes, IMPORT_MAX_NOTES);
    assert_in(&result.notes, "there are more than these 500");
}

/* The command's exit status; what it prints goes nowhere. */
static int run(const char *a, const char *b, const char *c)
{
    char *argv[] = {strdup("import"), a ? strdup(a) : NULL, b ? strdup(b) : NULL,
                    c ? strdup(c) : NULL, NULL};
    int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);

    fflush(NULL);
    FILE *to = tmpfile();
    int kept[2] = {dup(1), dup(2)};
    dup2(fileno(to), 1);
    dup2(fileno(to), 2);
    int status = cli_import(argc, argv);
    fflush(NULL);
    dup2(kept[0], 1);
    dup2(kept[1], 2);
    close(kept[0]);
    close(kept[1]);
    fclose(to);
    for (int i = 0; i < 4; i++)
        free(argv[i]);
    return status;
}

static void test_command(void **state)
{
    char path[4096], out[64], option[80];
    (void)state;

    path_of("hybrid", path, sizeof(path));
    snprintf(out, sizeof(out), "/tmp/weir-import-%d.yaml", (int)getpid());
    snprintf(option, sizeof(option), "--out=%s", out);
    assert_int_equal(run(NULL, NULL, NULL), 2);
    assert_int_equal(run("portkey", path, NULL), 2);
    assert_int_equal(run("litellm", path, "--what"), 2);
    assert_int_equal(run("--help", NULL, NULL), 0);
    assert_int_equal(run("litellm", "/no/such/file", NULL), 1);
    assert_int_equal(run("litellm", path, NULL), 0);
    assert_int_equal(run("litellm", path, option), 0);
    assert_null(getenv("WEIR_IMPORTED_KEY_1")); /* stand-ins do not stay */
    char *text = read_whole(out);
    assert_non_null(strstr(text, "  chat: auto"));
    free(text);
    assert_int_equal(run("litellm", path, option), 1); /* never overwritten */
    unlink(out);
}

static int teardown(void **state)
{
    (void)state;
    import_done(&result);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_anthropic),
        cmocka_unit_test(test_ones),     cmocka_unit_test(test_nothings),
        cmocka_unit_test(test_decimals), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
