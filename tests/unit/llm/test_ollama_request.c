#include "llm/dialects.h"

#include "golden.h"
#include "llm/ollama.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HI           "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define ASK(rest)    "{\"model\":\"m\"," HI rest "}"
#define MSG(m)       "{\"model\":\"m\",\"messages\":[" m "]}"
#define USER(c)      "{\"role\":\"user\",\"content\":\"" c "\"}"
#define PNG          "iVBORw0KGgoAAA=="

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

static void read_chat(const char *body, struct llm_neutral *ret)
{
    if (!ollama_ops.request_read(view_str(body), a, ret, &err))
        fail_msg("%s: %s", body, err.text);
}

static void assert_view(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("\ngot  %.*s\nwant %s", VIEW_ARG(got), want);
}

/* Body in, body out: what the writer makes of what was read. */
static void assert_written(const char *body, bool drop_sampling, const char *want,
                           const char *want_notes)
{
    struct llm_rewrite rw = {.model = VIEW("m2"), .drop_sampling = drop_sampling};
    struct buf out = BUF_MAX(1 << 20), notes = BUF_MAX(4096);
    struct llm_neutral n;

    read_chat(body, &n);
    if (!ollama_ops.request_write(&n, &rw, &out, &notes, &err))
        fail_msg("%s", err.text);
    assert_view(buf_view(&out), want);
    assert_view(buf_view(&notes), want_notes);
    buf_done(&out);
    buf_done(&notes);
}

static void test_every_field(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"stream\":false,\"keep_alive\":\"5m\",\"think\":\"high\","
        "\"format\":{\"type\":\"object\"},\"logprobs\":true,\"top_logprobs\":3,"
        "\"options\":{\"num_ctx\":8192,\"temperature\":0.70,\"top_p\":0.9,\"top_k\":40,"
        "\"min_p\":0.05,\"seed\":42,\"stop\":[\"a\",\"b\\n\"],\"num_predict\":64,"
        "\"presence_penalty\":0.1,\"frequency_penalty\":0.2,\"repeat_penalty\":1.1},"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
        "\"parameters\":{\"type\":\"object\"}}}],\"truncate\":false,\"shift\":true,"
        "\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
        "{\"role\":\"user\",\"content\":\"u\",\"images\":[\"" PNG "\"]}]}";
    struct llm_neutral n;

    (void)state;
    read_chat(body, &n);
    assert_view(n.model, "m");
    assert_false(n.stream);
    assert_view(n.keep_alive, "\"5m\"");
    assert_view(n.effort, "high");
    assert_int_equal(n.thinking, 1);
    assert_int_equal(n.format, LLM_FORMAT_SCHEMA);
    assert_view(n.schema, "{\"type\":\"object\"}");
    assert_true(n.logprobs);
    assert_view(n.top_logprobs, "3");
    assert_view(n.num_ctx, "8192");
    assert_view(n.temperature, "0.70");
    assert_view(n.top_p, "0.9");
    assert_view(n.top_k, "40");
    assert_view(n.min_p, "0.05");
    assert_view(n.seed, "42");
    assert_view(n.presence_penalty, "0.1");
    assert_view(n.frequency_penalty, "0.2");
    assert_int_equal(n.max_tokens, 64);
    assert_int_equal(n.n_stops, 2);
    assert_view(n.stops[1], "b\n");
    assert_int_equal(n.n_tools, 1);
    assert_view(n.tools[0].name, "f");
    assert_view(n.tools[0].description, "d");
    assert_view(n.tools[0].parameters, "{\"type\":\"object\"}");
    assert_int_equal(n.n_extras, 1); /* nobody else cuts, whatever is asked of Ollama */
    assert_view(n.extras[0], "options.repeat_penalty");
    assert_int_equal(n.n_turns, 2);
    assert_int_equal(n.turns[0].role, LLM_SYSTEM);
    assert_int_equal(n.turns[1].n_parts, 2);
    assert_view(n.turns[1].parts[0].media_type, "image/png");
    assert_view(n.turns[1].parts[0].data, PNG);
    assert_view(n.turns[1].parts[1].text, "u");
}

