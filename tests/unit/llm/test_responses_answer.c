#include "llm/dialects.h"
#include "json/reader.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define OPS          (&openai_responses_ops)

/* ---- events in words ------------------------------------------------------------------------- */

static bool describe(void *arg, const struct llm_ev *ev)
{
    static const char *const names[] = {"start",   "text",  "thinking",  "signature",
                                        "refusal", "call",  "arguments", "logprobs",
                                        "finish",  "usage", "ping",      "end"};
    struct buf *out = arg;

    buf_printf(out, "%s", names[ev->kind]);
    if (ev->kind == LLM_EV_CALL || ev->kind == LLM_EV_ARGUMENTS)
        buf_printf(out, " %u", ev->index);
    if (ev->id.n)
        buf_printf(out, " id=%.*s", VIEW_ARG(ev->id));
    if (ev->name.n)
        buf_printf(out, " name=%.*s", VIEW_ARG(ev->name));
    if (ev->text.n)
        buf_printf(out, " [%.*s]", VIEW_ARG(ev->text));
    if (ev->raw.n)
        buf_printf(out, " %.*s", VIEW_ARG(ev->raw));
    if (ev->kind == LLM_EV_FINISH)
        buf_printf(out, " %d", ev->finish);
    if (ev->kind == LLM_EV_USAGE)
        buf_printf(out, " %u/%u/%u/%u", ev->usage.input, ev->usage.cached, ev->usage.output,
                   ev->usage.reasoning);
    buf_append_char(out, '\n');
    return true;
}

static void assert_text(const struct buf *got, const char *want)
{
    if (!view_eq(buf_view(got), view_str(want)))
        fail_msg("got:\n%.*swant:\n%s", (int)got->len, got->p, want);
}

struct sse {
    struct view name, data;
};

/* The next event of a stream that is framed as engines and the writer frame it. */
static bool next_event(struct view *rest, struct sse *ret)
{
    *ret = (struct sse){VIEW_NONE, VIEW_NONE};
    while (rest->n) {
        struct view line = view_cut(rest, '\n');
        if (!line.n && ret->data.n)
            return true;
        if (view_starts(line, VIEW("event: ")))
            ret->name = view_skip(line, 7);
        else if (view_starts(line, VIEW("data: ")))
            ret->data = view_skip(line, 6);
    }
    return false;
}

/* False when an event is refused. */
static bool read_stream(struct view stream, struct buf *out, struct error *err)
{
    struct arena *a = arena_new(1 << 20);
    struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
    struct sse ev;
    bool ok = true;

    while (ok && next_event(&stream, &ev)) {
        ok = OPS->event_read(&r, ev.name, ev.data, describe, out, err);
        arena_reset(a);
    }
    arena_free(a);
    return ok;
}

/* ---- engines --------------------------------------------------------------------------------- */

