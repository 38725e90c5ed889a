#include "llm/dialects.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HEAD         "{\"id\":\"1\",\"model\":\"m\",\"created\":5,"
#define DELTA(d)     HEAD "\"choices\":[{\"index\":0,\"delta\":" d ",\"finish_reason\":null}]}"

/* The events in short: "T(hi) F(1)" and so on. */
static bool tell(void *arg, const struct llm_ev *ev)
{
    static const char *const names[] = {"S", "T", "H", "G", "R", "C", "A", "L", "F", "U", "P", "E"};
    struct buf *out = arg;

    if (out->len)
        buf_append_char(out, ' ');
    buf_append(out, view_str(names[ev->kind]));
    switch ((int)ev->kind) {
    case LLM_EV_CALL:
        buf_printf(out, "%u(%.*s,%.*s)", ev->index, VIEW_ARG(ev->id), VIEW_ARG(ev->name));
        break;
    case LLM_EV_ARGUMENTS:
        buf_printf(out, "%u(%.*s)", ev->index, VIEW_ARG(ev->text));
        break;
    case LLM_EV_FINISH:
        buf_printf(out, "(%d%.*s)", ev->finish, VIEW_ARG(ev->stop));
        break;
    case LLM_EV_USAGE:
        buf_printf(out, "(%u,%u,%u,%u)", ev->usage.input, ev->usage.cached, ev->usage.output,
                   ev->usage.reasoning);
        break;
    case LLM_EV_TEXT:
    case LLM_EV_THINKING:
    case LLM_EV_REFUSAL:
        buf_printf(out, "(%.*s)", VIEW_ARG(ev->text));
    }
    return true;
}

#define CALL(index, id, name, args)                                                             \
    "{\"index\":" index ",\"id\":\"" id "\",\"function\":{\"name\":\"" name "\",\"arguments\":" \
    "\"" args "\"}}"
#define PIECE(index, args) "{\"index\":" index ",\"function\":{\"arguments\":\"" args "\"}}"

static void test_events(void **state)
{
    static const struct {
        const char *data[4], *told;
    } rows[] = {
        {{DELTA("{\"role\":\"assistant\",\"content\":\"\"}"), DELTA("{\"content\":\"h\\u0069\"}"),
          "[DONE]"},
         "S T(hi) E"},
        {{""}, "P"},
        {{DELTA("{\"content\":null,\"tool_calls\":[]}")}, "S"},
        {{DELTA("{\"reasoning\":\"h\",\"reasoning_content\":\"h\",\"content\":\"a\"}")},
         "S H(h) T(a)"},
        {{DELTA("{\"refusal\":\"no\"}")}, "S R(no)"},
        {{DELTA("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"text\":\"b\"}]}")},
         "S T(a) T(b)"},
        /* finish and text in one chunk, members in any order, usage beside them */
        {{"{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,\"prompt_tokens_details\":{"
          "\"cached_tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":2}},"
          "\"choices\":[{\"finish_reason\":\"length\",\"delta\":{\"content\":\"a\"}}]}"},
         "S T(a) F(2) U(9,3,4,2)"},
        {{HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"}, "S U(1,0,0,0)"},
        {{HEAD "\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":\"xy\"}]}"},
         "S F(1xy)"},
        {{HEAD "\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}"}, "S F(4)"},
        {{HEAD "\"choices\":[{\"delta\":{},\"logprobs\":{\"content\":[{\"token\":\"a\"}]}}]}"},
         "S L"},
        /* calls: pieces, whole ones of the same index, named without an index, "stop" behind */
        {{DELTA("{\"tool_calls\":[" CALL("0", "a", "f", "") "]}"),
          DELTA("{\"tool_calls\":[" PIECE("0", "{") "]}"),
          DELTA("{\"tool_calls\":[" CALL("1", "b", "g", "{}") "," PIECE("0", "}") "]}"),
          HEAD "\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"},
         "S C0(a,f) A0({) C1(b,g) A1({}) A0(}) F(3)"},
        {{DELTA("{\"tool_calls\":[" CALL("0", "a", "f", "1") "," CALL("0", "b", "f", "2") "]}"),
          DELTA("{\"tool_calls\":[" PIECE("0", "3") "]}")},
         "S C0(a,f) A0(1) C1(b,f) A1(2) A1(3)"},
        {{DELTA("{\"tool_calls\":[" CALL("0", "a", "f", "1") "]}"),
          DELTA("{\"tool_calls\":[" CALL("0", "a", "f", "2") "]}")},
         "S C0(a,f) A0(1) A0(2)"},
        {{DELTA("{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}},"
                "{\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}")},
         "S C0(,f) A0({\"x\":1}) C1(,f)"},
        {{DELTA("{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}"),
          DELTA("{\"function_call\":{\"arguments\":\"{}\"}}")},
         "S C0(,f) A0({})"},
    };
    struct buf told = BUF_MAX(4096);
    struct arena *a = arena_new(1 << 20);
    struct error err = {.code = ERROR_NONE};
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_reader r = {.dialect = LLM_OPENAI_CHAT, .arena = a};
        buf_reset(&told);
        for (size_t k = 0; k < COUNT(rows[i].data) && rows[i].data[k]; k++)
            if (!openai_chat_ops.event_read(&r, VIEW_NONE, view_str(rows[i].data[k]), tell, &told,
                                            &err))
                fail_msg("row %zu: %s", i, err.text);
        if (!view_eq(buf_view(&told), view_str(rows[i].told)))
            fail_msg("row %zu: got %.*s, want %s", i, VIEW_ARG(buf_view(&told)), rows[i].told);
    }
    buf_done(&told);
    arena_free(a);
}