static void test_stream_is_the_default(void **state)
{
    static const struct {
        const char *body;
        bool stream;
    } rows[] = {{ASK(""), true},
                {ASK(",\"stream\":null"), true},
                {ASK(",\"stream\":true"), true},
                {ASK(",\"stream\":false"), false}};
    struct llm_neutral n;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_chat(rows[i].body, &n);
        assert_int_equal(n.stream, rows[i].stream);
        assert_true(n.include_usage);
    }
}

static void test_thinking(void **state)
{
    static const struct {
        const char *body;
        int thinking;
        const char *effort;
    } rows[] = {{ASK(""), -1, ""},
                {ASK(",\"think\":null"), -1, ""},
                {ASK(",\"think\":true"), 1, ""},
                {ASK(",\"think\":false"), 0, ""},
                {ASK(",\"think\":\"low\""), 1, "low"}};
    struct llm_neutral n;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        read_chat(rows[i].body, &n);
        assert_int_equal(n.thinking, rows[i].thinking);
        assert_view(n.effort, rows[i].effort);
    }
}

/* Results find their calls by id, by name, in order. */
static void test_calls_and_results(void **state)
{
    static const char body[] =
        MSG("{\"role\":\"assistant\",\"thinking\":\"hm\",\"tool_calls\":["
            "{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":9007199254740993}}},"
            "{\"id\":\"own\",\"function\":{\"name\":\"g\",\"arguments\":{}}},"
            "{\"function\":{\"name\":\"f\"}}]},"
            "{\"role\":\"tool\",\"content\":\"1\",\"tool_name\":\"g\"},"
            "{\"role\":\"tool\",\"content\":\"2\",\"tool_name\":\"f\"},"
            "{\"role\":\"tool\",\"content\":\"3\"},"
            "{\"role\":\"tool\",\"content\":\"4\",\"tool_call_id\":\"else\",\"tool_name\":\"h\"},"
            "{\"role\":\"tool\",\"content\":\"5\"}");
    struct llm_neutral n;

    (void)state;
    read_chat(body, &n);
    assert_int_equal(n.n_turns, 6);
    const struct llm_part *p = n.turns[0].parts;
    assert_int_equal(n.turns[0].n_parts, 4);
    assert_int_equal(p[0].kind, LLM_PART_THINKING);
    assert_view(p[1].id, "call_0");
    assert_view(p[1].arguments, "{\"x\":9007199254740993}");
    assert_view(p[2].id, "own");
    assert_view(p[3].id, "call_1");
    assert_view(p[3].arguments, "{}");
    assert_view(n.turns[1].parts[0].id, "own");
    assert_view(n.turns[2].parts[0].id, "call_0");
    assert_view(n.turns[3].parts[0].id, "call_1");
    assert_view(n.turns[3].parts[0].name, "f");
    assert_view(n.turns[4].parts[0].id, "else");
    assert_view(n.turns[5].parts[0].id, "call_2");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body, *param;
        enum error_code code;
    } rows[] = {
        {"{\"model\":", "", ERROR_BAD_JSON},
        {"[]", "", ERROR_BAD_JSON},
        {"{\"messages\":[]}", "model", ERROR_MISSING_VALUE},
        {"{\"model\":7}", "model", ERROR_BAD_VALUE},
        {ASK(",\"model\":\"m\""), "model", ERROR_DUPLICATE_KEY},
        {ASK(",\"stream\":\"yes\""), "stream", ERROR_BAD_VALUE},
        {ASK(",\"format\":\"yaml\""), "format", ERROR_BAD_VALUE},
        {ASK(",\"format\":1"), "format", ERROR_BAD_VALUE},
        {ASK(",\"options\":[]"), "options", ERROR_BAD_VALUE},
        {ASK(",\"options\":{\"stop\":\"x\"}"), "options.stop", ERROR_BAD_VALUE},
        {ASK(",\"options\":{\"temperature\":\"hot\"}"), "options.temperature", ERROR_BAD_VALUE},
        {ASK(",\"options\":{\"num_ctx\":true}"), "options.num_ctx", ERROR_BAD_VALUE},
        {ASK(",\"think\":3"), "think", ERROR_BAD_VALUE},
        {ASK(",\"keep_alive\":{}"), "keep_alive", ERROR_BAD_VALUE},
        {ASK(",\"tools\":{}"), "tools", ERROR_BAD_VALUE},
        {ASK(",\"tools\":[{\"type\":\"function\"}]"), "tools", ERROR_MISSING_VALUE},
        {"{\"model\":\"m\",\"messages\":{}}", "messages", ERROR_BAD_VALUE},
        {MSG("7"), "messages[0]", ERROR_BAD_VALUE},
        {MSG("{\"content\":\"x\"}"), "messages[0].role", ERROR_MISSING_VALUE},
        {MSG(USER("a") ",{\"role\":\"poet\"}"), "messages[1].role", ERROR_BAD_VALUE},
        {MSG("{\"role\":\"user\",\"content\":[{}]}"), "messages[0].content", ERROR_BAD_VALUE},
        {MSG("{\"role\":\"user\",\"images\":[\"http://x/y.png\"]}"), "messages[0].images",
         ERROR_BAD_VALUE},
        {MSG("{\"role\":\"user\",\"images\":\"" PNG "\"}"), "messages[0].images", ERROR_BAD_VALUE},
        {MSG("{\"role\":\"assistant\",\"tool_calls\":[{}]}"), "messages[0].tool_calls",
         ERROR_MISSING_VALUE},
        {MSG("{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
             "\"arguments\":\"{}\"}}]}"),
         "messages[0].tool_calls.function.arguments", ERROR_BAD_VALUE},
    };
    struct llm_neutral n;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (ollama_ops.request_read(view_str(rows[i].body), a, &n, &err))
            fail_msg("%s is read", rows[i].body);
        if (err.code != rows[i].code)
            fail_msg("%s: %s", rows[i].body, err.text);
        assert_string_equal(err.param, rows[i].param);
    }
}

