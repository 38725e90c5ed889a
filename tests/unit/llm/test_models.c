#include "llm/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define T ABILITY_TOOLS
#define I ABILITY_IMAGES
#define S ABILITY_SCHEMA

static void test_facts(void **state)
{
    static const struct {
        const char *name;
        struct llm_model_facts want;
    } rows[] = {
        {"gpt-5-mini", {400000, T | I | S, true, true, true, false}},
        {"openai/GPT-5.1-2025-11-13", {400000, T | I | S, true, true, true, false}},
        {"gpt-5-chat-latest", {128000, I | S, true, false, false, false}},
        {"gpt-5.2-chat-latest", {128000, T | I | S, true, false, false, false}},
        {"gpt-5.4-mini-2026-03-17", {400000, T | I | S, true, true, true, false}},
        {"gpt-5.4", {1050000, T | I | S, true, true, true, false}},
        {"gpt-6.1-sol", {1050000, T | I | S, true, true, true, false}},
        {"o3-mini", {200000, T | S, true, true, true, false}},
        {"o1", {200000, T | I | S, true, true, true, false}},
        {"gpt-4o-mini-2024-07-18", {128000, T | I | S, true, false, false, false}},
        {"ft:gpt-4o-mini:acme::x1", {128000, T | I | S, true, false, false, false}},
        {"gpt-4.1-nano", {1047576, T | I | S, true, false, false, false}},
        {"gpt-4", {8192, T, true, false, false, false}},
        {"claude-3-5-sonnet-20241022", {200000, T | I, true, .goes_on = true}},
        {"claude-opus-4-20250514", {200000, T | I, true, .goes_on = true}},
        {"claude-opus-4-1", {200000, T | I, true, .goes_on = true}},
        {"claude-opus-4-5", {200000, T | I, true, .goes_on = true}},
        {"claude-haiku-4-5-20251001", {200000, T | I, true, .goes_on = true}},
        {"claude-opus-4-6", {1000000, T | I, true, false, false, false}},
        {"claude-opus-4-10", {200000, T | I, true, false, false, false}},
        {"claude-sonnet-5", {1000000, T | I, true, false, false, false}},
        {"llama3.1:8b", {131072, T | S, true, false, false, false}},
        {"meta-llama/Llama-3.1-8B-Instruct", {131072, T | S, true, false, false, false}},
        {"meta-llama/Meta-Llama-3-8B-Instruct", {8192, S, true, false, false, false}},
        {"llama3:latest", {8192, S, true, false, false, false}},
        {"llama3.2-vision:11b", {131072, I | S, true, false, false, false}},
        {"Qwen/Qwen2.5-7B-Instruct-AWQ", {32768, T | S, true, false, false, false}},
        {"qwen3:8b", {40960, T | S, true, false, false, false}},
        {"Qwen/Qwen3-30B-A3B-Instruct-2507", {262144, T | S, true, false, false, false}},
        {"mistral:7b", {32768, T | S, true, false, false, false}},
        {"gemma3:4b", {131072, I | S, true, false, false, false}},
        {"gemma3:1b", {32768, S, true, false, false, false}},
        {"phi4", {16384, S, true, false, false, false}},
        {"deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", {131072, S, true, false, false, false}},
        {"openai/gpt-oss-20b", {131072, T | S, true, false, false, false}},
        {"smollm2:135m", {8192, S, true, false, false, false}},
        {"nomic-embed-text:v1.5", {0, ABILITY_EMBEDDINGS, true, false, false, true}},
        {"text-embedding-3-small", {0, ABILITY_EMBEDDINGS, true, false, false, true}},
        {"qwen3-embedding:0.6b", {0, ABILITY_EMBEDDINGS, true, false, false, true}},
        {"all-minilm:l6-v2", {512, ABILITY_EMBEDDINGS, true, false, false, true}},
        {"BAAI/bge-m3", {0, ABILITY_EMBEDDINGS, true, false, false, true}},
        {"whisper-1", {0, 0, true, false, false, true}},
        {"my-own-model", {0}},
        {"", {0}},
        {"/", {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct llm_model_facts got = llm_model_facts(view_str(rows[i].name));
        const struct llm_model_facts *want = &rows[i].want;
        if (got.window != want->window || got.abilities != want->abilities ||
            got.known != want->known || got.max_completion_tokens != want->max_completion_tokens ||
            got.drop_sampling != want->drop_sampling || got.no_chat != want->no_chat ||
            got.goes_on != want->goes_on)
            fail_msg("%s: window %u, abilities %u", rows[i].name, got.window, got.abilities);
    }
}

static void test_remote_names(void **state)
{
    static const struct {
        const char *name;
        bool remote;
    } rows[] = {
        {"gpt-oss:120b-cloud", true}, {"glm-4.6:cloud", true}, {"me/x:1b-Cloud", true},
        {"gpt-oss:120b", false},      {"cloud", false},        {"cloud-model:8b", false},
        {"a:cloudy", false},          {"a:mycloud", false},    {"a-cloud", false},
        {"host:5000/a:cloud", true},  {"host:5000/a", false},  {"", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (llm_model_is_remote(view_str(rows[i].name)) != rows[i].remote)
            fail_msg("%s", rows[i].name);
}

static void test_long_name(void **state)
{
    char name[1000];

    (void)state;
    memset(name, 'x', sizeof(name));
    memcpy(name, "gpt-5", 5);
    assert_true(llm_model_facts(view_of(name, sizeof(name))).known);
}

/* A row behind a wider one would never be seen. */
static void test_every_row_counts(void **state)
{
    static const struct view patterns[] = {
#define MODEL(pattern, window, abilities, traits) VIEW_LIT(pattern),
#include "llm/models.def"
#undef MODEL
    };
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        for (size_t k = 0; k < i; k++)
            if (view_matches_glob(patterns[i], patterns[k]))
                fail_msg("%.*s is hidden by %.*s", VIEW_ARG(patterns[i]), VIEW_ARG(patterns[k]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_remote_names),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_every_row_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
