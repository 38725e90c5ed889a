/* Anthropic requests, to the neutral form and from it. */
#include "llm/dialects.h"
#include "json/reader.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define HEAD         "{\"model\":\"m\",\"max_tokens\":9,"
#define USER         "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SYSTEM       "\"system\":[{\"type\":\"text\",\"text\":\"s\"}],"

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

static struct llm_neutral read_ok(struct view body)
{
    struct llm_neutral n = {.n_turns = 0};
    struct error err = {.code = ERROR_NONE};

    if (!anthropic_ops.request_read(body, arena, &n, &err))
        fail_msg("refused: %s (%s) %.*s", err.text, err.param, VIEW_ARG(body));
    return n;
}

static void write_ok(const struct llm_neutral *n, struct buf *out, struct buf *notes)
{
    struct llm_rewrite rewrite = {.model = VIEW("m")};
    struct error err = {.code = ERROR_NONE};

    if (!anthropic_ops.request_write(n, &rewrite, out, notes, &err))
        fail_msg("refused: %s (%s)", err.text, err.param);
}

static void assert_view(struct view v, const char *want)
{
    if (!view_eq(v, view_str(want)))
        fail_msg("\"%.*s\" is not \"%s\"", VIEW_ARG(v), want);
}

/* What is read is written again, each field of it; empty `out`: the same bytes. */
static void test_both_ways(void **state)
{
    static const struct {
        const char *in, *out, *notes;
    } rows[] = {
        {HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}",
         "", ""},
        {HEAD USER "}",
         HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}",
         ""},
        {HEAD "\"system\":\"s\"," USER "}",
         HEAD SYSTEM
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}",
         ""},
        /* every kind of block */
        {HEAD
         "\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}"
         "],"
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
         "\"base64\",\"media_type\":\"image/"
         "png\",\"data\":\"AAAA\"}},{\"type\":\"image\",\"source\":"
         "{\"type\":\"url\",\"url\":\"https://e/x.png\"}}]},"
         "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
         "\"signature\":\"g\"},{\"type\":\"redacted_thinking\",\"data\":\"r\"},{\"type\":\"tool_"
         "use\","
         "\"id\":\"a\",\"name\":\"f\",\"input\":{\"x\": "
         "1e400}},{\"type\":\"tool_use\",\"id\":\"b\","
         "\"name\":\"g\",\"input\":{}}]},"
         "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\","
         "\"content\":"
         "\"one\"},{\"type\":\"tool_result\",\"tool_use_id\":\"b\",\"content\":[{\"type\":\"text\","
         "\"text\":\"two\"},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}],"
         "\"is_error\":true,\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\","
         "\"text\":"
         "\"go\\u0001\"}]}]}",
         "", ""},
        /* tools and choice */
        {HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}],"
         "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\": "
         "\"object\"},\"strict\":true,\"cache_control\":{\"type\":\"ephemeral\"}},{\"name\":\"g\","
         "\"input_schema\":{}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\","
         "\"disable_parallel_tool_use\":true}}",
         "", ""},
        /* all else */
        {HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}],"
         "\"temperature\":0.50,\"top_p\":1,\"top_k\":5,\"stop_sequences\":[\"a\",\"\\n\"],"
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"output_config\":{"
         "\"effort\":\"high\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"a\": 1}}},"
         "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\",\"stream\":true}",
         "", ""},
        {HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}],"
         "\"thinking\":{\"type\":\"adaptive\"},\"service_tier\":\"auto\"}",
         "", ""},
        {HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}],"
         "\"thinking\":{\"type\":\"disabled\"}}",
         "", ""},
        /* empty assistant messages, same roles in a row, a system message in the middle */
        {HEAD
         "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"
         "\"\"},{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"system\",\"content\":\"s\"},"
         "{\"role\":\"user\",\"content\":\"c\"},{\"role\":\"assistant\",\"content\":\"d\"}],"
         "\"speed\":\"fast\",\"container\":null}",
         HEAD SYSTEM
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
         "\"type\":"
         "\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"c\"}]},{\"role\":\"assistant\","
         "\"content\":[{\"type\":\"text\",\"text\":\"d\"}]}]}",
         "system text moved to the front, speed dropped, "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf in = BUF_MAX(1 << 16), out = BUF_MAX(1 << 16), notes = BUF_MAX(1 << 10);
        struct llm_neutral n = read_ok(view_str(rows[i].in));
        const char *want = rows[i].out[0] ? rows[i].out : rows[i].in;

        write_ok(&n, &out, &notes);
        if (!view_eq(buf_view(&out), view_str(want)))
            fail_msg("row %zu:\n%.*s\n%s", i, VIEW_ARG(buf_view(&out)), want);
        assert_view(buf_view(&notes), rows[i].notes);
        buf_done(&in);
        buf_done(&out);
        buf_done(&notes);
    }
}

