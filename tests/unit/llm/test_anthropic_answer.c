/* Anthropic answers: read, written, passed; and errors. */
#include "llm/dialects.h"
#include "json/reader.h"
#include "json/writer.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 24);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Events in words, and what a writer made of them. */
struct told {
    struct buf words, out;
    struct llm_writer w;
};

static bool tell(void *arg, const struct llm_ev *ev)
{
    static const char *const names[] = {"start",   "text",  "thinking",  "signature",
                                        "refusal", "call",  "arguments", "logprobs",
                                        "finish",  "usage", "ping",      "end"};
    struct told *t = arg;

    buf_printf(&t->words, "%s", names[ev->kind]);
    if (ev->kind == LLM_EV_CALL)
        buf_printf(&t->words, "(%u %.*s %.*s)", ev->index, VIEW_ARG(ev->id), VIEW_ARG(ev->name));
    else if (ev->kind == LLM_EV_START)
        buf_printf(&t->words, "(%.*s %.*s)", VIEW_ARG(ev->id), VIEW_ARG(ev->name));
    else if (ev->kind == LLM_EV_FINISH)
        buf_printf(&t->words, "(%d%.*s)", (int)ev->finish, VIEW_ARG(ev->stop));
    else if (ev->kind == LLM_EV_USAGE)
        buf_printf(&t->words, "(%u/%u+%u %u/%u)", ev->usage.input, ev->usage.cached,
                   ev->usage.written, ev->usage.output, ev->usage.reasoning);
    else if (ev->text.n)
        buf_printf(&t->words, "(%.*s)", VIEW_ARG(ev->text));
    buf_append_char(&t->words, ' ');
    assert_true(anthropic_ops.event_write(&t->w, ev, &t->out));
    return true;
}

static void told_begin(struct told *t, bool plain)
{
    *t = (struct told){.words = BUF_MAX(1 << 20), .out = BUF_MAX(1 << 20)};
    llm_writer_init(&t->w, LLM_ANTHROPIC, plain, VIEW("auto"), arena);
}

static void told_end(struct told *t)
{
    llm_writer_done(&t->w);
    buf_done(&t->words);
    buf_done(&t->out);
}

/* The next SSE event of `rest`. */
static bool next_event(struct view *rest, struct view *ret_name, struct view *ret_data)
{
    size_t end = view_find(*rest, VIEW("\n\n"));

    if (end == VIEW_NPOS)
        return false;
    struct view event = view_first(*rest, end);
    *rest = view_skip(*rest, end + 2);
    while (event.n && event.p[0] == '\n')
        event = view_skip(event, 1);
    assert_true(view_starts(event, VIEW("event: ")));
    *ret_name = view_skip(view_cut(&event, '\n'), 7);
    assert_true(view_starts(event, VIEW("data: ")));
    *ret_data = view_skip(event, 6);
    return true;
}

static void read_stream(struct view stream, struct told *t)
{
    struct llm_reader r = {.dialect = LLM_ANTHROPIC, .arena = arena};
    struct view name, data;
    struct error err = {.code = ERROR_NONE};

    while (next_event(&stream, &name, &data))
        if (!anthropic_ops.event_read(&r, name, data, tell, t, &err))
            fail_msg("%s: %.*s", err.text, VIEW_ARG(data));
}

#define EV(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define START(usage)                                                                 \
    EV("message_start",                                                              \
       ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\"," \
       "\"model\":\"auto\",\"content\":[],\"stop_reason\":null,"                     \
       "\"stop_sequence\":null,\"usage\":" usage "}")
#define BLOCK(i, b) \
    EV("content_block_start", ",\"index\":" i ",\"content_block\":{\"type\":\"" b "}")
#define DELTA(i, d) EV("content_block_delta", ",\"index\":" i ",\"delta\":{\"type\":\"" d "}")
#define STOP(i)     EV("content_block_stop", ",\"index\":" i)

