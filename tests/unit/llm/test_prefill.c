#include "llm/prefill.h"

#include "llm/dialect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TURN "{\"role\":\"assistant\",\"content\":\"So \\\"far\\\"\"}"
#define ASK  "{\"role\":\"user\",\"content\":\"Hi\"}"

static void test_one_turn_more(void **state)
{
    static const struct {
        enum llm_dialect dialect;
        uint32_t spent;
        const char *body, *want; /* NULL: it cannot be gone on with */
    } rows[] = {
        {LLM_OPENAI_CHAT, 40, "{\"model\":\"m\",\"messages\":[" ASK "]}",
         "{\"model\":\"m\",\"messages\":[" ASK "," TURN "]}"},
        {LLM_OPENAI_CHAT, 40, "{\"messages\" : [ " ASK " ] , \"model\":\"m\",\"top_k\":3}",
         "{\"messages\" : [ " ASK " ," TURN "] , \"model\":\"m\",\"top_k\":3}"},
        {LLM_OPENAI_CHAT, 40, "{\"model\":\"m\",\"max_tokens\": 100,\"messages\":[" ASK "]}",
         "{\"model\":\"m\",\"max_tokens\": 60,\"messages\":[" ASK "," TURN "]}"},
        {LLM_OPENAI_CHAT, 40, "{\"model\":\"m\",\"messages\":[" ASK "],\"max_tokens\":40}",
         "{\"model\":\"m\",\"messages\":[" ASK "," TURN "],\"max_tokens\":1}"},
        {LLM_OPENAI_CHAT, 7,
         "{\"model\":\"m\",\"messages\":[" ASK
         "],\"max_completion_tokens\":10,\"max_tokens\":null}",
         "{\"model\":\"m\",\"messages\":[" ASK "," TURN
         "],\"max_completion_tokens\":3,\"max_tokens\":null}"},
        {LLM_ANTHROPIC, 40,
         "{\"model\":\"m\",\"max_tokens\":64,\"system\":\"S\",\"messages\":[" ASK "]}",
         "{\"model\":\"m\",\"max_tokens\":24,\"system\":\"S\",\"messages\":[" ASK "," TURN "]}"},
        {LLM_OLLAMA, 40,
         "{\"model\":\"m\",\"options\":{\"seed\":1,\"num_predict\":50},\"messages\":[" ASK "]}",
         "{\"model\":\"m\",\"options\":{\"seed\":1,\"num_predict\":10},\"messages\":[" ASK "," TURN
         "]}"},
        {LLM_OLLAMA, 40,
         "{\"model\":\"m\",\"messages\":[" ASK "],\"options\":{\"num_predict\":-1}}",
         "{\"model\":\"m\",\"messages\":[" ASK "," TURN "],\"options\":{\"num_predict\":-1}}"},
        {LLM_OPENAI_RESPONSES, 40, "{\"model\":\"m\",\"input\":\"Hi\",\"max_output_tokens\":50}",
         "{\"model\":\"m\",\"input\":[" ASK "," TURN "],\"max_output_tokens\":10}"},
        {LLM_OPENAI_RESPONSES, 40, "{\"model\":\"m\",\"input\":[" ASK "]}",
         "{\"model\":\"m\",\"input\":[" ASK "," TURN "]}"},
        {LLM_OLLAMA_GENERATE, 40, "{\"model\":\"m\",\"prompt\":\"Hi\"}", NULL},
        {LLM_OPENAI_COMPLETIONS, 40, "{\"model\":\"m\",\"prompt\":\"Hi\"}", NULL},
    };
    struct arena *a = arena_new(4 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct llm_request request, more;
        struct error err = {0};
        assert_true(llm_request_read(rows[i].dialect, view_str(rows[i].body), a, &request, &err));
        bool ok = llm_prefill(&request, VIEW("So \"far\""), rows[i].spent, a, &more, &err);
        if (ok != (rows[i].want != NULL) || (ok && !view_eq(more.body, view_str(rows[i].want))))
            fail_msg("row %zu: %s", i, ok ? "another body" : err.text);
        if (!ok)
            continue;
        const struct llm_neutral *n = llm_request_neutral(&more, a, &err);
        assert_non_null(n);
        assert_int_equal(n->turns[n->n_turns - 1].role, LLM_ASSISTANT);
        assert_true(view_eq(n->turns[n->n_turns - 1].parts[0].text, VIEW("So \"far\"")));
        arena_reset(a);
    }
    arena_free(a);
}

static void test_which_requests(void **state)
{
    static const struct {
        const char *more;
        bool may;
    } rows[] = {
        {"\"n\":1", true},
        {"\"temperature\":0.5,\"stop\":[\"x\"],\"tools\":[]", true},
        {"\"n\":2", false},
        {"\"logprobs\":true", false},
        {"\"response_format\":{\"type\":\"text\"}", true},
        {"\"response_format\":{\"type\":\"json_object\"}", false},
        {"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\","
         "\"schema\":{}}}",
         false},
    };
    struct arena *a = arena_new(4 << 20);
    struct llm_request request;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view body =
            arena_printf(a, "{\"model\":\"m\",\"messages\":[" ASK "],%s}", rows[i].more);
        assert_true(llm_request_read(LLM_OPENAI_CHAT, body, a, &request, &err));
        const struct llm_neutral *n = llm_request_neutral(&request, a, &err);
        if (!n || llm_may_go_on(n) != rows[i].may)
            fail_msg("%s", rows[i].more);
    }
    /* the client has begun the answer itself */
    struct view begun = VIEW("{\"model\":\"m\",\"messages\":[" ASK "," TURN "]}");
    assert_true(llm_request_read(LLM_OPENAI_CHAT, begun, a, &request, &err));
    assert_false(llm_may_go_on(llm_request_neutral(&request, a, &err)));
    arena_free(a);
}