static void test_generate(void **state)
{
    struct llm_neutral n;

    (void)state;
    assert_true(ollama_generate_ops.request_read(
        VIEW("{\"model\":\"m\",\"prompt\":\"p\",\"system\":\"s\",\"images\":[\"/9j/4AA\\nQ\"],"
             "\"suffix\":\"\",\"raw\":false,\"template\":null,\"context\":[1],"
             "\"options\":{\"num_predict\":-1}}"),
        a, &n, &err));
    assert_true(n.stream);
    assert_int_equal(n.max_tokens, 0);
    assert_int_equal(n.n_turns, 2);
    assert_int_equal(n.turns[0].role, LLM_SYSTEM);
    assert_view(n.turns[0].parts[0].text, "s");
    assert_int_equal(n.turns[1].n_parts, 2);
    assert_view(n.turns[1].parts[0].media_type, "image/jpeg");
    assert_view(n.turns[1].parts[0].data, "/9j/4AAQ");
    assert_view(n.turns[1].parts[1].text, "p");
    assert_int_equal(n.n_extras, 1);
    assert_view(n.extras[0], "context");

    assert_true(
        ollama_generate_ops.request_read(VIEW("{\"model\":\"m\",\"keep_alive\":0}"), a, &n, &err));
    assert_int_equal(n.n_turns, 0);
    assert_view(n.keep_alive, "0");
}

#define WHOLE OLLAMA_WHOLE_PROMPT

static void test_written(void **state)
{
    (void)state;
    assert_written(ASK(",\"options\":{\"temperature\":1,\"top_p\":0.5,\"num_ctx\":4096}"), true,
                   "{\"model\":\"m2\",\"messages\":[" USER("hi") "],\"stream\":true," WHOLE ","
                                                                 "\"options\":{\"num_ctx\":4096}}",
                   "temperature dropped, top_p dropped, ");
    assert_written(
        ASK(",\"format\":\"json\",\"think\":false"), false,
        "{\"model\":\"m2\",\"messages\":[" USER("hi") "],\"format\":\"json\","
                                                      "\"think\":false,\"stream\":true," WHOLE "}",
        "");
}