static void test_neutral(void **state)
{
    struct llm_neutral n = read_ok(VIEW(
        HEAD
        "\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
        "\"a\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":"
        "\"tool_result\",\"tool_use_id\":\"a\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
        "{\"type\":\"document\"},{\"type\":\"text\",\"text\":\"y\"}]},{\"type\":\"document\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
        "\"data\":\"AA\\nAA \"}}]}],\"system\":\"s\",\"tools\":[{\"type\":"
        "\"web_search_20250305\",\"name\":\"web_search\"}],\"tool_choice\":{\"type\":\"any\","
        "\"disable_parallel_tool_use\":false},\"mcp_servers\":[],"
        "\"metadata\":{\"user_id\":\"u\",\"x\":1}}"));

    (void)state;
    assert_int_equal(n.n_turns, 4);
    assert_int_equal(n.turns[0].role, LLM_SYSTEM);
    assert_int_equal(n.turns[2].role, LLM_TOOL);
    assert_int_equal(n.turns[2].parts[0].kind, LLM_PART_RESULT);
    assert_view(n.turns[2].parts[0].text, "x\ny");
    assert_view(n.turns[2].parts[0].name, "f");
    assert_int_equal(n.turns[3].role, LLM_USER);
    assert_int_equal(n.turns[3].n_parts, 3);
    assert_int_equal(n.turns[3].parts[0].kind, LLM_PART_OTHER);
    assert_view(n.turns[3].parts[1].name, "document");
    assert_view(n.turns[3].parts[2].data, "AAAA");
    assert_true(n.tools[0].foreign);
    assert_view(n.tools[0].name, "web_search_20250305");
    assert_int_equal(n.choice, LLM_CHOICE_ANY);
    assert_int_equal(n.parallel_calls, 1);
    assert_int_equal(n.n_extras, 1);
    assert_view(n.extras[0], "mcp_servers");
    assert_view(n.user, "u");
    assert_view(n.metadata, "{\"user_id\":\"u\",\"x\":1}");
    assert_true(n.include_usage);
}