/* A stream of every kind of event is written as it was read. */
static const char whole[] = START(
    "{\"input_tokens\":1,\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":32,"
    "\"output_tokens\":0}") EV("ping", "") BLOCK("0",
                                                 "thinking\",\"thinking\":\"\",\"signature\":\"\"")
    DELTA("0", "thinking_delta\",\"thinking\":\"h\\\"m\"")
        DELTA("0", "signature_delta\",\"signature\":\"sg\"") STOP("0") BLOCK(
            "1", "redacted_thinking\",\"data\":\"rr\"") STOP("1") BLOCK("2", "text\",\"text\":\"\"")
            DELTA("2", "text_delta\",\"text\":\"Hi\"") DELTA("2",
                                                             "text_delta\",\"text\":\" \xc3\xa9\"")
                STOP("2") BLOCK("3", "tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}") DELTA(
                    "3", "input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"")
                    DELTA("3", "input_json_delta\",\"partial_json\":\":1}\"") STOP("3") BLOCK(
                        "4", "tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}") STOP("4")
                        EV("message_delta",
                           ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},"
                           "\"usage\":{"
                           "\"input_tokens\":1,\"cache_creation_input_tokens\":2,\"cache_read_"
                           "input_tokens\":32,"
                           "\"output_tokens\":9,\"output_tokens_details\":{\"thinking_tokens\":4}}")
                            EV("message_stop", "");

static void test_stream(void **state)
{
    struct told t;

    (void)state;
    told_begin(&t, false);
    read_stream(view_str(whole), &t);
    assert_string_equal((buf_append_char(&t.words, '\0'), t.words.p),
                        "start(msg_1 auto) usage(35/32+2 0/0) ping thinking(h\"m) signature(sg) "
                        "signature(rr) text(Hi) text( \xc3\xa9) call(0 t1 f) arguments({\"a\") "
                        "arguments(:1}) call(1 t2 g) finish(3) usage(35/32+2 9/4) end ");
    if (!view_eq(buf_view(&t.out), view_str(whole)))
        fail_msg("%.*s", VIEW_ARG(buf_view(&t.out)));
    told_end(&t);
}

static const char plain_body[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"auto\",\"content\":["
    "{\"type\":\"thinking\",\"thinking\":\"h\\\"m\",\"signature\":\"sg\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"rr\"},{\"type\":\"text\",\"text\":\"Hi \xc3\xa9\"},"
    "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":1}},"
    "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}],"
    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,"
    "\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":32,\"output_tokens\":9,"
    "\"output_tokens_details\":{\"thinking_tokens\":4}}}\n";

static void test_plain(void **state)
{
    struct told t;
    struct llm_reader r = {.dialect = LLM_ANTHROPIC, .arena = arena};
    struct error err = {.code = ERROR_NONE};

    (void)state;
    told_begin(&t, true);
    assert_true(anthropic_ops.plain_read(&r, view_str(plain_body), tell, &t, &err));
    if (!view_eq(buf_view(&t.out), view_str(plain_body)))
        fail_msg("%.*s", VIEW_ARG(buf_view(&t.out)));
    told_end(&t);
    /* the stream, gathered */
    told_begin(&t, true);
    read_stream(view_str(whole), &t);
    if (!view_eq(buf_view(&t.out), view_str(plain_body)))
        fail_msg("%.*s", VIEW_ARG(buf_view(&t.out)));
    told_end(&t);
}