static void test_golden(void **state)
{
    static const struct {
        const char *file, *want;
        bool stream;
    } rows[] = {
        {"llamacpp/responses.http",
         "start id=resp_uJM2u54zLylzwE94Z6USKYzO2K8up194 name=smollm2-135m\n"
         "text [That's nice! What can]\nfinish 1\nusage 33/32/6/0\nend\n",
         false},
        {"ollama/responses.http",
         "start id=resp_890416 name=smollm2:135m\ntext [Hai!🍡]\nfinish 2\nusage 12/0/6/0\nend\n",
         false},
        {"vllm/responses.http",
         "start id=resp_aec5f14fa6c95a9e name=smollm2-135m\ntext [Tofu baby. What’]\n"
         "finish 2\nusage 33/0/6/0\nend\n",
         false},
        {"llamacpp/responses_stream.http",
         "start id=resp_kAcAGDaubzkCR51JIJLK1igWyUw8NTwp\ntext [I]\ntext ['m]\ntext [ here]\n"
         "text [ to]\ntext [ assist]\nfinish 1\nusage 33/32/5/0\nend\n",
         true},
        {"ollama/responses_stream.http",
         "start id=resp_737512 name=smollm2:135m\ntext [Hello]\ntext [,]\ntext [ it]\ntext ['s]\n"
         "text [ a]\nfinish 2\nusage 12/0/5/0\nend\n",
         true},
        {"vllm/responses_stream.http",
         "start id=resp_b02a510a2c541511 name=smollm2-135m\ntext [B]\ntext [less]\ntext [ you]\n"
         "text [,]\ntext [ welcome]\nfinish 2\nusage 33/0/5/0\nend\n",
         true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct golden g;
        struct buf got = BUF_MAX(1 << 16);
        struct error err;
        golden_open(&g, rows[i].file);
        if (rows[i].stream) {
            assert_true(read_stream(buf_view(&g.body), &got, &err));
        } else {
            struct arena *a = arena_new(1 << 20);
            struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
            assert_true(OPS->plain_read(&r, buf_view(&g.body), describe, &got, &err));
            arena_free(a);
        }
        assert_text(&got, rows[i].want);
        buf_done(&got);
        golden_close(&g);
    }
}

/* The same bytes but for the name. */
static void test_golden_pass(void **state)
{
    static const struct {
        const char *file, *model, *finish;
        struct llm_usage usage;
    } rows[] = {
        {"llamacpp/responses", "\"smollm2-135m\"", "completed", {true, 33, 32, 6, 0}},
        {"ollama/responses", "\"smollm2:135m\"", "completed", {true, 12, 0, 6, 0}},
        {"vllm/responses", "\"smollm2-135m\"", "max_output_tokens", {true, 33, 0, 6, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows) * 2; i++) {
        bool stream = i >= COUNT(rows);
        size_t row = i % COUNT(rows);
        struct llm_answer answer = {.dialect = LLM_OPENAI_RESPONSES, .model = VIEW("au\"to")};
        struct buf out = BUF_MAX(1 << 20), want = BUF_MAX(1 << 20);
        struct golden g;
        struct error err;
        struct arena *a = arena_new(1 << 20);
        unsigned all = 0;
        char name[64];

        snprintf(name, sizeof(name), "%s%s.http", rows[row].file, stream ? "_stream" : "");
        golden_open(&g, name);
        golden_replace(buf_view(&g.body), view_str(rows[row].model), VIEW("\"au\\\"to\""), &want);
        if (stream) {
            struct view rest = buf_view(&g.body);
            struct sse ev;
            while (next_event(&rest, &ev)) {
                unsigned kinds;
                assert_true(OPS->event_pass(&answer, ev.name, ev.data, &out, &kinds, &err));
                all |= kinds;
            }
            while (want.len > 1 && want.p[want.len - 1] == '\n' && want.p[want.len - 2] == '\n' &&
                   want.p[want.len - 3] == '\n')
                want.len--;
            assert_int_equal(all, LLM_EVENT_CONTENT | LLM_EVENT_FINISH | LLM_EVENT_USAGE |
                                      LLM_EVENT_DONE);
            assert_int_equal(answer.usage.output, 5);
        } else {
            struct llm_body body;
            assert_true(OPS->plain_pass(&answer, buf_view(&g.body), a, &body, &err));
            for (unsigned n = 0; n < body.n; n++)
                buf_append(&out, body.pieces[n]);
            assert_int_equal(out.len, body.bytes);
            assert_int_equal(answer.usage.input, rows[row].usage.input);
            assert_int_equal(answer.usage.cached, rows[row].usage.cached);
            assert_int_equal(answer.usage.output, rows[row].usage.output);
        }
        assert_true(answer.text_bytes > 0);
        assert_string_equal(answer.finish, rows[row].finish);
        if (!view_eq(buf_view(&out), buf_view(&want)))
            fail_msg("%s:\n%.*s\nwant\n%.*s", name, (int)out.len, out.p, (int)want.len, want.p);
        buf_done(&out);
        buf_done(&want);
        golden_close(&g);
        arena_free(a);
    }
}

/* ---- every kind of event --------------------------------------------------------------------- */

#define D(json) "data: " json "\n\n"
#define DONE(rest)                                                                                 \
    D("{\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\"," \
      "\"error\":null,\"output\":[]" rest "}}")
#define CREATED                                                                                   \
    D("{\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"error\":" \
      "null}}")
#define ITEM(i, item) \
    D("{\"type\":\"response.output_item.added\",\"output_index\":" i ",\"item\":" item "}")
#define ITEM_DONE(i, item) \
    D("{\"type\":\"response.output_item.done\",\"output_index\":" i ",\"item\":" item "}")
#define ARGS(i, text)                                                                          \
    D("{\"type\":\"response.function_call_arguments.delta\",\"output_index\":" i ",\"delta\":" \
      "\"" text "\"}")
#define CALL(n, args)                                                                           \
    "{\"type\":\"function_call\",\"id\":\"fc_" n "\",\"call_id\":\"call_" n "\",\"name\":\"f" n \
    "\",\"arguments\":\"" args "\"}"

static void test_events(void **state)
{
    static const struct {
        const char *stream, *want;
    } rows[] = {
        /* side by side, and told whole at the end as well */
        {CREATED ITEM("0", CALL("a", "")) ITEM("1", CALL("b", "")) ARGS("1", "{1") ARGS("0", "{0")
             ARGS("1", "}") ARGS("0", "}") ITEM_DONE("0", CALL("a", "{0}"))
                 ITEM_DONE("1", CALL("b", "{1}")) DONE(""),
         "start id=resp_1 name=m\ncall 0 id=call_a name=fa\ncall 1 id=call_b name=fb\n"
         "arguments 1 [{1]\narguments 0 [{0]\narguments 1 [}]\narguments 0 [}]\nfinish 3\nend\n"},
        /* only whole */
        {CREATED ITEM_DONE("0", CALL("a", "{}"))
             D("{\"type\":\"response.function_call_arguments.done\",\"output_index\":0,"
               "\"arguments\":\"{}\"}") DONE(""),
         "start id=resp_1 name=m\ncall 0 id=call_a name=fa\narguments 0 [{}]\nfinish 3\nend\n"},
        {CREATED D("{\"type\":\"response.output_text.done\",\"text\":\"whole\"}") DONE(""),
         "start id=resp_1 name=m\ntext [whole]\nfinish 1\nend\n"},
        {CREATED ITEM_DONE("0", "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
                                "\"text\":\"a\"},{\"type\":\"refusal\",\"refusal\":\"b\"}]}")
             DONE(""),
         "start id=resp_1 name=m\ntext [a]\nrefusal [b]\nfinish 1\nend\n"},
        /* no event but the last */
        {D("{\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[{\"type\":"
           "\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\"}]}]}}"),
         "start id=r\ntext [x]\nfinish 1\nend\n"},
        /* refusal, reasoning, signature, unknown tools, pieces of unicode */
        {CREATED D("{\"type\":\"response.refusal.delta\",\"delta\":\"no\"}")
             D("{\"type\":\"response.refusal.done\",\"refusal\":\"no\"}")
                 D("{\"type\":\"response.web_search_call.searching\",\"item_id\":\"w\"}") DONE(""),
         "start id=resp_1 name=m\nrefusal [no]\nfinish 1\nend\n"},
        {CREATED ITEM("0", "{\"type\":\"reasoning\",\"summary\":[]}")
             D("{\"type\":\"response.reasoning_summary_part.added\",\"summary_index\":0}")
                 D("{\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"\\u00e9\"}")
                     D("{\"type\":\"response.reasoning_summary_text.done\",\"text\":\"x\"}")
                         D("{\"type\":\"response.reasoning_summary_part.added\","
                           "\"summary_index\":1}")
                             D("{\"type\":\"response.reasoning_summary_text.delta\","
                               "\"delta\":\"2\"}")
                                 ITEM_DONE("0", "{\"type\":\"reasoning\",\"summary\":[{\"text\":"
                                                "\"x\"}],\"encrypted_content\":\"sig\"}") DONE(""),
         "start id=resp_1 name=m\nthinking [é]\nthinking [\n\n]\nthinking [2]\nsignature [sig]\n"
         "finish 1\nend\n"},
        {CREATED D("{\"type\":\"response.reasoning_text.delta\",\"delta\":\"t\"}") DONE(""),
         "start id=resp_1 name=m\nthinking [t]\nfinish 1\nend\n"},
        {CREATED D("{\"type\":\"response.output_text.delta\",\"delta\":\"t\",\"logprobs\":[{"
                   "\"token\":\"t\",\"logprob\":-1}]}") DONE(""),
         "start id=resp_1 name=m\ntext [t]\nlogprobs "
         "[{\"token\":\"t\",\"logprob\":-1,\"bytes\":null,\"top_logprobs\":[]}]\n"
         "finish 1\nend\n"},
        /* the type in the event's name alone; nothing after the end */
        {"event: response.output_text.delta\ndata: {\"delta\":\"x\"}\n\n" DONE("") D("[DONE]")
             D("{\"type\":\"response.output_text.delta\",\"delta\":\"late\"}"),
         "start\ntext [x]\nfinish 1\nend\n"},
        {CREATED D("{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\","
                   "\"incomplete_details\":{\"reason\":\"content_filter\"},\"usage\":{"
                   "\"input_tokens\":5,\"input_tokens_details\":{\"cached_tokens\":4},"
                   "\"output_tokens\":3,\"output_tokens_details\":{\"reasoning_tokens\":2}}}}"),
         "start id=resp_1 name=m\nfinish 4\nusage 5/4/3/2\nend\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf got = BUF_MAX(1 << 16);
        struct error err;
        assert_true(read_stream(view_str(rows[i].stream), &got, &err));
        assert_text(&got, rows[i].want);
        buf_done(&got);
    }
}

/* More calls than the reader has a table for: written as a stream and as a body, and read. */
static void test_many_calls(void **state)
{
    enum { N = 150 };

    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct arena *a = arena_new(1 << 22);
        struct buf out = BUF_MAX(1 << 22), got = BUF_MAX(1 << 20), want = BUF_MAX(1 << 20);
        struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
        struct llm_ev ev = {.kind = LLM_EV_START, .id = VIEW("1")};
        struct llm_writer w;
        struct error err;
        char id[16];

        llm_writer_init(&w, LLM_OPENAI_RESPONSES, plain, VIEW("m"), a);
        assert_true(OPS->event_write(&w, &ev, &out));
        buf_append_lit(&want, "start id=resp_1 name=m\n");
        for (unsigned i = 0; i < N; i++) {
            snprintf(id, sizeof(id), "c%u", i);
            ev = (struct llm_ev){
                .kind = LLM_EV_CALL, .index = i, .id = view_str(id), .name = VIEW("f")};
            assert_true(OPS->event_write(&w, &ev, &out));
            ev = (struct llm_ev){.kind = LLM_EV_ARGUMENTS, .index = i, .text = VIEW("{}")};
            assert_true(OPS->event_write(&w, &ev, &out));
            buf_printf(&want, "call %u id=c%u name=f\narguments %u [{}]\n", i, i, i);
        }
        ev = (struct llm_ev){.kind = LLM_EV_END};
        assert_true(OPS->event_write(&w, &ev, &out));
        buf_append_lit(&want, "finish 3\nend\n");
        if (plain)
            assert_true(OPS->plain_read(&r, buf_view(&out), describe, &got, &err));
        else
            assert_true(read_stream(buf_view(&out), &got, &err));
        buf_append(&want, view_of("", 1));
        assert_text(&got, want.p);
        llm_writer_done(&w);
        buf_done(&out);
        buf_done(&got);
        buf_done(&want);
        arena_free(a);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *data, *says;
        enum error_code code;
    } rows[] = {
        {"{\"type\":\"error\",\"code\":\"c\",\"message\":\"flat\",\"param\":null}", "flat",
         ERROR_UPSTREAM_STATUS},
        {"{\"type\":\"error\",\"error\":{\"message\":\"nested\"}}", "nested",
         ERROR_UPSTREAM_STATUS},
        {"{\"error\":{\"message\":\"bare\"}}", "bare", ERROR_UPSTREAM_STATUS},
        {"{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
         "\"server_error\",\"message\":\"broke\"}}}",
         "broke", ERROR_UPSTREAM_STATUS},
        {"{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\"}}", "says nothing",
         ERROR_UPSTREAM_STATUS},
        {"{\"type\":", "not a response", ERROR_UPSTREAM_PROTOCOL},
        {"[]", "not a response", ERROR_UPSTREAM_PROTOCOL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
        struct llm_answer answer = {.model = VIEW("m")};
        struct buf got = BUF_MAX(1 << 16);
        struct error err = {.code = ERROR_NONE};
        unsigned kinds = 0;

        assert_false(OPS->event_read(&r, VIEW(""), view_str(rows[i].data), describe, &got, &err));
        assert_int_equal(err.code, rows[i].code);
        assert_non_null(strstr(err.text, rows[i].says));
        got.len = 0;
        bool ok = OPS->event_pass(&answer, VIEW(""), view_str(rows[i].data), &got, &kinds, &err);
        assert_int_equal(ok, rows[i].code == ERROR_UPSTREAM_STATUS);
        assert_int_equal(kinds, ok ? LLM_EVENT_ERROR : 0);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(got.len, 0);
        buf_done(&got);
        arena_free(a);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

#define T(s)                                     \
    {                                            \
        .kind = LLM_EV_TEXT, .text = VIEW_LIT(s) \
    }
#define ARG(i, s)                                                   \
    {                                                               \
        .kind = LLM_EV_ARGUMENTS, .index = (i), .text = VIEW_LIT(s) \
    }

static const struct llm_ev script[] = {
    {.kind = LLM_EV_START, .id = VIEW_LIT("chatcmpl-\"7"), .created_s = 1795500000},
    {.kind = LLM_EV_THINKING, .text = VIEW_LIT("hm\n")},
    {.kind = LLM_EV_THINKING, .text = VIEW_LIT("m")},
    {.kind = LLM_EV_SIGNATURE, .text = VIEW_LIT("proof")},
    {.kind = LLM_EV_PING},
    T("Hel"),
    {.kind = LLM_EV_LOGPROBS,
     .raw =
         VIEW_LIT("[{\"token\":\"Hel\",\n\"bytes\":[72],\"logprob\":-0.5,\"top_logprobs\":[]}]")},
    T("lo\"\n"),
    {.kind = LLM_EV_CALL, .index = 0, .id = VIEW_LIT("call_1"), .name = VIEW_LIT("f")},
    ARG(0, "{\"a\""),
    {.kind = LLM_EV_CALL, .index = 1, .name = VIEW_LIT("g")},
    ARG(1, "{}"),
    ARG(0, ":1}"),
    {.kind = LLM_EV_REFUSAL, .text = VIEW_LIT("no")},
    {.kind = LLM_EV_FINISH, .finish = LLM_FINISH_CALLS},
    {.kind = LLM_EV_USAGE, .usage = {true, 10, 4, 6, 2}},
    {.kind = LLM_EV_END},
};

/* What the reader makes of what the writer wrote. */
static const char script_read[] =
    "start id=resp_chatcmpl-7 name=au\"to\n"
    "thinking [hm\n]\nthinking [m]\nsignature id=rs_chatcmpl-7_0 [proof]\ntext [Hel]\n"
    "logprobs [{\"token\":\"Hel\",\"logprob\":-0.5,\"top_logprobs\":[],"
    "\"bytes\":null}]\ntext [lo\"\n]\n"
    "call 0 id=call_1 name=f\narguments 0 [{\"a\"]\n"
    "call 1 id=call_chatcmpl-7_3 name=g\narguments 1 [{}]\n"
    "arguments 0 [:1}]\nrefusal [no]\n"
    "finish 3\nusage 10/4/6/2\nend\n";

static void play(bool plain, struct arena *a, struct buf *out)
{
    struct llm_writer w;
    struct llm_neutral request;
    struct error err;

    assert_true(OPS->request_read(
        VIEW("{\"model\":\"auto\",\"input\":\"x\",\"metadata\":{\"a\":\n\"b\"},\"temperature\":0.5,"
             "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\r\n}}]}"),
        a, &request, &err));
    llm_writer_init(&w, LLM_OPENAI_RESPONSES, plain, VIEW("au\"to"), a);
    w.request = &request;
    for (size_t i = 0; i < COUNT(script); i++)
        assert_true(OPS->event_write(&w, &script[i], out));
    llm_writer_done(&w);
}

/* Sequence numbers count up, every event is named as its data says, done follows added. */
static void check_sequence(struct view stream)
{
    struct sse ev;
    unsigned n = 0, open = 0;
    char number[40];

    while (next_event(&stream, &ev)) {
        struct json_reader r;
        json_begin(&r, ev.data);
        json_skip(&r);
        assert_true(json_end(&r));
        snprintf(number, sizeof(number), "\",\"sequence_number\":%u,", n++);
        assert_true(view_starts(view_skip(ev.data, 9), ev.name));
        assert_true(view_starts(view_skip(ev.data, 9 + ev.name.n), view_str(number)));
        open += view_eq(ev.name, VIEW("response.output_item.added"));
        open -= view_eq(ev.name, VIEW("response.output_item.done"));
    }
    assert_true(view_eq(ev.name, VIEW("")));
    assert_int_equal(open, 0);
    assert_true(n > 20);
}

static void test_write_stream(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct buf out = BUF_MAX(1 << 20), got = BUF_MAX(1 << 16);
    struct error err;

    (void)state;
    play(false, a, &out);
    check_sequence(buf_view(&out));
    assert_true(read_stream(buf_view(&out), &got, &err));
    assert_text(&got, script_read);
    buf_done(&out);
    buf_done(&got);
    arena_free(a);
}

static void test_write_plain(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
    struct buf out = BUF_MAX(1 << 20), got = BUF_MAX(1 << 16);
    struct error err;

    (void)state;
    play(true, a, &out);
    assert_true(OPS->plain_read(&r, buf_view(&out), describe, &got, &err));
    assert_text(&got, "start id=resp_chatcmpl-7 name=au\"to\nthinking [hm\nm]\nsignature "
                      "id=rs_chatcmpl-7_0 [proof]\n"
                      "text [Hello\"\n]\nlogprobs [{\"token\":\"Hel\",\"bytes\":[72],"
                      "\"logprob\":-0.5,\"top_logprobs\":[]}]\n"
                      "call 0 id=call_1 name=f\narguments 0 [{\"a\":1}]\n"
                      "call 1 id=call_chatcmpl-7_3 name=g\narguments 1 [{}]\nrefusal [no]\n"
                      "finish 3\nusage 10/4/6/2\nend\n");
    buf_done(&out);
    buf_done(&got);
    arena_free(a);
}

static void test_write_cut(void **state)
{
    static const struct {
        enum llm_finish finish;
        const char *last, *reason;
    } rows[] = {
        {LLM_FINISH_LENGTH, "event: response.incomplete\n", "{\"reason\":\"max_output_tokens\"}"},
        {LLM_FINISH_FILTER, "event: response.incomplete\n", "{\"reason\":\"content_filter\"}"},
        {LLM_FINISH_STOP, "event: response.completed\n", "\"incomplete_details\":null"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf out = BUF_MAX(1 << 20);
        struct llm_writer w;
        const struct llm_ev events[] = {
            T("x"), {.kind = LLM_EV_FINISH, .finish = rows[i].finish}, {.kind = LLM_EV_END}};

        llm_writer_init(&w, LLM_OPENAI_RESPONSES, false, VIEW("m"), a);
        for (size_t n = 0; n < COUNT(events); n++)
            assert_true(OPS->event_write(&w, &events[n], &out));
        size_t at = view_find(buf_view(&out), view_str(rows[i].last));
        assert_int_not_equal(at, VIEW_NPOS);
        assert_int_not_equal(view_find(view_skip(buf_view(&out), at), view_str(rows[i].reason)),
                             VIEW_NPOS);
        llm_writer_done(&w);
        buf_done(&out);
        arena_free(a);
    }
}

static void test_write_error(void **state)
{
    struct llm_writer w = {.dialect = LLM_OPENAI_RESPONSES, .sequence = 7};
    struct buf out = BUF_MAX(4096);
    struct error err;

    (void)state;
    error_set(&err, ERROR_UPSTREAM_CUT, "It broke.");
    error_hint(&err, "Ask again.");
    OPS->error_event(&w, &err, &out);
    assert_text(&out, "event: error\n"
                      "data: {\"type\":\"error\",\"sequence_number\":7,\"code\":\"upstream_cut\","
                      "\"message\":\"It broke. Ask again.\",\"param\":null,"
                      "\"error\":{\"type\":\"api_error\",\"code\":\"upstream_cut\","
                      "\"message\":\"It broke. Ask again.\",\"param\":null}}\n\n");
    out.len = 0;
    OPS->error_write(&err, 502, VIEW("id"), &out);
    assert_true(
        view_starts(buf_view(&out), VIEW("{\"error\":{\"message\":\"It broke. Ask again.")));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_golden_pass),
        cmocka_unit_test(test_events),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_write_stream), cmocka_unit_test(test_write_plain),
        cmocka_unit_test(test_many_calls),   cmocka_unit_test(test_write_cut),
        cmocka_unit_test(test_write_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
