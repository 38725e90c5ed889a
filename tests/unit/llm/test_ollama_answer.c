#include "llm/dialects.h"

#include "base/clock.h"
#include "golden.h"
#include "llm/ollama.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define LINE(message, rest)                                                    \
    "{\"model\":\"e\",\"created_at\":\"2026-11-24T06:17:28.5Z\",\"message\":{" \
    "\"role\":\"assistant\"," message "}," rest "}"
#define HEAD "{\"model\":\"auto\",\"created_at\":\"2026-11-24T06:17:28.46841796Z\","

static struct arena *a;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    a = arena_new(1 << 24);
    return a ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static void assert_view(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("\ngot  %.*s\nwant %s", VIEW_ARG(got), want);
}

/* Events in short: "T:text|F:1|..." */
static bool spell(void *arg, const struct llm_ev *ev)
{
    struct buf *b = arg;

    switch (ev->kind) {
    case LLM_EV_START:
        buf_printf(b, "S:%.*s@%lld|", VIEW_ARG(ev->name), (long long)ev->created_s);
        break;
    case LLM_EV_TEXT:
        buf_printf(b, "T:%.*s|", VIEW_ARG(ev->text));
        break;
    case LLM_EV_THINKING:
        buf_printf(b, "K:%.*s|", VIEW_ARG(ev->text));
        break;
    case LLM_EV_CALL:
        buf_printf(b, "C%u:%.*s,%.*s|", ev->index, VIEW_ARG(ev->id), VIEW_ARG(ev->name));
        break;
    case LLM_EV_ARGUMENTS:
        buf_printf(b, "A%u:%.*s|", ev->index, VIEW_ARG(ev->text));
        break;
    case LLM_EV_LOGPROBS:
        buf_printf(b, "L:%.*s|", VIEW_ARG(ev->raw));
        break;
    case LLM_EV_FINISH:
        buf_printf(b, "F:%u|", ev->finish);
        break;
    case LLM_EV_USAGE:
        buf_printf(b, "U:%u/%u|", ev->usage.input, ev->usage.output);
        break;
    case LLM_EV_END:
        buf_append_lit(b, "E");
        break;
    case LLM_EV_SIGNATURE:
    case LLM_EV_REFUSAL:
    case LLM_EV_PING:
        buf_append_lit(b, "?");
    }
    return true;
}

