/* OpenAI's older completions: what is read of a request, what is edited, what a client gets. */
#include "llm/dialects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *a;

static int set_up(void **state)
{
    (void)state;
    a = arena_new(1 << 22);
    return a ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

#define ASK(more) "{\"model\":\"m\"," more "}"

/* What stands in the way of a translation is kept by name. */
static void test_extras(void **state)
{
    static const struct {
        const char *body, *extra; /* "": none */
        unsigned turns;
    } rows[] = {
        {ASK("\"prompt\":\"a\""), "", 1},
        {ASK("\"prompt\":[\"a\"]"), "", 1},
        {ASK("\"prompt\":\"\""), "", 1},
        {ASK("\"prompt\":[\"a\",\"b\"]"), "prompt", 2},
        {ASK("\"prompt\":[]"), "prompt", 0},
        {ASK("\"prompt\":[1,2]"), "prompt", 1},
        {ASK("\"prompt\":[[1],[2]]"), "prompt", 1},
        {ASK("\"prompt\":\"a\",\"echo\":false,\"best_of\":1,\"n\":1,\"suffix\":\"\",\"logprobs\":"
             "null"),
         "", 1},
        {ASK("\"prompt\":\"a\",\"echo\":true"), "echo", 1},
        {ASK("\"prompt\":\"a\",\"best_of\":2"), "best_of", 1},
        {ASK("\"prompt\":\"a\",\"n\":2"), "n", 1},
        {ASK("\"prompt\":\"a\",\"suffix\":\"b\""), "suffix", 1},
        {ASK("\"prompt\":\"a\",\"logprobs\":0"), "logprobs", 1},
        {ASK("\"prompt\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]"), "messages",
         1},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_neutral n;
        struct error err;
        if (!openai_completions_ops.request_read(view_str(rows[i].body), a, &n, &err))
            fail_msg("%s: %s", rows[i].body, err.text);
        assert_int_equal(n.n_turns, rows[i].turns);
        assert_int_equal(n.n_extras, rows[i].extra[0] ? 1 : 0);
        if (n.n_extras && !view_eq(n.extras[0], view_str(rows[i].extra)))
            fail_msg("%s: %.*s", rows[i].body, VIEW_ARG(n.extras[0]));
    }
}

static void test_pass(void **state)
{
    static const struct {
        const char *body, *out, *notes;
    } rows[] = {
        {"{ \"model\" : \"m\",\"prompt\":\"a\" }", "{ \"model\" : \"x\",\"prompt\":\"a\" }", ""},
        {"{\"prompt\":\"a\",\"stream\":true,\"model\":\"m\"}",
         "{\"stream_options\":{\"include_usage\":true},\"prompt\":\"a\",\"stream\":true,"
         "\"model\":\"x\"}",
         "include_usage added"},
        {"{\"prompt\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":false},"
         "\"model\":\"m\"}",
         "{\"prompt\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
         "\"model\":\"x\"}",
         "include_usage added"},
        {"{\"stream_options\":null,\"prompt\":\"a\",\"stream\":true,\"model\":\"m\"}",
         "{\"stream_options\":{\"include_usage\":true},\"prompt\":\"a\",\"stream\":true,"
         "\"model\":\"x\"}",
         "include_usage added"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_request q;
        struct llm_body body;
        struct view notes;
        struct error err;
        struct buf out = BUF_MAX(4096);
        assert_true(llm_request_read(LLM_OPENAI_COMPLETIONS, view_str(rows[i].body), a, &q, &err));
        struct llm_rewrite rw = {.model = VIEW("x"), .add_usage = q.stream};
        assert_true(openai_completions_ops.request_pass(&q, &rw, a, &body, &notes, &err));
        for (unsigned k = 0; k < body.n; k++)
            buf_append(&out, body.pieces[k]);
        if (!view_eq(buf_view(&out), view_str(rows[i].out)))
            fail_msg("\ngot  %.*s\nwant %s", VIEW_ARG(buf_view(&out)), rows[i].out);
        assert_true(view_eq(notes, view_str(rows[i].notes)));
        buf_done(&out);
    }
}

/* Text alone is said; an answer whose upstream told no finish has one all the same. */
static void test_answers(void **state)
{
    static const struct llm_ev events[] = {
        {.kind = LLM_EV_START, .created_s = 5},
        {.kind = LLM_EV_THINKING, .text = VIEW_LIT("hm")},
        {.kind = LLM_EV_TEXT, .text = VIEW_LIT("a\"b")},
        {.kind = LLM_EV_FINISH, .finish = LLM_FINISH_LENGTH},
        {.kind = LLM_EV_USAGE, .usage = {.reported = true, .input = 3, .output = 2}},
        {.kind = LLM_EV_END},
    };
#define HEAD                                                                                       \
    "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":" \
    "["
#define USAGE "{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}"
#define CHOICE(text, finish) \
    "{\"text\":\"" text "\",\"index\":0,\"logprobs\":null,\"finish_reason\":" finish "}]"
    static const struct {
        bool plain, usage;
        unsigned without; /* the index of an event that does not come; 0: all come */
        const char *out;
    } rows[] = {
        {true, true, 0, HEAD CHOICE("a\\\"b", "\"length\"") ",\"usage\":" USAGE "}\n"},
        {false, false, 0,
         "data: " HEAD CHOICE("a\\\"b", "null") "}\n\ndata: " HEAD CHOICE(
             "", "\"length\"") "}\n\ndata: [DONE]\n\n"},
        {false, false, 3,
         "data: " HEAD CHOICE("a\\\"b", "null") "}\n\ndata: " HEAD CHOICE(
             "", "\"stop\"") "}\n\ndata: [DONE]\n\n"},
        {false, true, 2,
         "data: " HEAD CHOICE("", "\"length\"") ",\"usage\":null}\n\ndata: " HEAD
                                                "],\"usage\":" USAGE "}\n\ndata: [DONE]\n\n"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_writer w;
        struct buf out = BUF_MAX(4096);
        llm_writer_init(&w, LLM_OPENAI_COMPLETIONS, rows[i].plain, VIEW("m"), a);
        snprintf(w.id, sizeof(w.id), "cmpl-1");
        w.include_usage = rows[i].usage;
        for (unsigned k = 0; k < COUNT(events); k++)
            if (k == 0 || k != rows[i].without)
                assert_true(openai_completions_ops.event_write(&w, &events[k], &out));
        if (!view_eq(buf_view(&out), view_str(rows[i].out)))
            fail_msg("row %zu\ngot  %.*s\nwant %s", i, VIEW_ARG(buf_view(&out)), rows[i].out);
        buf_done(&out);
        llm_writer_done(&w);
    }
}

/* Only engines that go on with a text themselves are asked to. */
static void test_ways(void **state)
{
    static const struct {
        enum llm_dialect backend;
        enum engine engine;
        enum llm_dialect asked;
    } rows[] = {
        {LLM_OPENAI_CHAT, ENGINE_VLLM, LLM_OPENAI_COMPLETIONS},
        {LLM_OPENAI_CHAT, ENGINE_LLAMACPP, LLM_OPENAI_COMPLETIONS},
        {LLM_OPENAI_CHAT, ENGINE_OPENAI, LLM_OPENAI_CHAT},
        {LLM_OPENAI_CHAT, ENGINE_OLLAMA, LLM_OPENAI_CHAT},
        {LLM_OPENAI_RESPONSES, ENGINE_VLLM, LLM_OPENAI_RESPONSES},
        {LLM_ANTHROPIC, ENGINE_ANTHROPIC, LLM_ANTHROPIC},
        {LLM_OLLAMA, ENGINE_OLLAMA, LLM_OLLAMA},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        enum llm_dialect asked = LLM_OLLAMA_EMBED;
        assert_true(llm_asked_in(LLM_OPENAI_COMPLETIONS, rows[i].backend, rows[i].engine, &asked));
        assert_int_equal(asked, rows[i].asked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extras),
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_ways),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