static void test_errors(void **state)
{
    static const struct {
        const char *data;
        enum error_code code;
    } rows[] = {
        {"{\"error\":{\"message\":\"full\"}}", ERROR_UPSTREAM_STATUS},
        {"{\"object\":\"error\",\"message\":\"full\"}", ERROR_UPSTREAM_STATUS},
        {"{\"choices\":", ERROR_UPSTREAM_PROTOCOL},
        {"{\"choices\":[{\"index\":0,\"index\":1}]}", ERROR_UPSTREAM_PROTOCOL},
        {"[]", ERROR_UPSTREAM_PROTOCOL},
    };
    struct buf told = BUF_MAX(4096);
    struct arena *a = arena_new(1 << 20);
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_reader r = {.arena = a};
        struct error err = {.code = ERROR_NONE};
        assert_false(
            openai_chat_ops.event_read(&r, VIEW_NONE, view_str(rows[i].data), tell, &told, &err));
        assert_int_equal(err.code, rows[i].code);
        assert_false(openai_chat_ops.plain_read(&r, view_str(rows[i].data), tell, &told, &err));
    }
    buf_done(&told);
    arena_free(a);
}

struct chain {
    struct llm_writer w;
    struct buf out;
};

static bool forward(void *arg, const struct llm_ev *ev)
{
    struct chain *c = arg;
    return openai_chat_ops.event_write(&c->w, ev, &c->out);
}

static void read_all(struct view stream, struct arena *a, llm_sink *sink, void *arg)
{
    struct llm_reader r = {.dialect = LLM_OPENAI_CHAT, .arena = a};
    struct view data;
    struct error err = {.code = ERROR_NONE};

    while (golden_event(&stream, &data))
        if (!openai_chat_ops.event_read(&r, VIEW_NONE, data, sink, arg, &err))
            fail_msg("%s: %.*s", err.text, VIEW_ARG(data));
    assert_true(r.started && r.ended);
}

/* What engines sent says the same after it was read, written and read again. */
static void test_golden_streams(void **state)
{
    static const char *const names[] = {
        "vllm/chat_stream.http",
        "vllm/tools_required_stream.http",
        "vllm/chat_stream_continuous_usage.http",
        "llamacpp/chat_stream.http",
        "llamacpp/tools_stream.http",
        "ollama/chat_stream.http",
        "ollama/tools_stream.http",
    };
    (void)state;

    for (size_t i = 0; i < COUNT(names); i++) {
        struct golden g;
        struct arena *a = arena_new(1 << 24);
        struct buf first = BUF_MAX(1 << 20), second = BUF_MAX(1 << 20);
        struct chain c = {.out = BUF_MAX(1 << 20)};
        golden_open(&g, names[i]);
        llm_writer_init(&c.w, LLM_OPENAI_CHAT, false, VIEW("auto"), a);
        c.w.include_usage = true;
        read_all(buf_view(&g.body), a, tell, &first);
        read_all(buf_view(&g.body), a, forward, &c);
        read_all(buf_view(&c.out), a, tell, &second);
        if (i != 2 && !view_eq(buf_view(&first), buf_view(&second))) /* 2: usage on each chunk */
            fail_msg("%s\n%.*s\n%.*s", names[i], VIEW_ARG(buf_view(&first)),
                     VIEW_ARG(buf_view(&second)));
        assert_true(view_ends(buf_view(&c.out), VIEW("data: [DONE]\n\n")));
        assert_int_equal(view_find(buf_view(&c.out), VIEW("\"model\":\"smollm2")), VIEW_NPOS);
        llm_writer_done(&c.w);
        buf_done(&first);
        buf_done(&second);
        buf_done(&c.out);
        golden_close(&g);
        arena_free(a);
    }
}