static void test_refused(void **state)
{
    static const struct {
        const char *body, *param;
        enum error_code code;
    } rows[] = {
        {"{\"model\":\"m\"," USER "}", "max_tokens", ERROR_MISSING_VALUE},
        {HEAD "\"x\":1}", "messages", ERROR_MISSING_VALUE},
        {"{\"max_tokens\":1," USER "}", "model", ERROR_MISSING_VALUE},
        {"{\"model\":\"\",\"max_tokens\":1," USER "}", "model", ERROR_BAD_VALUE},
        {"{\"model\":\"m\",\"max_tokens\":0.5," USER "}", "max_tokens", ERROR_BAD_VALUE},
        {HEAD "\"messages\":[]}", "messages", ERROR_BAD_VALUE},
        {HEAD "\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}", "messages[0].role",
         ERROR_BAD_VALUE},
        {HEAD "\"messages\":[{\"role\":\"user\"}]}", "messages[0].content", ERROR_MISSING_VALUE},
        {HEAD "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         "messages[0].content.text", ERROR_MISSING_VALUE},
        {HEAD "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\","
              "\"name\":\"f\",\"input\":[]}]}]}",
         "messages[0].content.input", ERROR_MISSING_VALUE},
        {HEAD USER ",\"system\":1}", "system", ERROR_BAD_VALUE},
        {HEAD USER ",\"tools\":[{\"input_schema\":{}}]}", "tools[0].name", ERROR_MISSING_VALUE},
        {HEAD USER ",\"tools\":[{\"name\":\"f\"}]}", "tools[0].input_schema", ERROR_MISSING_VALUE},
        {HEAD USER ",\"tool_choice\":{\"type\":\"tool\"}}", "tool_choice.name",
         ERROR_MISSING_VALUE},
        {HEAD USER ",\"tool_choice\":{\"type\":\"x\"}}", "tool_choice.type", ERROR_BAD_VALUE},
        {HEAD USER ",\"thinking\":{\"type\":\"enabled\"}}", "thinking.budget_tokens",
         ERROR_MISSING_VALUE},
        {HEAD USER ",\"output_config\":{\"format\":{\"type\":\"x\"}}}", "output_config.format.type",
         ERROR_BAD_VALUE},
        {HEAD USER ",\"stop_sequences\":\"x\"}", "stop_sequences", ERROR_BAD_VALUE},
        {HEAD USER ",\"model\":\"m\"}", "model", ERROR_DUPLICATE_KEY},
        {HEAD USER, "", ERROR_BAD_JSON},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_neutral n;
        struct error err = {.code = ERROR_NONE};
        if (anthropic_ops.request_read(view_str(rows[i].body), arena, &n, &err))
            fail_msg("row %zu passed", i);
        if (err.code != rows[i].code || strcmp(err.param, rows[i].param) != 0)
            fail_msg("row %zu: %d %s: %s", i, err.code, err.param, err.text);
    }
    struct llm_neutral n;
    struct error err;
    assert_true(anthropic_count_tokens_read(VIEW("{\"model\":\"m\"," USER "}"), arena, &n, &err));
    assert_false(anthropic_count_tokens_read(VIEW("{\"model\":\"m\"}"), arena, &n, &err));
    struct buf out = BUF_MAX(64);
    anthropic_count_tokens_write(7, &out);
    assert_view(buf_view(&out), "{\"input_tokens\":7}\n");
    buf_done(&out);
}

/* What other dialects can say and this one cannot, or not so. */
static void test_from_others(void **state)
{
    struct llm_part calls[] = {
        {.kind = LLM_PART_THINKING, .text = VIEW("hm")},
        {.kind = LLM_PART_CALL,
         .id = VIEW("fn.a:0"),
         .name = VIEW("f"),
         .arguments = VIEW("\"x\"")},
        {.kind = LLM_PART_CALL, .name = VIEW("g")},
    };
    struct llm_part ask = {.text = VIEW("hi")}, late = {.text = VIEW("and?")};
    struct llm_part a = {.kind = LLM_PART_RESULT, .id = VIEW("fn.a:0"), .text = VIEW("1")};
    struct llm_part b = {.kind = LLM_PART_RESULT};
    struct llm_turn turns[] = {
        {.role = LLM_USER, .parts = &ask, .n_parts = 1, .name = VIEW("bob")},
        {.role = LLM_ASSISTANT, .parts = calls, .n_parts = 3},
        {.role = LLM_USER, .parts = &late, .n_parts = 1},
        {.role = LLM_TOOL, .parts = &a, .n_parts = 1},
        {.role = LLM_TOOL, .parts = &b, .n_parts = 1},
    };
    struct llm_neutral n = {.model = VIEW("x"),
                            .turns = turns,
                            .n_turns = 5,
                            .parallel_calls = -1,
                            .schema_strict = -1,
                            .thinking = -1,
                            .seed = VIEW("1"),
                            .n = VIEW("1"),
                            .presence_penalty = VIEW("0.0"),
                            .effort = VIEW("minimal")};
    struct buf out = BUF_MAX(1 << 16), notes = BUF_MAX(1 << 10);

    (void)state;
    write_ok(&n, &out, &notes);
    assert_view(
        buf_view(&out),
        "{\"model\":\"m\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\",\"content\":[{"
        "\"type\":\"text\",\"text\":\"hi\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"tool_use\",\"id\":\"fn_a_0\",\"name\":\"f\",\"input\":{\"arguments\":\"\\\"x\\\"\"}},{"
        "\"type\":\"tool_use\",\"id\":\"toolu_0\",\"name\":\"g\",\"input\":{}}]},{\"role\":"
        "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"fn_a_0\",\"content\":"
        "\"1\"},{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_0\"},{\"type\":\"text\","
        "\"text\":\"and?\"}]}],\"output_config\":{\"effort\":\"low\"}}");
    assert_view(
        buf_view(&notes),
        "max_tokens set to 4096, names of speakers dropped, reasoning of earlier turns dropped, "
        "arguments that are no object wrapped, seed dropped, "
        "reasoning effort raised to low, ");
    buf_done(&out);
    buf_done(&notes);
}

static void test_fatal(void **state)
{
    struct llm_part text = {.text = VIEW("hi")}, other = {.kind = LLM_PART_OTHER};
    struct llm_part tiff = {.kind = LLM_PART_IMAGE, .media_type = VIEW("image/tiff")};
    struct llm_turn user = {.role = LLM_USER, .parts = &text, .n_parts = 1};
    struct llm_turn bot = {.role = LLM_ASSISTANT, .parts = &text, .n_parts = 1};
    struct llm_turn file = {.role = LLM_USER, .parts = &other, .n_parts = 1};
    struct llm_turn picture = {.role = LLM_USER, .parts = &tiff, .n_parts = 1};
    struct llm_tool foreign = {.name = VIEW("x"), .foreign = true};
    struct llm_neutral base = {.model = VIEW("x"),
                               .turns = &user,
                               .n_turns = 1,
                               .parallel_calls = -1,
                               .schema_strict = -1,
                               .thinking = -1};
    static struct llm_neutral rows[8];
    static const char *const params[] = {"n",           "logprobs",     "response_format",
                                         "temperature", "messages",     "messages",
                                         "messages",    "tools[0].type"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i] = base;
    rows[0].n = VIEW("2");
    rows[1].logprobs = true;
    rows[2].format = LLM_FORMAT_JSON;
    rows[3].temperature = VIEW("1.5");
    rows[4].turns = &bot;
    rows[5].turns = &file;
    rows[6].turns = &picture;
    rows[7].tools = &foreign;
    rows[7].n_tools = 1;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_rewrite rewrite = {.model = VIEW("m")};
        struct buf out = BUF_MAX(1 << 16), notes = BUF_MAX(1 << 10);
        struct error err = {.code = ERROR_NONE};
        if (anthropic_ops.request_write(&rows[i], &rewrite, &out, &notes, &err))
            fail_msg("row %zu passed", i);
        if (err.code != ERROR_BAD_VALUE || strcmp(err.param, params[i]) != 0)
            fail_msg("row %zu: %s %s", i, err.param, err.text);
        buf_done(&out);
        buf_done(&notes);
    }
}