/* What other dialects say and this one does not. */
static void test_losses(void **state)
{
    struct llm_part texts[] = {
        {.kind = LLM_PART_TEXT, .text = VIEW("a"), .cache_control = VIEW("{}")},
        {.kind = LLM_PART_REFUSAL, .text = VIEW("b")},
        {.kind = LLM_PART_THINKING, .text = VIEW("t"), .signature = VIEW("sig")},
        {.kind = LLM_PART_THINKING, .signature = VIEW("x"), .redacted = true},
        {.kind = LLM_PART_CALL, .id = VIEW("c"), .name = VIEW("f"), .arguments = VIEW("\"x\"")}};
    struct llm_part images = {.kind = LLM_PART_IMAGE, .data = VIEW("AAAA"), .detail = VIEW("low")};
    struct llm_part results[] = {{.kind = LLM_PART_RESULT,
                                  .id = VIEW("c"),
                                  .text = VIEW("r"),
                                  .failed = true,
                                  .images = &images,
                                  .n_images = 1},
                                 {.kind = LLM_PART_TEXT, .text = VIEW("go on")}};
    struct llm_turn turns[] = {
        {.role = LLM_ASSISTANT, .name = VIEW("n"), .parts = texts, .n_parts = COUNT(texts)},
        {.role = LLM_USER, .parts = results, .n_parts = COUNT(results)}};
    struct llm_neutral n = {.model = VIEW("m"),
                            .turns = turns,
                            .n_turns = 2,
                            .parallel_calls = -1,
                            .schema_strict = -1,
                            .thinking = -1,
                            .effort = VIEW("minimal"),
                            .thinking_budget = 9,
                            .format = LLM_FORMAT_SCHEMA,
                            .schema_name = VIEW("s"),
                            .schema = VIEW("{}"),
                            .user = VIEW("u"),
                            .metadata = VIEW("{}"),
                            .service_tier = VIEW("flex")};
    struct llm_rewrite rw = {.model = VIEW("m")};
    struct buf out = BUF_MAX(1 << 16), notes = BUF_MAX(4096);

    (void)state;
    assert_true(ollama_ops.request_write(&n, &rw, &out, &notes, &err));
    assert_view(buf_view(&out),
                "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\\nb\","
                "\"thinking\":\"t\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
                "\"arguments\":{\"arguments\":\"\\\"x\\\"\"}}}]},"
                "{\"role\":\"tool\",\"content\":\"r\",\"tool_name\":\"f\",\"tool_call_id\":\"c\","
                "\"images\":[\"AAAA\"]},{\"role\":\"user\",\"content\":\"go on\"}],\"format\":{},"
                "\"think\":\"low\",\"stream\":false," OLLAMA_WHOLE_PROMPT "}");
    assert_view(buf_view(&notes),
                "signature dropped, redacted_thinking dropped, cache_control dropped, "
                "detail dropped, name dropped, is_error dropped, json_schema.name dropped, "
                "budget_tokens dropped, user dropped, metadata dropped, service_tier dropped, ");
    buf_done(&out);
    buf_done(&notes);
}

static void test_fatal(void **state)
{
    struct llm_part url = {.kind = LLM_PART_IMAGE, .url = VIEW("http://x/y.png")};
    struct llm_part audio = {.kind = LLM_PART_OTHER, .name = VIEW("input_audio")};
    struct llm_turn with_url = {.role = LLM_USER, .parts = &url, .n_parts = 1};
    struct llm_turn with_audio = {.role = LLM_USER, .parts = &audio, .n_parts = 1};
    struct llm_tool tool = {.name = VIEW("f"), .strict = -1};
    struct llm_tool foreign = {.name = VIEW("web_search"), .strict = -1, .foreign = true};
    const struct {
        struct llm_neutral n;
        const char *param;
    } rows[] = {
        {{.turns = &with_url, .n_turns = 1, .parallel_calls = -1}, "messages.image_url"},
        {{.turns = &with_audio, .n_turns = 1, .parallel_calls = -1}, "input_audio"},
        {{.tools = &tool, .n_tools = 1, .parallel_calls = -1, .choice = LLM_CHOICE_ANY},
         "tool_choice"},
        {{.tools = &tool, .n_tools = 1, .parallel_calls = -1, .choice = LLM_CHOICE_NAMED},
         "tool_choice"},
        {{.tools = &tool, .n_tools = 1, .parallel_calls = 0}, "parallel_tool_calls"},
        {{.tools = &foreign, .n_tools = 1, .parallel_calls = -1}, "tools[0].type"},
        {{.n = VIEW("2"), .parallel_calls = -1}, "n"},
        {{.extras = {VIEW("store"), VIEW("logit_bias")}, .n_extras = 2, .parallel_calls = -1},
         "logit_bias"},
    };
    struct llm_rewrite rw = {.model = VIEW("m")};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = BUF_MAX(1 << 16), notes = BUF_MAX(4096);
        assert_false(ollama_ops.request_write(&rows[i].n, &rw, &out, &notes, &err));
        assert_int_equal(err.code, ERROR_BAD_VALUE);
        assert_string_equal(err.param, rows[i].param);
        assert_int_equal(out.len, 0);
        buf_done(&out);
        buf_done(&notes);
    }
}