static void test_who_goes_on(void **state)
{
    static const struct {
        enum engine engine;
        enum llm_dialect asked;
        const char *model;
        bool goes_on;
    } rows[] = {
        {ENGINE_VLLM, LLM_OPENAI_CHAT, "m", true},
        {ENGINE_VLLM, LLM_OPENAI_RESPONSES, "m", false},
        {ENGINE_VLLM, LLM_ANTHROPIC, "m", false},
        {ENGINE_LLAMACPP, LLM_OPENAI_CHAT, "m", true},
        {ENGINE_LLAMACPP, LLM_ANTHROPIC, "m", true},
        {ENGINE_OLLAMA, LLM_OLLAMA, "m", true},
        {ENGINE_OLLAMA, LLM_OPENAI_CHAT, "m", false},
        {ENGINE_OPENAI, LLM_OPENAI_CHAT, "gpt-4o", false},
        {ENGINE_OPENAI, LLM_OPENAI_CHAT, "claude-haiku-4-5", false},
        {ENGINE_ANTHROPIC, LLM_ANTHROPIC, "claude-haiku-4-5", true},
        {ENGINE_ANTHROPIC, LLM_ANTHROPIC, "claude-opus-4-6", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (llm_goes_on(rows[i].engine, rows[i].asked, view_str(rows[i].model)) != rows[i].goes_on)
            fail_msg("row %zu", i);
}

static void test_how_it_is_said_to_vllm(void **state)
{
    struct view body = VIEW("{\"model\":\"m\",\"messages\":[" ASK "," TURN "]}");
    struct view flags = VIEW("\"continue_final_message\":true,\"add_generation_prompt\":false");
    struct llm_rewrite rewrite = {.model = VIEW("x"), .goes_on = true};
    struct arena *a = arena_new(1 << 20);
    struct buf written = BUF_MAX(4096), passed = BUF_MAX(4096), notes = BUF_MAX(256);
    struct llm_request request;
    struct llm_body out;
    struct view ignored;
    struct error err;

    (void)state;
    assert_true(llm_request_read(LLM_OPENAI_CHAT, body, a, &request, &err));
    assert_true(llm_request_write(&request, &rewrite, a, &out, &ignored, &err));
    for (unsigned i = 0; i < out.n; i++)
        buf_append(&passed, out.pieces[i]);
    assert_true(view_eq(view_first(view_skip(buf_view(&passed), 1), flags.n), flags));
    const struct llm_neutral *n = llm_request_neutral(&request, a, &err);
    assert_true(llm_dialect(LLM_OPENAI_CHAT)->request_write(n, &rewrite, &written, &notes, &err));
    assert_int_not_equal(view_find(buf_view(&written), flags), VIEW_NPOS);
    assert_true(llm_request_read(LLM_OPENAI_CHAT, buf_view(&passed), a, &request, &err));
    buf_done(&written);
    buf_done(&passed);
    buf_done(&notes);
    arena_free(a);
}

static void test_ollama_generates_from_what_it_rendered(void **state)
{
    static const struct {
        const char *rendered, *prompt; /* NULL: no prompt to go on from */
    } rows[] = {
        {"{\"_debug_info\":{\"rendered_template\":\"<u>Hi</u><a>So "
         "#weir-goes-on-from-here#</a>\"}}",
         "<u>Hi</u><a>So "},
        {"{\"_debug_info\":{\"rendered_template\":\"\\u003ca>#weir-goes-on-from-here#"
         " far#weir-goes-on-from-here#\"}}",
         "<a>#weir-goes-on-from-here# far"},
        {"{\"_debug_info\":{\"rendered_template\":\"<a>So far</a>\"}}", NULL},
        {"{\"message\":{\"content\":\"Hello\"},\"done\":true}", NULL},
        {"no JSON", NULL},
    };
    struct view chat = VIEW("{\"model\":\"m\",\"messages\":[],\"think\":false,\"stream\":true,"
                            "\"options\":{\"seed\":1},\"keep_alive\":5}");
    struct arena *a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = BUF_MAX(4096);
        bool ok = llm_prefill_generate(chat, view_str(rows[i].rendered), a, &out);
        assert_int_equal(ok, rows[i].prompt != NULL);
        struct view want =
            arena_printf(a,
                         "{\"raw\":true,\"prompt\":\"%s\",\"model\":\"m\","
                         "\"stream\":true,\"options\":{\"seed\":1},\"keep_alive\":5}",
                         rows[i].prompt ? rows[i].prompt : "");
        assert_true(!ok || view_eq(buf_view(&out), want));
        buf_done(&out);
    }
    struct buf render = BUF_MAX(4096);
    llm_prefill_render(VIEW("{\"model\":\"m\"}"), &render);
    assert_true(view_eq(buf_view(&render), VIEW("{\"_debug_render_only\":true,\"model\":\"m\"}")));
    buf_done(&render);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_turn_more),
        cmocka_unit_test(test_which_requests),
        cmocka_unit_test(test_who_goes_on),
        cmocka_unit_test(test_how_it_is_said_to_vllm),
        cmocka_unit_test(test_ollama_generates_from_what_it_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