/* ---- generated requests ---------------------------------------------------------------------- */

static uint32_t seed;

static unsigned draw(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void put_blocks(struct buf *b, bool user, unsigned *calls)
{
    static const char *const texts[] = {"a", "\\u00e9\\n", "\\ud83d\\ude00", "\\\"q\\\""};
    unsigned pending = *calls, n = 1 + draw(3), written = 0;

    for (*calls = 0; user && pending; pending--) {
        buf_printf(b, "%s{\"type\":\"tool_result\",\"tool_use_id\":\"c%u\",\"content\":\"%s\"%s}",
                   written++ ? "," : "", pending, texts[draw(4)],
                   draw(2) ? ",\"is_error\":true" : "");
    }
    for (unsigned i = 0; i < n; i++) {
        const char *comma = written++ ? "," : "";
        unsigned kind = draw(4);
        if (kind == 0 && !user) {
            ++*calls;
            buf_printf(
                b, "%s{\"type\":\"tool_use\",\"id\":\"c%u\",\"name\":\"f\",\"input\":{\"k\":%u}}",
                comma, *calls, draw(9));
        } else if (kind == 1 && user) {
            buf_printf(b, "%s{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u%u\"}}",
                       comma, draw(9));
        } else if (kind == 1) {
            buf_printf(b, "%s{\"type\":\"thinking\",\"thinking\":\"%s\",\"signature\":\"g\"}",
                       comma, texts[draw(4)]);
        } else {
            buf_printf(b, "%s{\"type\":\"text\",\"text\":\"%s\"%s}", comma, texts[draw(4)],
                       draw(3) ? "" : ",\"cache_control\":{\"type\":\"ephemeral\"}");
        }
    }
}

static void generate(struct buf *b)
{
    static const char *const tail[] = {",\"temperature\":0.3",
                                       ",\"top_p\":0.9",
                                       ",\"top_k\":4",
                                       ",\"stop_sequences\":[\"x\"]",
                                       ",\"thinking\":{\"type\":\"adaptive\"}",
                                       ",\"output_config\":{\"effort\":\"low\"}",
                                       ",\"metadata\":{\"user_id\":\"me\"}",
                                       ",\"service_tier\":\"auto\"",
                                       ",\"stream\":true"};
    unsigned calls = 0, turns = 1 + 2 * draw(4);

    buf_printf(b, "{\"model\":\"m\",\"max_tokens\":%u", 1 + draw(999));
    if (draw(2))
        buf_append_lit(b, ",\"system\":\"be\"");
    buf_append_lit(b, ",\"messages\":[");
    for (unsigned i = 0; i < turns; i++) {
        buf_printf(b, "%s{\"role\":\"%s\",\"content\":[", i ? "," : "",
                   i % 2 ? "assistant" : "user");
        put_blocks(b, i % 2 == 0, &calls);
        buf_append_lit(b, "]}");
    }
    buf_append_char(b, ']');
    if (draw(2))
        buf_append_lit(b, ",\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{"
                          "\"type\":\"any\",\"disable_parallel_tool_use\":true}");
    for (size_t i = 0; i < COUNT(tail); i++)
        if (draw(2))
            buf_append(b, view_str(tail[i]));
    buf_append_char(b, '}');
}

/* What is written is read as the same again: a second trip changes no byte, and the first one loses
 * nothing that counts. */
static void test_round_trips(void **state)
{
    (void)state;
    for (seed = 1; seed < 2001;) {
        uint32_t from = seed;
        struct buf in = BUF_MAX(1 << 16), once = BUF_MAX(1 << 16), twice = BUF_MAX(1 << 16);
        struct buf notes = BUF_MAX(1 << 10);
        generate(&in);
        struct llm_neutral n = read_ok(buf_view(&in));
        write_ok(&n, &once, &notes);
        struct llm_neutral again = read_ok(buf_view(&once));
        write_ok(&again, &twice, &notes);
        if (!view_eq(buf_view(&once), buf_view(&twice)) || notes.len)
            fail_msg("seed %u: %.*s", from, VIEW_ARG(buf_view(&in)));
        assert_int_equal(n.n_turns, again.n_turns);
        for (unsigned i = 0; i < n.n_turns; i++) {
            assert_int_equal(n.turns[i].n_parts, again.turns[i].n_parts);
            for (unsigned k = 0; k < n.turns[i].n_parts; k++) {
                const struct llm_part *p = &n.turns[i].parts[k], *q = &again.turns[i].parts[k];
                assert_true(p->kind == q->kind && p->failed == q->failed &&
                            view_eq(p->text, q->text) && view_eq(p->arguments, q->arguments) &&
                            view_eq(p->id, q->id) && view_eq(p->url, q->url) &&
                            view_eq(p->signature, q->signature) &&
                            view_eq(p->cache_control, q->cache_control));
            }
        }
        assert_true(n.max_tokens == again.max_tokens && n.stream == again.stream &&
                    n.thinking == again.thinking && n.n_stops == again.n_stops &&
                    n.parallel_calls == again.parallel_calls && n.choice == again.choice &&
                    n.n_tools == again.n_tools && view_eq(n.temperature, again.temperature) &&
                    view_eq(n.top_p, again.top_p) && view_eq(n.top_k, again.top_k) &&
                    view_eq(n.effort, again.effort) && view_eq(n.user, again.user) &&
                    view_eq(n.service_tier, again.service_tier));
        buf_done(&in);
        buf_done(&once);
        buf_done(&twice);
        buf_done(&notes);
        arena_reset(arena);
        seed = from + 1;
    }
}

static void test_golden(void **state)
{
    static const char *const names[] = {"llamacpp/messages.http", "llamacpp/messages_stream.http",
                                        "llamacpp/messages_tools_stream.http",
                                        "ollama/messages.http", "vllm/messages_stream.http"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct golden g;
        golden_open(&g, names[i]);
        struct llm_neutral n = read_ok(g.request);
        assert_int_equal(n.n_turns, 1);
        assert_true(n.max_tokens > 0);
        golden_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_neutral, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_from_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fatal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trips, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_golden, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
