#include "llm/answer.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HEAD         "{\"id\":\"1\",\"model\":\"m\","
#define HEAD_OUT     "data: {\"id\":\"1\",\"model\":\"auto\","
#define DELTA(d)     "\"choices\":[{\"index\":0,\"delta\":" d ",\"finish_reason\":null}]}"

enum {
    CONTENT = LLM_EVENT_CONTENT,
    FINISH = LLM_EVENT_FINISH,
    USAGE = LLM_EVENT_USAGE,
    ERROR = LLM_EVENT_ERROR,
    DONE = LLM_EVENT_DONE,
};

static struct llm_answer fresh(bool hide)
{
    return (struct llm_answer){.model = VIEW("auto"), .hide_usage = hide};
}

static void test_events(void **state)
{
    static const struct {
        const char *data;
        bool hide;
        unsigned events;
        uint64_t text;
        const char *out; /* "=": the data, framed, with the model replaced */
    } rows[] = {
        {HEAD DELTA("{\"role\":\"assistant\"}"), false, 0, 0, "="},
        {HEAD DELTA("{\"role\":\"assistant\",\"content\":\"\"}"), false, 0, 0, "="},
        {HEAD DELTA("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]}"), false, 0, 0,
         "="},
        {HEAD DELTA("{}"), false, 0, 0, "="},
        {HEAD DELTA("null"), false, 0, 0, "="},
        {HEAD DELTA("{\"content\":\" hi\"}"), false, CONTENT, 3, "="},
        {HEAD DELTA("{\"refusal\":\"no\"}"), false, CONTENT, 2, "="},
        {HEAD DELTA("{\"reasoning\":\"hmm\",\"reasoning_content\":\"hmm\"}"), false, CONTENT, 3,
         "="},
        {HEAD DELTA("{\"reasoning\":\"hmm\",\"content\":\"\"}"), false, CONTENT, 3, "="},
        {HEAD DELTA("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), false, CONTENT, 28, "="},
        {HEAD DELTA("{\"content\":[]}"), false, 0, 0, "="},
        {HEAD DELTA(
             "{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"),
         false, CONTENT, 3, "="},
        {HEAD DELTA("{\"tool_calls\":[{\"index\":0}]}"), false, CONTENT, 0, "="},
        {HEAD DELTA("{\"tool_calls\":null,\"function_call\":null}"), false, 0, 0, "="},
        {HEAD DELTA("{\"function_call\":{\"name\":\"\"}}"), false, CONTENT, 0, "="},
        {HEAD DELTA("{\"audio\":{\"id\":\"a\"}}"), false, CONTENT, 0, "="},
        {HEAD "\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", false, FINISH, 0, "="},
        {HEAD "\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null},"
              "{\"index\":1,\"finish_reason\":\"stop\",\"delta\":{\"content\":\"bc\"}}]}",
         false, CONTENT | FINISH, 3, "="},
        /* usage: shown, hidden, and not mistaken for what it is not */
        {HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}", false,
         USAGE, 0, "="},
        {HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}", true,
         USAGE, 0, ""},
        {HEAD "\"choices\":[],\"prompt_filter_results\":[]}", true, 0, 0, "="},
        {HEAD "\"choices\":[],\"usage\":null}", true, 0, 0, HEAD_OUT "\"choices\":[]}\n\n"},
        {HEAD "\"choices\":[],\"usage\":{}}", false, 0, 0, "="},
        {HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":\"3\"}}", false, 0, 0, "="},
        {HEAD "\"usage\":{\"prompt_tokens\":3}," DELTA("{\"content\":\"a\"}"), true,
         CONTENT | USAGE, 1, HEAD_OUT DELTA("{\"content\":\"a\"}") "\n\n"},
        {"{\"usage\":null, \"model\":\"m\"," DELTA("{\"content\":\"a\"}"), true, CONTENT, 1,
         "data: { \"model\":\"auto\"," DELTA("{\"content\":\"a\"}") "\n\n"},
        {HEAD "\"choices\":[{}],\"usage\":{\"completion_tokens\":1} }", true, USAGE, 0,
         HEAD_OUT "\"choices\":[{}] }\n\n"},
        {"{\"choices\":[{}] , \"usage\":null,\"model\":\"m\",\"timings\":{\"x\":1.50}}", true, 0, 0,
         "data: {\"choices\":[{}] ,\"model\":\"auto\",\"timings\":{\"x\":1.50}}\n\n"},
        /* the model's name, wherever and whatever it is */
        {"{\"choices\":[],\"model\":null}", false, 0, 0,
         "data: {\"choices\":[],\"model\":\"auto\"}\n\n"},
        {"{\"mod\\u0065l\" : \"a\\\"b\"}", false, 0, 0, "data: {\"mod\\u0065l\" : \"auto\"}\n\n"},
        {"{\"x\":{\"model\":\"m\"}}", false, 0, 0, "data: {\"x\":{\"model\":\"m\"}}\n\n"},
        /* an event in several lines keeps its frame */
        {"{\"a\":1,\n\"model\":\n\"m\"}", false, 0, 0,
         "data: {\"a\":1,\ndata: \"model\":\ndata: \"auto\"}\n\n"},
        {"[DONE]", false, DONE, 0, ""},
        {" [DONE] ", false, DONE, 0, ""},
        {"", false, 0, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_answer answer = fresh(rows[i].hide);
        struct buf out = BUF_MAX(1 << 16), want = BUF_MAX(1 << 16);
        unsigned events = 77;
        struct error err;

        if (!llm_answer_event(&answer, VIEW_NONE, view_str(rows[i].data), &out, &events, &err))
            fail_msg("row %zu refused: %s", i, err.text);
        if (rows[i].out[0] == '=') {
            buf_append_lit(&want, "data: ");
            golden_replace(view_str(rows[i].data), VIEW("\"model\":\"m\""),
                           VIEW("\"model\":\"auto\""), &want);
            buf_append_lit(&want, "\n\n");
        } else {
            buf_append(&want, view_str(rows[i].out));
        }
        if (events != rows[i].events || answer.text_bytes != rows[i].text)
            fail_msg("row %zu: events %u, text %u", i, events, (unsigned)answer.text_bytes);
        if (!view_eq(buf_view(&out), buf_view(&want)))
            fail_msg("row %zu: %.*s", i, VIEW_ARG(buf_view(&out)));
        buf_done(&out);
        buf_done(&want);
    }
}

static void test_usage(void **state)
{
    struct llm_answer answer = fresh(false);
    struct buf out = BUF_MAX(1 << 16);
    struct error err;
    unsigned events;

    (void)state;
    static const char *const chunks[] = {
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":99999999999,"
        "\"prompt_tokens_details\":{\"audio_tokens\":0,\"cached_tokens\":64},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":32},\"total_tokens\":-5}}",
        "{\"choices\":[],\"usage\":null}",
    };
    for (size_t i = 0; i < COUNT(chunks); i++)
        assert_true(llm_answer_event(&answer, VIEW_NONE, view_str(chunks[i]), &out, &events, &err));
    assert_true(answer.usage.reported);
    assert_int_equal(answer.usage.input, 100);
    assert_int_equal(answer.usage.cached, 64);
    assert_int_equal(answer.usage.output, UINT32_MAX);
    assert_int_equal(answer.usage.reasoning, 32);
    buf_done(&out);
}