static void test_stops(void **state)
{
    static const struct {
        enum llm_finish finish;
        const char *stop, *refusal, *want;
        bool call;
    } rows[] = {
        {LLM_FINISH_STOP, "", "", "\"stop_reason\":\"end_turn\",\"stop_sequence\":null}", false},
        {LLM_FINISH_NONE, "", "", "\"stop_reason\":\"end_turn\"", false},
        {LLM_FINISH_CALLS, "", "", "\"stop_reason\":\"end_turn\"", false},
        {LLM_FINISH_STOP, "", "", "\"stop_reason\":\"tool_use\"", true},
        {LLM_FINISH_STOP, "x", "", "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"x\"",
         false},
        {LLM_FINISH_LENGTH, "", "", "\"stop_reason\":\"max_tokens\"", true},
        {LLM_FINISH_FILTER, "", "", "\"stop_reason\":\"refusal\"", false},
        {LLM_FINISH_PAUSE, "", "", "\"stop_reason\":\"pause_turn\"", false},
        {LLM_FINISH_STOP, "", "no",
         "\"stop_details\":{\"type\":\"refusal\",\"category\":null,"
         "\"explanation\":\"no\"}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct told t;
        told_begin(&t, false);
        tell(&t, &(struct llm_ev){.kind = LLM_EV_START, .id = VIEW("m")});
        if (rows[i].call)
            tell(&t, &(struct llm_ev){.kind = LLM_EV_CALL, .name = VIEW("f")});
        tell(&t, &(struct llm_ev){.kind = LLM_EV_REFUSAL, .text = view_str(rows[i].refusal)});
        tell(&t, &(struct llm_ev){.kind = LLM_EV_FINISH,
                                  .finish = rows[i].finish,
                                  .stop = view_str(rows[i].stop)});
        tell(&t, &(struct llm_ev){.kind = LLM_EV_END});
        if (view_find(buf_view(&t.out), view_str(rows[i].want)) == VIEW_NPOS)
            fail_msg("row %zu: %.*s", i, VIEW_ARG(buf_view(&t.out)));
        told_end(&t);
    }
}

/* Calls without ids, or with one twice, get their own; mixed pieces are put together. */
static void test_calls(void **state)
{
    struct told t;

    (void)state;
    told_begin(&t, true);
    for (unsigned i = 0; i < 3; i++)
        tell(&t, &(struct llm_ev){.kind = LLM_EV_CALL,
                                  .index = i,
                                  .name = VIEW("f"),
                                  .id = i ? VIEW("c1") : VIEW_NONE});
    assert_memory_equal(t.w.calls[0].id, "toolu_", 6);
    assert_string_equal(t.w.calls[1].id, "c1");
    assert_memory_equal(t.w.calls[2].id, "toolu_", 6);
    assert_string_not_equal(t.w.calls[0].id, t.w.calls[2].id);
    static const char *const pieces[] = {"{\"a\"", "{\"b\"", ":1}", ":2}"};
    for (unsigned i = 0; i < 4; i++)
        tell(&t, &(struct llm_ev){
                     .kind = LLM_EV_ARGUMENTS, .index = i % 2, .text = view_str(pieces[i])});
    tell(&t, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS, .index = 2, .text = VIEW("\"x\"")});
    tell(&t, &(struct llm_ev){.kind = LLM_EV_END});
    assert_true(view_find(buf_view(&t.out), VIEW("\"input\":{\"a\":1}}")) != VIEW_NPOS);
    assert_true(view_find(buf_view(&t.out), VIEW("\"input\":{\"b\":2}}")) != VIEW_NPOS);
    assert_true(view_find(buf_view(&t.out), VIEW("\"input\":{\"arguments\":\"\\\"x\\\"\"}}")) !=
                VIEW_NPOS);
    told_end(&t);
    /* a stream cannot go back */
    struct buf out = BUF_MAX(1 << 16);
    told_begin(&t, false);
    tell(&t, &(struct llm_ev){.kind = LLM_EV_CALL, .index = 0, .name = VIEW("f")});
    tell(&t, &(struct llm_ev){.kind = LLM_EV_CALL, .index = 1, .name = VIEW("f")});
    assert_false(anthropic_ops.event_write(
        &t.w, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS, .index = 0, .text = VIEW("{}")}, &out));
    told_end(&t);
    buf_done(&out);
}

