/* Which candidates of a plan are left out because their dialect cannot say the request. */
#include "gateway/sayable.h"

#include "../fleet/support.h"

#define ASK(more) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]" more "}"
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

static struct config *config;
static struct arena *arena;

static int setup(void **state)
{
    struct error err = {0};
    (void)state;

    config = config_load(
        "test.yaml",
        VIEW("backends:\n"
             "  - {name: chat, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n"
             "  - {name: claude, side: outside, engine: anthropic, url: 'http://127.0.0.1:2'}\n"
             "  - {name: llama, side: inside, engine: ollama, url: 'http://127.0.0.1:3'}\n"
             "  - {name: chat2, side: outside, engine: openai, url: 'http://127.0.0.1:4'}\n"),
        &err);
    if (!config)
        fail_msg("%s %s", err.text, err.hint);
    arena = arena_new(1 << 20);
    return arena ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    config_unref(config);
    arena_free(arena);
    return 0;
}

/* A plan of these backends, "012": their indices in the order of the walk. */
static struct plan plan_of(const char *backends)
{
    struct plan plan = {0};

    for (; *backends; backends++) {
        unsigned i = (unsigned)(*backends - '0');
        plan.candidates[plan.n_candidates++] = (struct plan_candidate){
            .backend = i, .backend_name = config->backends[i].name, .model = VIEW("some-model")};
    }
    return plan;
}

static struct llm_request request_of(const char *body)
{
    struct llm_request request;
    struct error err;

    if (!llm_request_read(LLM_OPENAI_CHAT, view_str(body), arena, &request, &err))
        fail_msg("%s", err.text);
    return request;
}

static void test_sift(void **state)
{
    static const struct {
        const char *body, *plan, *left, *reason; /* of the first one that is left out */
    } rows[] = {
        {ASK(""), "0123", "0123", ""},
        {ASK(",\"top_k\":5,\"store\":true"), "012", "012", ""}, /* a loss, and harmless */
        {ASK(",\"n\":2"), "0123", "03", "n cannot be said"},
        {ASK(",\"n\":2"), "1203", "03", "n cannot be said"},
        {ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
             "{\"type\":\"web_search\"}]"),
         "01", "0", "tools[1].type: anthropic has no web_search"},
        {ASK(",\"temperature\":1.5"), "021", "02", "The Anthropic messages API cannot say temp"},
        {ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
             "\"parallel_tool_calls\":false"),
         "012", "01", "parallel_tool_calls: Ollama's API cannot say that one"},
        /* what only the full reading looks at */
        {ASK(",\"stop\":{}"), "0312", "03", "stop"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct plan plan = plan_of(rows[i].plan);
        struct llm_request request = request_of(rows[i].body);
        struct error err = {0};
        char left[8] = "";
        if (!sayable_sift(config, &request, arena, &plan, arena, &err))
            fail_msg("row %zu: %s", i, err.text);
        for (unsigned k = 0; k < plan.n_candidates; k++)
            left[k] = (char)('0' + plan.candidates[k].backend);
        assert_string_equal(left, rows[i].left);
        assert_int_equal(plan.n_candidates + plan.n_skipped, strlen(rows[i].plan));
        if (plan.n_skipped && !view_starts(plan.skipped[0].reason, view_str(rows[i].reason)))
            fail_msg("row %zu: %.*s", i, VIEW_ARG(plan.skipped[0].reason));
        if (plan.n_skipped)
            expect_view(plan.skipped[0].model, "some-model");
    }
}

static void test_nobody_is_left(void **state)
{
    struct plan plan = plan_of("12");
    struct llm_request request = request_of(ASK(",\"n\":3"));
    struct error err = {0};
    (void)state;

    assert_false(sayable_sift(config, &request, arena, &plan, arena, &err));
    assert_int_equal(err.code, ERROR_BAD_VALUE);
    assert_string_equal(err.param, "n");
    assert_int_equal(plan.n_candidates, 0);
    assert_int_equal(plan.n_skipped, 2);
}