static void test_error_events(void **state)
{
    static const struct {
        const char *data, *text;
    } rows[] = {
        {"{\"error\":{\"message\":\"out of\\nmemory\",\"code\":500}}",
         "The backend answered with an error: out of memory"},
        {"{\"error\":\"Unauthorized\"}", "The backend answered with an error: Unauthorized"},
        {"{\"object\":\"error\",\"message\":\"boom\",\"code\":400}",
         "The backend answered with an error: boom"},
        {"{\"error\":{}}", "The backend answered with an error that says nothing."},
    };
    struct llm_answer answer = fresh(false);
    struct buf out = BUF_MAX(1 << 16);
    struct error err;
    unsigned events;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(
            llm_answer_event(&answer, VIEW_NONE, view_str(rows[i].data), &out, &events, &err));
        assert_int_equal(events, ERROR);
        assert_int_equal(err.code, ERROR_UPSTREAM_STATUS);
        assert_string_equal(err.text, rows[i].text);
        assert_int_equal(out.len, 0);
    }
    assert_true(llm_answer_event(&answer, VIEW_NONE, VIEW("{\"error\":null,\"choices\":[]}"), &out,
                                 &events, &err));
    assert_int_equal(events, 0);
    buf_done(&out);
}

static void test_bad_events(void **state)
{
    static const char *const rows[] = {
        "{",
        "[]",
        "5",
        "[DONE",
        "{\"choices\":5}",
        "{\"choices\":[5]}",
        "{} {}",
        "{\"choices\":[{\"finish_reason\":5}]}",
        "{\"model\":\"a\",\"model\":\"b\"}",
        "{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_answer answer = fresh(false);
        struct buf out = BUF_MAX(1 << 16);
        struct error err;
        unsigned events;

        assert_false(llm_answer_event(&answer, VIEW_NONE, view_str(rows[i]), &out, &events, &err));
        assert_int_equal(err.code, ERROR_UPSTREAM_PROTOCOL);
        assert_int_equal(out.len, 0);
    }
}