/* ---- generated requests, as the writer would put them ------------------------------------------
 */

static uint64_t seed = 1;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(seed >> 33) % n;
}

static void put_word(struct buf *b)
{
    static const struct view words[] = {VIEW_LIT("plain"), VIEW_LIT("two words"),
                                        VIEW_LIT("line\nbreak"), VIEW_LIT("q\"u\\o"),
                                        VIEW_LIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")};
    json_quote(b, words[pick(COUNT(words))]);
}

static void put_member(struct buf *b, const char *key)
{
    buf_printf(b, "%s\"%s\":", b->p[b->len - 1] == '{' ? "" : ",", key);
}

static unsigned n_ids;

static void put_call(struct buf *b)
{
    buf_printf(b, "{\"id\":\"id%u\",\"function\":{\"name\":\"f%u\",\"arguments\":{\"a\":", n_ids++,
               pick(3));
    put_word(b);
    buf_append_lit(b, "}}}");
}

static void put_assistant(struct buf *b)
{
    unsigned calls = pick(4), first = n_ids;

    buf_append_lit(b, "{\"role\":\"assistant\",\"content\":");
    put_word(b);
    if (pick(2)) {
        put_member(b, "thinking");
        put_word(b);
    }
    if (calls) {
        put_member(b, "tool_calls");
        for (unsigned i = 0; i < calls; i++) {
            buf_append_char(b, i ? ',' : '[');
            put_call(b);
        }
        buf_append_char(b, ']');
    }
    buf_append_char(b, '}');
    for (unsigned i = 0; i < calls; i++) {
        buf_append_lit(b, ",{\"role\":\"tool\",\"content\":");
        put_word(b);
        buf_printf(b, ",\"tool_name\":\"g\",\"tool_call_id\":\"id%u\"}", first + i);
    }
}

static void put_user(struct buf *b)
{
    buf_printf(b, "{\"role\":\"%s\",\"content\":", pick(4) ? "user" : "system");
    put_word(b);
    if (!pick(3))
        buf_append_lit(b, ",\"images\":[\"" PNG "\",\"/9j/AAAA\"]");
    buf_append_char(b, '}');
}

static void put_options(struct buf *b)
{
    static const char *const keys[] = {
        "num_ctx",          "temperature",      "top_p", "top_k", "min_p", "seed",
        "presence_penalty", "frequency_penalty"};

    put_member(b, "options");
    buf_append_char(b, '{');
    for (unsigned i = 0; i < COUNT(keys); i++)
        if (pick(2)) {
            put_member(b, keys[i]);
            buf_printf(b, "%u.%02u", pick(3), pick(100));
        }
    put_member(b, "num_predict");
    buf_append_u64(b, 1 + pick(9999));
    if (pick(2)) {
        put_member(b, "stop");
        buf_append_char(b, '[');
        put_word(b);
        buf_append_char(b, ']');
    }
    buf_append_char(b, '}');
}

static void generate(struct buf *b)
{
    static const char *const thinks[] = {"true", "false", "\"low\"", "\"medium\"", "\"high\""};
    static const char *const formats[] = {"\"json\"", "{\"type\":\"object\",\"a\":[1,2]}"};

    buf_append_lit(b, "{\"model\":\"m\",\"messages\":[");
    for (unsigned i = 0, n = 1 + pick(6); i < n; i++) {
        if (i)
            buf_append_char(b, ',');
        pick(2) ? put_user(b) : put_assistant(b);
    }
    buf_append_char(b, ']');
    if (pick(2))
        buf_append_lit(b, ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f0\","
                          "\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}}]");
    if (pick(2))
        buf_printf(b, ",\"format\":%s", formats[pick(COUNT(formats))]);
    if (pick(2))
        buf_printf(b, ",\"think\":%s", thinks[pick(COUNT(thinks))]);
    buf_printf(b, ",\"stream\":%s," OLLAMA_WHOLE_PROMPT, pick(2) ? "true" : "false");
    if (pick(2))
        buf_printf(b, ",\"keep_alive\":%s", pick(2) ? "\"10m\"" : "-1");
    if (pick(3) == 0)
        buf_append_lit(b, ",\"logprobs\":true,\"top_logprobs\":2");
    if (pick(2))
        put_options(b);
    buf_append_char(b, '}');
}

static void test_round_trip(void **state)
{
    struct buf body = BUF_MAX(1 << 16), out = BUF_MAX(1 << 16), notes = BUF_MAX(4096);
    struct llm_rewrite rw = {.model = VIEW("m")};
    struct llm_neutral n;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        arena_reset(a);
        buf_reset(&body);
        buf_reset(&out);
        generate(&body);
        assert_true(buf_ok(&body));
        if (!ollama_ops.request_read(buf_view(&body), a, &n, &err))
            fail_msg("%.*s: %s", VIEW_ARG(buf_view(&body)), err.text);
        assert_int_equal(n.n_extras, 0);
        if (!ollama_ops.request_write(&n, &rw, &out, &notes, &err))
            fail_msg("%s", err.text);
        if (!view_eq(buf_view(&out), buf_view(&body)))
            fail_msg("\nin  %.*s\nout %.*s", VIEW_ARG(buf_view(&body)), VIEW_ARG(buf_view(&out)));
    }
    assert_int_equal(notes.len, 0);
    buf_done(&body);
    buf_done(&out);
    buf_done(&notes);
}