/* All the partial_json of a streamed call, which clients join and read. */
static void test_streamed_arguments(void **state)
{
    static const struct {
        const char *pieces[4], *told[6];
    } cases[] = {
        {{" ", "\n{\"a\"", ": 1}"}, {"{\"a\"", ": 1}"}},
        {{"\"ga", "ben", "\""}, {"{\"arguments\":\"", "\\\"ga", "ben", "\\\"", "\"}"}},
        {{"7"}, {"{\"arguments\":\"", "7", "\"}"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf wanted = BUF_MAX(1 << 12);
        struct told t;
        told_begin(&t, false);
        for (unsigned call = 0; call < 2; call++) {
            tell(&t, &(struct llm_ev){.kind = LLM_EV_CALL, .index = call, .name = VIEW("f")});
            for (unsigned k = 0; k < 4 && cases[i].pieces[k]; k++)
                tell(&t, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS,
                                          .index = call,
                                          .text = view_str(cases[i].pieces[k])});
        }
        tell(&t, &(struct llm_ev){.kind = LLM_EV_END});
        struct view rest = buf_view(&t.out), mark = VIEW("\"partial_json\":");
        for (unsigned call = 0; call < 2; call++)
            for (unsigned k = 0; k < 6 && cases[i].told[k]; k++) {
                size_t at = view_find(rest, mark);
                assert_true(at != VIEW_NPOS);
                rest = view_skip(rest, at + mark.n);
                buf_reset(&wanted);
                json_quote(&wanted, view_str(cases[i].told[k]));
                assert_true(view_starts(rest, buf_view(&wanted)));
            }
        assert_true(view_find(rest, mark) == VIEW_NPOS);
        told_end(&t);
        buf_done(&wanted);
    }
}

static const struct {
    const char *name, *usage;
    bool stream;
} goldens[] = {
    {"llamacpp/messages.http", "usage(33/32+0 6/0)", false},
    {"ollama/messages.http", "usage(12/0+0 6/0)", false},
    {"vllm/messages.http", "usage(33/0+0 6/0)", false},
    {"llamacpp/messages_stream.http", "usage(33/32+0 6/0)", true},
    {"ollama/messages_stream.http", "usage(12/0+0 6/0)", true},
    {"vllm/messages_stream.http", "usage(33/0+0 6/0)", true},
    {"llamacpp/messages_tools_stream.http", "usage(100/81+0 ", true},
};

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goldens); i++) {
        struct golden g;
        struct told t;
        struct llm_reader r = {.dialect = LLM_ANTHROPIC, .arena = arena};
        struct llm_answer answer = {.model = VIEW("au\"to")};
        struct error err = {.code = ERROR_NONE};
        struct llm_body body;
        golden_open(&g, goldens[i].name);
        told_begin(&t, !goldens[i].stream);
        if (goldens[i].stream) {
            struct view rest = buf_view(&g.body), name, data;
            struct buf out = BUF_MAX(1 << 20), want = BUF_MAX(1 << 20);
            unsigned kinds, all = 0;
            read_stream(rest, &t);
            while (next_event(&rest, &name, &data)) {
                out.len = want.len = 0;
                assert_true(anthropic_ops.event_pass(&answer, name, data, &out, &kinds, &err));
                all |= kinds;
                buf_printf(&want, "event: %.*s\ndata: ", VIEW_ARG(name));
                struct buf renamed = BUF_MAX(1 << 20);
                golden_replace(data, VIEW("\"model\":\"smollm2-135m\""),
                               VIEW("\"model\":\"au\\\"to\""), &renamed);
                golden_replace(buf_view(&renamed), VIEW("\"model\":\"smollm2:135m\""),
                               VIEW("\"model\":\"au\\\"to\""), &want);
                buf_done(&renamed);
                buf_append_lit(&want, "\n\n");
                if (!view_eq(buf_view(&out), buf_view(&want)))
                    fail_msg("%.*s", VIEW_ARG(buf_view(&out)));
            }
            assert_int_equal(all, LLM_EVENT_CONTENT | LLM_EVENT_FINISH | LLM_EVENT_USAGE |
                                      LLM_EVENT_DONE);
            assert_int_equal(answer.usage.input, t.w.usage.input);
            buf_done(&out);
            buf_done(&want);
        } else {
            assert_true(anthropic_ops.plain_read(&r, buf_view(&g.body), tell, &t, &err));
            assert_true(anthropic_ops.plain_pass(&answer, buf_view(&g.body), arena, &body, &err));
            assert_int_equal(body.n, 3);
            assert_true(view_eq(body.pieces[1], VIEW("\"au\\\"to\"")));
        }
        assert_true(answer.text_bytes > 0);
        assert_string_equal(answer.finish, "max_tokens");
        if (view_find(buf_view(&t.words), view_str(goldens[i].usage)) == VIEW_NPOS ||
            !view_ends(buf_view(&t.words), VIEW(" end ")))
            fail_msg("%s: %.*s", goldens[i].name, VIEW_ARG(buf_view(&t.words)));
        told_end(&t);
        golden_close(&g);
    }
}

