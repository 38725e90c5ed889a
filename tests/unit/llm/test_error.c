#include "llm/answer.h"
#include "json/reader.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void test_message(void **state)
{
    static const struct {
        struct view body;
        const char *message;
    } rows[] = {
        {VIEW_LIT("{\"error\":{\"message\":\"no \\u20ac\",\"type\":\"x\"}}"), "no \xe2\x82\xac"},
        {VIEW_LIT("{\"error\":\"Unauthorized\"}"), "Unauthorized"},
        {VIEW_LIT("{\"detail\":\"Not Found\"}"), "Not Found"},
        {VIEW_LIT("{\"object\":\"error\",\"message\":\"m\"}"), "m"},
        {VIEW_LIT("{\"error\":{\"code\":5},\"x\":[1]}"), "fallback"},
        {VIEW_LIT("{\"error\":{\"message\":null}}"), "fallback"},
        {VIEW_LIT("{\"error\":{\"message\":\"\"}}"), "fallback"},
        {VIEW_LIT("{\"error\":\"cut"), "fallback"},
        {VIEW_LIT("<html>Bad gateway</html>"), "fallback"},
        {VIEW_LIT("[]"), "fallback"},
        {VIEW_LIT(""), "fallback"},
        {VIEW_LIT(" \n"), "fallback"},
        {VIEW_LIT("404 page not found\n"), "404 page not found"},
        {VIEW_LIT("a\r\n\tb\x01\x7f"
                  "c\xff"),
         "a b c\xef\xbf\xbd"},
        {VIEW_LIT("{\"error\":{\"message\":\"line\\nline\\u0000\\u001b[31m\"}}"), "line line [31m"},
    };
    struct arena *a = arena_new(1 << 16);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct view got = llm_error_message(rows[i].body, a, VIEW("fallback"));
        if (!view_eq(got, view_str(rows[i].message)))
            fail_msg("row %zu: %.*s", i, VIEW_ARG(got));
    }
    arena_free(a);
}