static void test_full_buffer(void **state)
{
    struct llm_answer answer = fresh(false);
    struct buf out = BUF_MAX(20);
    struct error err;
    unsigned events;

    (void)state;
    assert_false(llm_answer_event(&answer, VIEW_NONE, view_str(HEAD DELTA("{\"content\":\"a\"}")),
                                  &out, &events, &err));
    assert_int_equal(err.code, ERROR_NO_MEMORY);
    assert_int_equal(answer.text_bytes, 0);
    buf_done(&out);
}

static void test_plain(void **state)
{
    static const char body[] =
        "{ \"id\":\"1\",\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"hello\","
        "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        "\"finish_reason\":\"a_reason_longer_than_its_place\"}],\"model\" : \"m\",\"usage\":{"
        "\"prompt_tokens\":3,\"completion_tokens\":2},\"timings\":{\"prompt_ms\":1.500} }\n";
    struct arena *a = arena_new(4096);
    struct llm_answer answer = fresh(true); /* a plain answer keeps its usage */
    struct buf out = BUF_MAX(4096), want = BUF_MAX(4096);
    struct llm_body pieces;
    struct error err;

    (void)state;
    assert_true(llm_answer_plain(&answer, view_str(body), a, &pieces, &err));
    for (unsigned i = 0; i < pieces.n; i++)
        buf_append(&out, pieces.pieces[i]);
    golden_replace(view_str(body), VIEW("\"m\""), VIEW("\"auto\""), &want);
    assert_true(view_eq(buf_view(&out), buf_view(&want)));
    assert_int_equal(pieces.bytes, out.len);
    assert_int_equal(answer.text_bytes, 8);
    assert_int_equal(answer.usage.output, 2);
    assert_string_equal(answer.finish, "a_reason_longer_than_it");

    assert_false(
        llm_answer_plain(&answer, VIEW("{\"error\":{\"message\":\"x\"}}"), a, &pieces, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_STATUS);
    assert_false(llm_answer_plain(&answer, VIEW("{\"choices\":[]}"), a, &pieces, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_PROTOCOL);
    assert_false(llm_answer_plain(&answer, VIEW("<html>"), a, &pieces, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_PROTOCOL);
    buf_done(&out);
    buf_done(&want);
    arena_free(a);
}

struct recorded {
    const char *name, *model;
    unsigned contents; /* events with content */
    const char *finish;
    bool usage;
    uint32_t input, output, cached;
    uint64_t text;
};

/* One event against what memmem() makes of it. */
static void check_out(struct view data, const struct recorded *x, struct view got, bool dropped)
{
    struct buf from = BUF_MAX(256), want = BUF_MAX(1 << 20);

    buf_printf(&from, "\"model\":\"%s\"", x->model);
    if (!dropped) {
        buf_append_lit(&want, "data: ");
        golden_replace(data, buf_view(&from), VIEW("\"model\":\"auto\""), &want);
        buf_append_lit(&want, "\n\n");
        assert_false(view_eq(data, buf_view(&want)));
    }
    if (!view_eq(got, buf_view(&want)))
        fail_msg("%s: %.*s", x->name, VIEW_ARG(got));
    buf_done(&from);
    buf_done(&want);
}

static void run_stream(const struct recorded *x)
{
    struct llm_answer answer = fresh(false);
    struct golden g;
    unsigned contents = 0, all = 0;

    golden_open(&g, x->name);
    struct view rest = buf_view(&g.body), data;
    while (golden_event(&rest, &data)) {
        struct buf out = BUF_MAX(1 << 20);
        struct error err;
        unsigned events;

        if (!llm_answer_event(&answer, VIEW_NONE, data, &out, &events, &err))
            fail_msg("%s: %s", x->name, err.text);
        contents += (events & CONTENT) != 0;
        all |= events;
        check_out(data, x, buf_view(&out), (events & DONE) != 0);
        buf_done(&out);
    }
    assert_int_equal(rest.n, 0);
    if (contents != x->contents || answer.text_bytes != x->text)
        fail_msg("%s: %u events of content, %u bytes", x->name, contents,
                 (unsigned)answer.text_bytes);
    assert_string_equal(answer.finish, x->finish);
    assert_int_equal(all, CONTENT | FINISH | DONE | (x->usage ? USAGE : 0));
    assert_int_equal(answer.usage.reported, x->usage);
    assert_int_equal(answer.usage.input, x->input);
    assert_int_equal(answer.usage.output, x->output);
    assert_int_equal(answer.usage.cached, x->cached);
    golden_close(&g);
}

static void test_recorded_streams(void **state)
{
    static const struct recorded rows[] = {
        {"llamacpp/chat_stream.http", "smollm2-135m", 8, "length", true, 33, 8, 32, 28},
        {"llamacpp/chat_stream_nousage.http", "smollm2-135m", 4, "length", false, 0, 0, 0, 10},
        {"llamacpp/tools_stream.http", "smollm2-135m", 8, "tool_calls", true, 105, 25, 104, 37},
        {"ollama/chat_stream.http", "smollm2:135m", 8, "length", true, 12, 8, 0, 24},
        {"ollama/chat_stream_nousage.http", "smollm2:135m", 4, "length", false, 0, 0, 0, 11},
        {"ollama/tools_stream.http", "smollm2:135m", 1, "tool_calls", true, 74, 31, 0, 31},
        {"vllm/chat_stream.http", "smollm2-135m", 8, "length", true, 33, 8, 0, 33},
        {"vllm/chat_stream_continuous_usage.http", "smollm2-135m", 3, "length", true, 33, 3, 0, 12},
        {"vllm/chat_stream_nousage.http", "smollm2-135m", 4, "length", false, 0, 0, 0, 20},
        {"vllm/tools_required_stream.http", "smollm2-135m", 6, "tool_calls", true, 34, 53, 0, 20},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        run_stream(&rows[i]);
}

static void test_recorded_plain(void **state)
{
    static const struct recorded rows[] = {
        {"llamacpp/chat.http", "smollm2-135m", 0, "length", true, 33, 12, 24, 49},
        {"llamacpp/chat_logprobs.http", "smollm2-135m", 0, "length", true, 33, 2, 32, 6},
        {"llamacpp/chat_n2.http", "smollm2-135m", 0, "length", true, 33, 3, 32, 26},
        {"llamacpp/chat_stop.http", "smollm2-135m", 0, "stop", true, 33, 7, 32, 19},
        {"llamacpp/err_unknown_model.http", "smollm2-135m", 0, "length", true, 33, 2, 32, 6},
        {"llamacpp/json_schema.http", "smollm2-135m", 0, "stop", true, 34, 24, 24, 50},
        {"llamacpp/tools.http", "smollm2-135m", 0, "tool_calls", true, 105, 25, 0, 37},
        {"llamacpp/tools_ignored_by_template.http", "smollm2-135m", 0, "length", true, 34, 60, 24,
         262},
        {"ollama/chat.http", "smollm2:135m", 0, "length", true, 12, 12, 0, 36},
        {"ollama/chat_logprobs.http", "smollm2:135m", 0, "length", true, 12, 2, 0, 3},
        {"ollama/chat_n2.http", "smollm2:135m", 0, "length", true, 12, 3, 0, 13},
        {"ollama/chat_stop.http", "smollm2:135m", 0, "length", true, 12, 20, 0, 66},
        {"ollama/json_schema.http", "smollm2:135m", 0, "stop", true, 13, 16, 0, 40},
        {"ollama/tools.http", "smollm2:135m", 0, "tool_calls", true, 74, 31, 0, 31},
        {"vllm/chat.http", "smollm2-135m", 0, "length", true, 33, 12, 0, 45},
        {"vllm/chat_logprobs.http", "smollm2-135m", 0, "length", true, 33, 2, 0, 11},
        {"vllm/chat_n2.http", "smollm2-135m", 0, "length", true, 33, 6, 0, 23},
        {"vllm/chat_stop.http", "smollm2-135m", 0, "stop", true, 33, 13, 0, 46},
        {"vllm/json_schema.http", "smollm2-135m", 0, "stop", true, 34, 16, 0, 34},
        {"vllm/tools_named.http", "smollm2-135m", 0, "stop", true, 34, 53, 0, 20},
        {"vllm/tools_required.http", "smollm2-135m", 0, "tool_calls", true, 34, 53, 0, 20},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct recorded *x = &rows[i];
        struct arena *a = arena_new(4096);
        struct llm_answer answer = fresh(false);
        struct buf out = BUF_MAX(1 << 20), framed = BUF_MAX(1 << 20);
        struct llm_body body;
        struct error err;
        struct golden g;

        golden_open(&g, x->name);
        if (!llm_answer_plain(&answer, buf_view(&g.body), a, &body, &err))
            fail_msg("%s: %s", x->name, err.text);
        for (unsigned k = 0; k < body.n; k++)
            buf_append(&out, body.pieces[k]);
        buf_append_lit(&framed, "data: ");
        buf_append(&framed, buf_view(&out));
        buf_append_lit(&framed, "\n\n");
        check_out(buf_view(&g.body), x, buf_view(&framed), false);
        if (answer.text_bytes != x->text || strcmp(answer.finish, x->finish) != 0)
            fail_msg("%s: %u bytes, %s", x->name, (unsigned)answer.text_bytes, answer.finish);
        assert_int_equal(answer.usage.input, x->input);
        assert_int_equal(answer.usage.output, x->output);
        assert_int_equal(answer.usage.cached, x->cached);
        buf_done(&out);
        buf_done(&framed);
        golden_close(&g);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),           cmocka_unit_test(test_usage),
        cmocka_unit_test(test_error_events),     cmocka_unit_test(test_bad_events),
        cmocka_unit_test(test_full_buffer),      cmocka_unit_test(test_plain),
        cmocka_unit_test(test_recorded_streams), cmocka_unit_test(test_recorded_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