static void test_golden(void **state)
{
    static const char *const files[] = {"ollama/api_chat.http", "ollama/api_chat_stream.http",
                                        "ollama/api_chat_tools.http"};
    struct llm_neutral n;

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct golden g;
        golden_open(&g, files[i]);
        assert_true(ollama_ops.request_read(g.request, a, &n, &err));
        assert_view(n.model, "smollm2:135m");
        assert_int_equal(n.stream, i == 1);
        assert_int_equal(n.n_tools, i == 2);
        assert_int_equal(n.n_turns, 1);
        assert_int_equal(n.n_extras, 0);
        golden_close(&g);
    }
}

/* What the client says of cutting stands; else nothing is cut. */
static void test_pass(void **state)
{
    static const char *const rows[][2] = {
        {"{ \"x\":1.0, \"model\" : \"m\",\"messages\":[{\"model\":1,\"truncate\":true}]}",
         "{" WHOLE
         ", \"x\":1.0, \"model\" : \"n\\\"\",\"messages\":[{\"model\":1,\"truncate\":true}]}"},
        {" {\"model\":\"m\"}", " {" WHOLE ",\"model\":\"n\\\"\"}"},
        {"{\"truncate\":true,\"model\":\"m\"}",
         "{\"shift\":false,\"truncate\":true,\"model\":\"n\\\"\"}"},
        {"{\"model\":\"m\",\"shift\":null}",
         "{\"truncate\":false,\"model\":\"n\\\"\",\"shift\":null}"},
        {"{\"model\":\"m\",\"shift\":true,\"truncate\":false}",
         "{\"model\":\"n\\\"\",\"shift\":true,\"truncate\":false}"},
    };
    const struct llm_dialect_ops *const ops[] = {&ollama_ops, &ollama_generate_ops};
    struct llm_rewrite rw = {.model = VIEW("n\"")};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct llm_request req = {.body = view_str(rows[i / 2][0])};
        struct buf out = BUF_MAX(4096);
        struct llm_body pieces;
        struct view notes;
        assert_true(ops[i % 2]->request_pass(&req, &rw, a, &pieces, &notes, &err));
        for (unsigned k = 0; k < pieces.n; k++)
            buf_append(&out, pieces.pieces[k]);
        assert_int_equal(out.len, pieces.bytes);
        assert_view(buf_view(&out), rows[i / 2][1]);
        buf_done(&out);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_every_field), TEST(test_stream_is_the_default),
        TEST(test_thinking),    TEST(test_calls_and_results),
        TEST(test_refusals),    TEST(test_generate),
        TEST(test_written),     TEST(test_losses),
        TEST(test_fatal),       TEST(test_round_trip),
        TEST(test_golden),      TEST(test_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