static void test_too_long(void **state)
{
    static const struct {
        struct view body;
        bool too_long;
    } rows[] = {
        {VIEW_LIT("{\"error\":{\"code\":400,\"message\":\"request (5031 tokens) exceeds\","
                  "\"type\":\"exceed_context_size_error\",\"n_ctx\":2048}}"),
         true},
        {VIEW_LIT("{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\","
                  "\"param\":\"messages\",\"code\":\"context_length_exceeded\"}}"),
         true},
        {VIEW_LIT("{\"error\":{\"message\":\"m\",\"param\":\"input_tokens\",\"code\":400}}"), true},
        {VIEW_LIT(
             "{\"object\":\"error\",\"message\":\"This model's maximum context length is 9\"}"),
         true},
        {VIEW_LIT("{\"error\":\"the input length exceeds the context length\"}"), true},
        {VIEW_LIT("{\"error\":{\"message\":\"m\",\"param\":\"temperature\",\"code\":null}}"),
         false},
        {VIEW_LIT("{\"error\":{\"message\":\"m\",\"code\":400},\"note\":\"context length\"}"),
         false},
        {VIEW_LIT("{\"error\":{\"error\":{\"code\":\"context_length_exceeded\"}}}"), false},
        {VIEW_LIT("{\"error\":{\"code\":\"context_length_exceeded\"}"), false},
        {VIEW_LIT("[\"context_length_exceeded\"]"), false},
        {VIEW_LIT("the context length"), false},
        {VIEW_LIT(""), false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (llm_error_is_too_long(rows[i].body) != rows[i].too_long)
            fail_msg("row %zu: %.*s", i, VIEW_ARG(rows[i].body));
}

static void test_long_message(void **state)
{
    struct arena *a = arena_new(1 << 16);
    struct buf b = BUF_MAX(1 << 16);

    (void)state;
    buf_append_lit(&b, "{\"error\":\"");
    for (int i = 0; i < 3000; i++)
        buf_append_lit(&b, "\xe2\x82\xac");
    buf_append_lit(&b, "\"}");
    struct view got = llm_error_message(buf_view(&b), a, VIEW("fallback"));
    assert_in_range(got.n, 390, 400);
    assert_int_equal(got.n % 3, 0); /* whole characters */
    buf_done(&b);
    arena_free(a);
}

static void test_recorded_messages(void **state)
{
    static const struct {
        const char *name;
        int status;
        const char *begins;
    } rows[] = {
        {"llamacpp/err_context.http", 400, "request ("},
        {"llamacpp/err_no_key.http", 401, "Invalid API Key"},
        {"llamacpp/err_404.http", 404, "File Not Found"},
        {"ollama/err_404.http", 404, "404 page not found"},
        {"ollama/err_unknown_model.http", 404, "model 'no-such-model' not found"},
        {"ollama/err_malformed_json.http", 400, "unexpected EOF"},
        {"ollama/overload_503_chat.http", 503, "server busy"},
        {"vllm/err_404.http", 404, "Not Found"},
        {"vllm/err_no_key.http", 401, "Unauthorized"},
        {"vllm/err_context_stream.http", 400, "This model's maximum context length is"},
        {"vllm/overload_503_stream.http", 503, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 16);
        struct golden g;

        golden_open(&g, rows[i].name);
        struct view got = llm_error_message(buf_view(&g.body), a, VIEW("fallback"));
        assert_int_equal(g.status, rows[i].status);
        if (!view_starts(got, view_str(rows[i].begins)) || view_eq(got, VIEW("fallback")))
            fail_msg("%s: %.*s", rows[i].name, VIEW_ARG(got));
        golden_close(&g);
        arena_free(a);
    }
}

static void test_write(void **state)
{
    struct error err;
    struct buf out = BUF_MAX(4096);

    (void)state;
    error_set(&err, ERROR_BAD_VALUE, "stream is \"a string\".");
    error_hint(&err, "Write true or false.");
    error_param(&err, VIEW("stream"));
    llm_error_write(LLM_OPENAI_CHAT, &err, &out);
    assert_true(view_eq(buf_view(&out),
                        VIEW("{\"error\":{\"message\":\"stream is \\\"a string\\\". Write true or "
                             "false.\",\"type\":\"invalid_request_error\",\"param\":\"stream\","
                             "\"code\":\"invalid_value\"}}\n")));
    buf_reset(&out);
    error_set(&err, ERROR_UPSTREAM_CUT, "The answer was cut.");
    llm_error_event(LLM_OPENAI_CHAT, &err, &out);
    assert_true(view_eq(buf_view(&out),
                        VIEW("data: {\"error\":{\"message\":\"The answer was cut.\",\"type\":"
                             "\"api_error\",\"param\":null,\"code\":\"upstream_cut\"}}\n\n")));
    assert_true(view_eq(llm_end_mark(LLM_OPENAI_CHAT), VIEW("data: [DONE]\n\n")));
    buf_done(&out);
}

/* The longest error that fits its struct is still one JSON object. */
static void test_write_long(void **state)
{
    struct error err = {.code = ERROR_INTERNAL};
    struct buf out = BUF_MAX(1 << 16);
    struct json_reader r;

    (void)state;
    memset(err.text, '"', sizeof(err.text) - 1);
    memset(err.hint, 1, sizeof(err.hint) - 1);
    memset(err.param, 0xff, sizeof(err.param) - 1);
    llm_error_write(LLM_OPENAI_CHAT, &err, &out);
    json_begin(&r, buf_view(&out));
    assert_true(json_skip(&r) && json_end(&r));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_long),     cmocka_unit_test(test_message),
        cmocka_unit_test(test_long_message), cmocka_unit_test(test_recorded_messages),
        cmocka_unit_test(test_write),        cmocka_unit_test(test_write_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