static void test_errors(void **state)
{
    static const struct {
        int status;
        const char *type;
    } rows[] = {
        {400, "invalid_request_error"},
        {401, "authentication_error"},
        {403, "permission_error"},
        {404, "not_found_error"},
        {413, "request_too_large"},
        {429, "rate_limit_error"},
        {500, "api_error"},
        {502, "api_error"},
        {529, "overloaded_error"},
    };
    struct error err;

    (void)state;
    error_set(&err, ERROR_BAD_VALUE, "No.");
    error_hint(&err, "Do \"so\".");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = BUF_MAX(1 << 12), want = BUF_MAX(1 << 12);
        anthropic_ops.error_write(&err, rows[i].status, VIEW("req_1"), &out);
        buf_printf(&want,
                   "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"No. Do "
                   "\\\"so\\\".\"},\"request_id\":\"req_1\"}\n",
                   rows[i].type);
        assert_true(view_eq(buf_view(&out), buf_view(&want)));
        buf_done(&out);
        buf_done(&want);
    }
    struct told t;
    told_begin(&t, false);
    error_set(&err, ERROR_UPSTREAM_CUT, "cut");
    anthropic_ops.error_event(&t.w, &err, &t.out);
    assert_true(view_eq(buf_view(&t.out),
                        VIEW("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                             "\"api_error\",\"message\":\"cut\"}}\n\n")));
    /* an error inside a stream, in either shape, and inside a 200 */
    static const char *const bodies[] = {
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}",
        "{\"error\":{\"message\":\"busy\"}}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct llm_reader r = {.dialect = LLM_ANTHROPIC, .arena = arena};
        struct llm_answer answer = {.model = VIEW("auto")};
        unsigned kinds = 0;
        assert_false(anthropic_ops.event_read(&r, VIEW(""), view_str(bodies[i]), tell, &t, &err));
        assert_int_equal(err.code, ERROR_UPSTREAM_STATUS);
        assert_string_equal(err.text, "The backend answered with an error: busy");
        assert_false(anthropic_ops.plain_read(&r, view_str(bodies[i]), tell, &t, &err));
        size_t len = t.out.len;
        assert_true(anthropic_ops.event_pass(&answer, VIEW("error"), view_str(bodies[i]), &t.out,
                                             &kinds, &err));
        assert_int_equal(kinds, LLM_EVENT_ERROR);
        assert_int_equal(t.out.len, len);
    }
    told_end(&t);
}

static void test_request_pass(void **state)
{
    struct llm_request req = {.body = VIEW("{\"x\":{\"model\":1}, \"model\" : \"m\",\"n\":1e999}")};
    struct llm_rewrite rewrite = {.model = VIEW("q")};
    struct llm_body body;
    struct view notes;
    struct error err;

    (void)state;
    assert_true(anthropic_ops.request_pass(&req, &rewrite, arena, &body, &notes, &err));
    assert_int_equal(body.n, 3);
    assert_true(view_eq(body.pieces[0], VIEW("{\"x\":{\"model\":1}, \"model\" : ")));
    assert_true(view_eq(body.pieces[1], VIEW("\"q\"")));
    assert_true(view_eq(body.pieces[2], VIEW(",\"n\":1e999}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streamed_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_golden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_pass, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