static void test_golden_plain(void **state)
{
    static const char *const names[] = {
        "vllm/chat.http",      "vllm/chat_logprobs.http",     "vllm/tools_named.http",
        "llamacpp/tools.http", "llamacpp/chat_logprobs.http", "ollama/tools.http"};
    (void)state;

    for (size_t i = 0; i < COUNT(names); i++) {
        struct golden g;
        struct arena *a = arena_new(1 << 24);
        struct buf first = BUF_MAX(1 << 20), second = BUF_MAX(1 << 20);
        struct chain c = {.out = BUF_MAX(1 << 20)};
        struct llm_reader r[3] = {{.arena = a}, {.arena = a}, {.arena = a}};
        struct error err = {.code = ERROR_NONE};
        golden_open(&g, names[i]);
        llm_writer_init(&c.w, LLM_OPENAI_CHAT, true, VIEW("auto"), a);
        assert_true(openai_chat_ops.plain_read(&r[0], buf_view(&g.body), tell, &first, &err));
        assert_true(openai_chat_ops.plain_read(&r[1], buf_view(&g.body), forward, &c, &err));
        assert_true(openai_chat_ops.plain_read(&r[2], buf_view(&c.out), tell, &second, &err));
        if (!view_eq(buf_view(&first), buf_view(&second)))
            fail_msg("%s\n%.*s\n%.*s", names[i], VIEW_ARG(buf_view(&first)),
                     VIEW_ARG(buf_view(&second)));
        llm_writer_done(&c.w);
        buf_done(&first);
        buf_done(&second);
        buf_done(&c.out);
        golden_close(&g);
        arena_free(a);
    }
}

#define CHUNK(rest)                                                           \
    "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":7," \
    "\"model\":\"auto\",\"choices\":[" rest "\n\n"
#define OPEN(delta) \
    CHUNK("{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,\"finish_reason\":null}]}")

static const struct llm_ev events[] = {
    {.kind = LLM_EV_START, .id = VIEW_LIT("x"), .name = VIEW_LIT("m"), .created_s = 7},
    {.kind = LLM_EV_PING},
    {.kind = LLM_EV_THINKING, .text = VIEW_LIT("h")},
    {.kind = LLM_EV_SIGNATURE, .text = VIEW_LIT("sig")},
    {.kind = LLM_EV_TEXT, .text = VIEW_LIT("a\"")},
    {.kind = LLM_EV_CALL, .id = VIEW_LIT("c"), .name = VIEW_LIT("f")},
    {.kind = LLM_EV_ARGUMENTS, .text = VIEW_LIT("{}")},
    {.kind = LLM_EV_USAGE, .usage = {true, 9, 3, 4, 2}},
    {.kind = LLM_EV_FINISH, .finish = LLM_FINISH_CALLS},
    {.kind = LLM_EV_END},
};

static void test_written(void **state)
{
    static const char stream[] = OPEN("\"role\":\"assistant\",\"content\":\"\"") ":\n\n" OPEN(
        "\"reasoning_content\":\"h\"") OPEN("\"content\":\"a\\\"\"")
        OPEN("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{"
             "\"name\":\"f\",\"arguments\":\"\"}}]")
            OPEN("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]")
                CHUNK("{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"tool_"
                      "calls\"}]}") "data: [DONE]\n\n";
    static const char plain[] =
        "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"auto\",\"choices\":"
        "["
        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\\"\",\"refusal\":null,"
        "\"reasoning_content\":\"h\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"logprobs\":null,\"finish_reason\":"
        "\"tool_calls\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,\"total_tokens\":"
        "13"
        ",\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":{"
        "\"reasoning_tokens\":2}}}\n";
    (void)state;

    for (int p = 0; p < 2; p++) {
        struct arena *a = arena_new(1 << 20);
        struct chain c = {.out = BUF_MAX(1 << 16)};
        llm_writer_init(&c.w, LLM_OPENAI_CHAT, p, VIEW("auto"), a);
        for (size_t i = 0; i < COUNT(events); i++)
            assert_true(forward(&c, &events[i]));
        buf_append_char(&c.out, '\0');
        assert_string_equal(c.out.p, p ? plain : stream);
        llm_writer_done(&c.w);
        buf_done(&c.out);
        arena_free(a);
    }
}

/* No id, no finish, a call without an id: all are made. */
static void test_made_up(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct chain c = {.out = BUF_MAX(1 << 16)};
    struct buf told = BUF_MAX(4096);
    (void)state;

    llm_writer_init(&c.w, LLM_OPENAI_CHAT, false, VIEW("auto"), a);
    assert_true(forward(&c, &(struct llm_ev){.kind = LLM_EV_CALL, .name = VIEW("f")}));
    assert_true(forward(&c, &(struct llm_ev){.kind = LLM_EV_CALL, .index = 1, .name = VIEW("f")}));
    assert_true(forward(&c, &(struct llm_ev){.kind = LLM_EV_END}));
    read_all(buf_view(&c.out), a, tell, &told);
    assert_true(view_starts(buf_view(&told), VIEW("S C0(call_")));
    assert_true(view_find(buf_view(&told), VIEW("0,f) C1(call_")) != VIEW_NPOS);
    assert_true(view_ends(buf_view(&told), VIEW("1,f) F(3) E")));
    assert_int_equal(view_find(buf_view(&c.out), VIEW("\"id\":\"\"")), VIEW_NPOS);
    llm_writer_done(&c.w);
    buf_done(&told);
    buf_done(&c.out);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_golden_streams), cmocka_unit_test(test_golden_plain),
        cmocka_unit_test(test_written),        cmocka_unit_test(test_made_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