static void test_lines(void **state)
{
    static const struct {
        const char *line, *events; /* NULL: refused */
    } rows[] = {
        {LINE("\"content\":\"I\"", "\"done\":false"), "S:e@1795501048|T:I|"},
        {LINE("\"content\":\"\"", "\"done\":false"), "S:e@1795501048|"},
        {LINE("\"content\":null,\"tool_calls\":[]", "\"done\":false"), "S:e@1795501048|"},
        {LINE("\"content\":\"\\ud83d\\ude00\"", "\"done\":false"),
         "S:e@1795501048|T:\xf0\x9f\x98\x80|"},
        {LINE("\"content\":\"x\",\"thinking\":\"hm\"", "\"done\":false"),
         "S:e@1795501048|K:hm|T:x|"},
        {LINE("\"content\":\"\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"index\":0,\"name\":"
              "\"f\",\"arguments\":{\"x\": 1.0}}},{\"id\":\"d\",\"function\":{\"name\":\"g\"}}]",
              "\"done\":true,\"done_reason\":\"stop\",\"eval_count\":3"),
         "S:e@1795501048|C0:c,f|A0:{\"x\": 1.0}|C1:d,g|A1:{}|F:3|U:0/3|E"},
        {LINE("\"content\":\"\"", "\"done\":true,\"done_reason\":\"length\","
                                  "\"prompt_eval_count\":12,\"eval_count\":6"),
         "S:e@1795501048|F:2|U:12/6|E"},
        {LINE("\"content\":\"\"", "\"done\":true"), "S:e@1795501048|F:1|E"},
        {LINE("\"content\":\"\"", "\"done\":true,\"done_reason\":\"load\""),
         "S:e@1795501048|F:1|E"},
        {"{\"model\":\"e\",\"response\":\"r\",\"thinking\":\"k\",\"done\":false}",
         "S:e@0|K:k|T:r|"},
        {LINE("\"content\":\"a\"",
              "\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"b\","
              "\"logprob\":-1}]},{\"token\":\"c\",\"logprob\":-2,\"bytes\":[99]}],\"done\":false"),
         "S:e@1795501048|T:a|L:[{\"top_logprobs\":[{\"token\":\"b\",\"logprob\":-1,\"bytes\":null}]"
         ",\"token\":\"a\",\"logprob\":-0.5,\"bytes\":null},{\"top_logprobs\":[],\"token\":\"c\","
         "\"logprob\":-2,\"bytes\":[99]}]|"},
        {"  ", ""},
        {"{\"error\":\"no luck\"}", NULL},
        {"{\"error\":{\"message\":\"no luck\"}}", NULL},
        {LINE("\"tool_calls\":[{\"function\":{}}]", "\"done\":false"), NULL},
        {"{\"model\":\"e\"}", NULL},
        {"{\"model\":", NULL},
        {"[]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_reader r = {.dialect = LLM_OLLAMA, .arena = a};
        struct buf b = BUF_MAX(1 << 16);
        bool ok = ollama_ops.event_read(&r, VIEW_NONE, view_str(rows[i].line), spell, &b, &err);
        if (ok != (rows[i].events != NULL))
            fail_msg("%s: %s", rows[i].line, err.text);
        if (ok)
            assert_view(buf_view(&b), rows[i].events);
        else
            assert_int_equal(err.code, strstr(rows[i].line, "luck") ? ERROR_UPSTREAM_STATUS
                                                                    : ERROR_UPSTREAM_PROTOCOL);
        buf_done(&b);
    }
}

static bool refuse_all(void *arg, const struct llm_ev *ev)
{
    (void)ev;
    ++*(unsigned *)arg;
    return false;
}

static bool keep_id(void *arg, const struct llm_ev *ev)
{
    if (ev->kind == LLM_EV_CALL)
        *(struct view *)arg = arena_dup(a, ev->id);
    return true;
}

static void test_made_ids_differ(void **state)
{
    static const struct view lines[] = {
        VIEW_LIT(LINE("\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]", "\"done\":false")),
        VIEW_LIT(LINE("\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]", "\"done\":false ")),
    };
    struct llm_reader r = {.arena = a}, s = {.arena = a};
    struct view one, two, three;
    unsigned calls = 0;

    (void)state;
    assert_true(ollama_ops.event_read(&r, VIEW_NONE, lines[0], keep_id, &one, &err));
    assert_true(ollama_ops.event_read(&r, VIEW_NONE, lines[0], keep_id, &two, &err));
    assert_true(ollama_ops.event_read(&s, VIEW_NONE, lines[1], keep_id, &three, &err));
    assert_true(view_starts(one, VIEW("call_")));
    assert_false(view_eq(one, two));
    assert_false(view_eq(one, three));

    assert_false(ollama_ops.event_read(&s, VIEW_NONE, lines[1], refuse_all, &calls, &err));
    assert_int_equal(calls, 1);
}

static void read_stream(const char *file, struct buf *events)
{
    struct llm_reader r = {.dialect = LLM_OLLAMA, .arena = a};
    struct golden g;

    golden_open(&g, file);
    struct view rest = buf_view(&g.body);
    while (rest.n)
        if (!ollama_ops.event_read(&r, VIEW_NONE, view_cut(&rest, '\n'), spell, events, &err))
            fail_msg("%s", err.text);
    golden_close(&g);
}

static void read_plain(const char *file, struct buf *events)
{
    struct llm_reader r = {.dialect = LLM_OLLAMA, .arena = a};
    struct golden g;

    golden_open(&g, file);
    if (!ollama_ops.plain_read(&r, buf_view(&g.body), spell, events, &err))
        fail_msg("%s", err.text);
    golden_close(&g);
}

static void test_golden(void **state)
{
    static const struct {
        void (*read)(const char *, struct buf *);
        const char *file, *events;
    } rows[] = {
        {read_stream, "ollama/api_chat_stream.http",
         "S:smollm2:135m@1795501048|T:I|T:'m|T: so|T: glad|T: you|T:'re|F:2|U:12/6|E"},
        {read_plain, "ollama/api_chat.http",
         "S:smollm2:135m@1795501047|T:I'm so glad you're here!|F:2|U:12/8|E"},
        {read_plain, "ollama/api_chat_tools.http",
         "S:smollm2:135m@1795501223|C0:call_362lqka4,get_weather|A0:{\"city\":\"Paris\"}|F:3|"
         "U:74/31|E"},
        {read_stream, "ollama/api_generate_stream.http",
         "S:smollm2:135m@1795501054|T:I|T:'m|T: so|T: glad|F:2|U:12/4|E"},
        {read_plain, "ollama/api_generate.http",
         "S:smollm2:135m@1795501054|T:I'm so glad you're|F:2|U:12/6|E"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b = BUF_MAX(1 << 16);
        rows[i].read(rows[i].file, &b);
        assert_view(buf_view(&b), rows[i].events);
        buf_done(&b);
    }
}

static void test_plain_refusals(void **state)
{
    static const char *const bodies[] = {"", "{}", "{\"error\":\"x\"}",
                                         LINE("\"content\":\"x\"", "\"done\":false")};
    struct buf b = BUF_MAX(4096);

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct llm_reader r = {.arena = a};
        assert_false(ollama_ops.plain_read(&r, view_str(bodies[i]), spell, &b, &err));
        assert_int_equal(err.code, i == 2 ? ERROR_UPSTREAM_STATUS : ERROR_UPSTREAM_PROTOCOL);
    }
    assert_int_equal(b.len, 0);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static struct llm_writer writer(bool plain)
{
    struct llm_writer w = {.dialect = LLM_OLLAMA,
                           .plain = plain,
                           .model = VIEW("auto"),
                           .arena = a,
                           .open_kind = -1,
                           .since_ns = INT64_C(1795501048468417960),
                           .now_ns = INT64_C(1795501048468417960)};

    w.text = w.thinking = w.arguments = w.refusal = BUF_MAX(1 << 20);
    return w;
}

static void done(struct llm_writer *w)
{
    buf_done(&w->text);
    buf_done(&w->thinking);
    buf_done(&w->arguments);
    buf_done(&w->refusal);
}

static const struct llm_ev whole[] = {
    {.kind = LLM_EV_START, .name = VIEW_LIT("other")},
    {.kind = LLM_EV_PING},
    {.kind = LLM_EV_THINKING, .text = VIEW_LIT("hm\n")},
    {.kind = LLM_EV_SIGNATURE, .text = VIEW_LIT("sig")},
    {.kind = LLM_EV_TEXT, .text = VIEW_LIT("a\"")},
    {.kind = LLM_EV_TEXT, .text = VIEW_LIT("other choice"), .choice = 1},
    {.kind = LLM_EV_LOGPROBS, .raw = VIEW_LIT("[{\"token\":\n\"a\",\"logprob\":-1}]")},
    {.kind = LLM_EV_CALL, .index = 0, .id = VIEW_LIT("c0"), .name = VIEW_LIT("f")},
    {.kind = LLM_EV_CALL, .index = 1, .id = VIEW_LIT("c1"), .name = VIEW_LIT("g")},
    {.kind = LLM_EV_ARGUMENTS, .index = 0, .text = VIEW_LIT("{\"x\":")},
    {.kind = LLM_EV_ARGUMENTS, .index = 1, .text = VIEW_LIT("{\"y\":\n")},
    {.kind = LLM_EV_ARGUMENTS, .index = 0, .text = VIEW_LIT("1}")},
    {.kind = LLM_EV_ARGUMENTS, .index = 1, .text = VIEW_LIT("2}")},
    {.kind = LLM_EV_REFUSAL, .text = VIEW_LIT("no")},
    {.kind = LLM_EV_FINISH, .finish = LLM_FINISH_CALLS},
    {.kind = LLM_EV_USAGE, .usage = {.reported = true, .input = 12, .output = 6}},
    {.kind = LLM_EV_END},
};

static void write_all(const struct llm_dialect_ops *ops, struct llm_writer *w, struct buf *out)
{
    for (size_t i = 0; i < COUNT(whole); i++) {
        if (whole[i].kind == LLM_EV_END)
            w->now_ns += 40;
        assert_true(ops->event_write(w, &whole[i], out));
        if (w->plain && whole[i].kind != LLM_EV_END)
            assert_int_equal(out->len, 0);
    }
    assert_true(w->started && w->finished);
}

#define CALLS                                                                                   \
    "\"tool_calls\":[{\"id\":\"c0\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":"    \
    "{\"x\":1}}},{\"id\":\"c1\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{\"y\":" \
    " 2}}}]"
#define LATE     "{\"model\":\"auto\",\"created_at\":\"2026-11-24T06:17:28.468418Z\","
#define MEASURES ",\"total_duration\":40,\"prompt_eval_count\":12,\"eval_count\":6"

static void test_stream_written(void **state)
{
    struct llm_writer w = writer(false);
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    write_all(&ollama_ops, &w, &out);
    assert_view(buf_view(&out), HEAD
                "\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"hm\\n\"},"
                "\"done\":false}\n" HEAD
                "\"message\":{\"role\":\"assistant\",\"content\":\"a\\\"\"},\"done\":false}\n" HEAD
                "\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":false,"
                "\"logprobs\":[{\"token\": \"a\",\"logprob\":-1}]}\n" HEAD
                "\"message\":{\"role\":\"assistant\",\"content\":\"no\"},\"done\":false}\n" LATE
                "\"message\":{\"role\":\"assistant\",\"content\":\"\"," CALLS
                "},\"done\":false}\n" LATE "\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
                "\"done\":true,\"done_reason\":\"stop\"" MEASURES "}\n");
    done(&w);
    buf_done(&out);
}

static void test_plain_written(void **state)
{
    struct llm_writer w = writer(true);
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    write_all(&ollama_ops, &w, &out);
    assert_view(buf_view(&out),
                LATE "\"message\":{\"role\":\"assistant\",\"content\":\"a\\\"no\","
                     "\"thinking\":\"hm\\n\"," CALLS "},\"done\":true,\"done_reason\":\"stop\","
                     "\"logprobs\":[{\"token\": \"a\",\"logprob\":-1}]" MEASURES "}");
    done(&w);
    buf_done(&out);
}

static void test_generate_written(void **state)
{
    static const struct llm_ev text = {.kind = LLM_EV_TEXT, .text = VIEW_LIT("r")},
                               finish = {.kind = LLM_EV_FINISH, .finish = LLM_FINISH_LENGTH},
                               end = {.kind = LLM_EV_END};
    struct llm_writer w = writer(false), p = writer(true);
    struct buf out = BUF_MAX(1 << 16);

    (void)state;
    assert_true(ollama_generate_ops.event_write(&w, &text, &out));
    assert_true(ollama_generate_ops.event_write(&w, &finish, &out));
    w.now_ns += 3 * NS_PER_S;
    assert_true(ollama_generate_ops.event_write(&w, &end, &out));
    assert_view(buf_view(&out),
                HEAD "\"response\":\"r\",\"done\":false}\n"
                     "{\"model\":\"auto\",\"created_at\":\"2026-11-24T06:17:31.46841796Z\","
                     "\"response\":\"\",\"done\":true,\"done_reason\":\"length\","
                     "\"total_duration\":3000000000}\n");
    buf_reset(&out);
    p.since_ns -= 100;
    p.now_ns -= 50;
    assert_true(ollama_generate_ops.event_write(&p, &text, &out));
    p.now_ns += 50;
    assert_true(ollama_generate_ops.event_write(&p, &end, &out));
    assert_view(buf_view(&out), HEAD "\"response\":\"r\",\"done\":true,\"done_reason\":\"stop\","
                                     "\"total_duration\":100,\"prompt_eval_duration\":50,"
                                     "\"eval_duration\":50}");
    done(&w);
    done(&p);
    buf_done(&out);
}

static bool to_writer(void *arg, const struct llm_ev *ev)
{
    struct {
        struct llm_writer *w;
        struct buf *out;
    } *to = arg;

    return ollama_ops.event_write(to->w, ev, to->out);
}

/* A real stream read and written again says the same. */
static void test_there_and_back(void **state)
{
    struct llm_reader r = {.arena = a}, again = {.arena = a};
    struct buf out = BUF_MAX(1 << 16), one = BUF_MAX(1 << 16), two = BUF_MAX(1 << 16);
    struct llm_writer w = writer(false);
    struct {
        struct llm_writer *w;
        struct buf *out;
    } to = {&w, &out};
    struct golden g;

    (void)state;
    golden_open(&g, "ollama/api_chat_tools.http");
    w.model = VIEW("smollm2:135m");
    w.now_ns = INT64_C(1795501223) * NS_PER_S;
    assert_true(ollama_ops.plain_read(&r, buf_view(&g.body), to_writer, &to, &err));
    struct view rest = buf_view(&out);
    while (rest.n)
        assert_true(
            ollama_ops.event_read(&again, VIEW_NONE, view_cut(&rest, '\n'), spell, &two, &err));
    read_plain("ollama/api_chat_tools.http", &one);
    assert_true(view_eq(buf_view(&one), buf_view(&two)));
    golden_close(&g);
    done(&w);
    buf_done(&out);
    buf_done(&one);
    buf_done(&two);
}

static void test_errors_written(void **state)
{
    struct error e;
    struct buf out = BUF_MAX(4096);

    (void)state;
    error_set(&e, ERROR_UPSTREAM_CUT, "The backend \"x\" hung up.");
    ollama_ops.error_event(NULL, &e, &out);
    error_hint(&e, "Ask again.");
    ollama_ops.error_write(&e, 502, VIEW("id"), &out);
    assert_view(buf_view(&out), "{\"error\":\"The backend \\\"x\\\" hung up.\"}\n"
                                "{\"error\":\"The backend \\\"x\\\" hung up. Ask again.\"}\n");
    buf_done(&out);
}

/* ---- the same dialect --------------------------------------------------------------------------
 */

static void test_pass_stream(void **state)
{
    static const char *const files[] = {"ollama/api_chat_stream.http",
                                        "ollama/api_generate_stream.http"};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct llm_answer answer = {.dialect = LLM_OLLAMA, .model = VIEW("a\"uto")};
        struct buf out = BUF_MAX(1 << 16), want = BUF_MAX(1 << 16);
        unsigned kinds = 0, all = 0;
        struct golden g;
        golden_open(&g, files[i]);
        struct view rest = buf_view(&g.body);
        while (rest.n) {
            assert_true(ollama_ops.event_pass(&answer, VIEW_NONE, view_cut(&rest, '\n'), &out,
                                              &kinds, &err));
            all |= kinds;
        }
        golden_replace(buf_view(&g.body), VIEW("smollm2:135m"), VIEW("a\\\"uto"), &want);
        assert_true(view_eq(buf_view(&out), buf_view(&want)));
        assert_int_equal(kinds, LLM_EVENT_FINISH | LLM_EVENT_USAGE | LLM_EVENT_DONE);
        assert_int_equal(all, kinds | LLM_EVENT_CONTENT);
        assert_int_equal(answer.usage.input, 12);
        assert_string_equal(answer.finish, "length");
        assert_int_equal(answer.text_bytes, i == 0 ? 18 : 11);
        golden_close(&g);
        buf_done(&out);
        buf_done(&want);
    }
}

static void test_pass_plain_and_errors(void **state)
{
    struct llm_answer answer = {.dialect = LLM_OLLAMA, .model = VIEW("auto")};
    struct buf out = BUF_MAX(1 << 16), want = BUF_MAX(1 << 16);
    struct llm_body pieces;
    unsigned kinds;
    struct golden g;

    (void)state;
    golden_open(&g, "ollama/api_chat_tools.http");
    assert_true(ollama_ops.plain_pass(&answer, buf_view(&g.body), a, &pieces, &err));
    for (unsigned i = 0; i < pieces.n; i++)
        buf_append(&out, pieces.pieces[i]);
    golden_replace(buf_view(&g.body), VIEW("smollm2:135m"), VIEW("auto"), &want);
    assert_true(view_eq(buf_view(&out), buf_view(&want)));
    assert_int_equal(answer.usage.output, 31);
    golden_close(&g);

    buf_reset(&out);
    assert_true(
        ollama_ops.event_pass(&answer, VIEW_NONE, VIEW("{\"error\":\"x\"}"), &out, &kinds, &err));
    assert_int_equal(kinds, LLM_EVENT_ERROR);
    assert_int_equal(err.code, ERROR_UPSTREAM_STATUS);
    assert_false(ollama_ops.event_pass(&answer, VIEW_NONE, VIEW("{}"), &out, &kinds, &err));
    assert_int_equal(out.len, 0);
    golden_open(&g, "ollama/overload_503_api_chat.http");
    assert_false(ollama_ops.plain_pass(&answer, buf_view(&g.body), a, &pieces, &err));
    assert_non_null(strstr(err.text, "server busy"));
    golden_close(&g);
    buf_done(&out);
    buf_done(&want);
}

static void test_times(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {951782399 * NS_PER_S + 1, "2000-02-28T23:59:59.000000001Z"},
        {951868800 * NS_PER_S, "2000-03-01T00:00:00Z"},
        {INT64_C(1709164800) * NS_PER_S, "2024-02-29T00:00:00Z"},
        {INT64_C(4107542400) * NS_PER_S + 120000000, "2100-03-01T00:00:00.12Z"},
    };
    char text[40];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_view(view_of(text, ollama_time(text, rows[i].ns)), rows[i].text);
        assert_int_equal(ollama_time_read(view_str(rows[i].text)), rows[i].ns / NS_PER_S);
    }
    assert_int_equal(ollama_time_read(VIEW("2024-02-29T02:30:00.5+02:30")), 1709164800);
    assert_int_equal(ollama_time_read(VIEW("2024-02-28T23:00:00-01:00")), 1709164800);
    assert_int_equal(ollama_time_read(VIEW("yesterday")), 0);
    assert_int_equal(ollama_time_read(VIEW("2024-02-29T00:00:00+0")), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_lines),
        TEST(test_made_ids_differ),
        TEST(test_golden),
        TEST(test_plain_refusals),
        TEST(test_stream_written),
        TEST(test_plain_written),
        TEST(test_generate_written),
        TEST(test_there_and_back),
        TEST(test_errors_written),
        TEST(test_pass_stream),
        TEST(test_pass_plain_and_errors),
        TEST(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