/* Where all speak the client's dialect nothing is read again; else once, and kept. */
static void test_one_reading(void **state)
{
    struct plan same = plan_of("03"), mixed = plan_of("012");
    struct llm_request request = request_of(ASK(""));
    struct error err;
    (void)state;

    assert_true(sayable_sift(config, &request, arena, &same, arena, &err));
    assert_null(request.neutral);
    assert_true(sayable_sift(config, &request, arena, &mixed, arena, &err));
    const struct llm_neutral *kept = request.neutral;
    assert_non_null(kept);
    assert_ptr_equal(llm_request_neutral(&request, arena, &err), kept);
}

/* Room for the reading is missing: that is no reason to leave a candidate out. */
static void test_no_memory(void **state)
{
    struct plan plan = plan_of("01");
    struct llm_request request = request_of(ASK(""));
    struct arena *tiny = arena_new(1);
    struct error err = {0};
    (void)state;

    assert_non_null(tiny);
    assert_false(sayable_sift(config, &request, tiny, &plan, arena, &err));
    assert_int_equal(err.code, ERROR_NO_MEMORY);
    assert_int_equal(plan.n_candidates, 2);
    arena_free(tiny);
}

/* By the endpoints that backends have, and by who may be told what to load. */
static void test_ways(void **state)
{
    static const struct {
        enum llm_dialect client;
        const char *body, *left, *reason;
    } rows[] = {
        {LLM_OPENAI_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"a\"}", "023",
         "anthropic has no endpoint for openai-embeddings"},
        {LLM_OPENAI_EMBEDDINGS, "{\"model\":\"m\",\"input\":[1,2]}", "03",
         "anthropic has no endpoint for openai-embeddings"},
        {LLM_OLLAMA_EMBED, "{\"model\":\"m\",\"input\":\"a\"}", "023",
         "anthropic has no endpoint for ollama-embed"},
        {LLM_OLLAMA_EMBEDDINGS, "{\"model\":\"m\",\"prompt\":\"a\"}", "023",
         "anthropic has no endpoint for ollama-embeddings"},
        {LLM_OPENAI_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"a\"}", "0123", ""},
        {LLM_OPENAI_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"a\",\"echo\":true}", "0",
         "echo cannot be said"},
        {LLM_OLLAMA, "{\"model\":\"m\"}", "2", "It is not told what to load"},
        {LLM_OLLAMA_GENERATE, "{\"model\":\"m\",\"prompt\":\"\"}", "2",
         "It is not told what to load"},
        {LLM_OLLAMA_GENERATE, "{\"model\":\"m\",\"prompt\":\"Hi\"}", "0123", ""},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct plan plan = plan_of("0123");
        struct llm_request request;
        struct error err = {0};
        char left[8] = "";
        if (!llm_request_read(rows[i].client, view_str(rows[i].body), arena, &request, &err) ||
            !sayable_sift(config, &request, arena, &plan, arena, &err))
            fail_msg("row %zu: %s", i, err.text);
        for (unsigned k = 0; k < plan.n_candidates; k++)
            left[k] = (char)('0' + plan.candidates[k].backend);
        assert_string_equal(left, rows[i].left);
        if (plan.n_skipped && !view_starts(plan.skipped[0].reason, view_str(rows[i].reason)))
            fail_msg("row %zu: %.*s", i, VIEW_ARG(plan.skipped[0].reason));
    }
}

/* Then Weir answers itself: no candidate is no error. */
static void test_nobody_loads(void **state)
{
    struct plan plan = plan_of("013");
    struct llm_request request;
    struct error err = {0};
    (void)state;

    assert_true(llm_request_read(LLM_OLLAMA, VIEW("{\"model\":\"m\"}"), arena, &request, &err));
    assert_true(sayable_sift(config, &request, arena, &plan, arena, &err));
    assert_int_equal(plan.n_candidates, 0);
    assert_int_equal(plan.n_skipped, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_sift),        TEST(test_nobody_is_left),
                                       TEST(test_one_reading), TEST(test_no_memory),
                                       TEST(test_ways),        TEST(test_nobody_loads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
