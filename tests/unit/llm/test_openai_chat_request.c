#include "llm/dialects.h"
#include "json/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ASK          "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static const struct llm_rewrite to_m = {.model = VIEW_LIT("m")};

static void assert_view(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("got \"%.*s\", want \"%s\"", VIEW_ARG(got), want);
}

static bool is_json(struct view text)
{
    struct json_reader r;

    json_begin(&r, text);
    return json_skip(&r) && json_end(&r);
}

/* What goes in and what the reader and the writer make of it, and the notes. */
static void test_rewritten(void **state)
{
    static const struct {
        const char *in, *out, *notes;
    } rows[] = {
        {"{\"model\":\"auto\"," ASK "}", "{\"model\":\"m\"," ASK "}", ""},
        {"{\"model\":\"a\"," ASK ",\"temperature\":0.70,\"top_p\":1,\"seed\":9007199254740993,"
         "\"presence_penalty\":1e-1,\"frequency_penalty\":2,\"n\":2,\"logprobs\":true,"
         "\"top_logprobs\":3,\"stop\":\"x\"}",
         "{\"model\":\"m\"," ASK ",\"temperature\":0.70,\"top_p\":1,\"seed\":9007199254740993,"
         "\"presence_penalty\":1e-1,\"frequency_penalty\":2,\"n\":2,\"logprobs\":true,"
         "\"top_logprobs\":3,\"stop\":[\"x\"]}",
         ""},
        {"{\"model\":\"a\"," ASK ",\"max_tokens\":5,\"max_completion_tokens\":7,\"stream\":true,"
         "\"stream_options\":{\"include_usage\":true},\"reasoning_effort\":\"low\",\"user\":\"u\","
         "\"metadata\":{\"k\":\"v\"},\"service_tier\":\"flex\"}",
         "{\"model\":\"m\"," ASK ",\"max_tokens\":7,\"reasoning_effort\":\"low\",\"user\":\"u\","
         "\"metadata\":{\"k\":\"v\"},\"service_tier\":\"flex\",\"stream\":true,"
         "\"stream_options\":{\"include_usage\":true}}",
         ""},
        {"{\"model\":\"a\"," ASK ",\"store\":true,\"top_k\":4,\"service_tier\":\"standard_only\","
         "\"logit_bias\":{},\"modalities\":[\"text\"],\"audio\":null}",
         "{\"model\":\"m\"," ASK ",\"service_tier\":\"default\"}",
         "store dropped, top_k dropped, "},
        /* tools, calls and results */
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"developer\",\"content\":\"s\"},"
         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":"
         "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":"
         "\"2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
         "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}"
         ",{\"type\":\"text\",\"text\":\"y\"}]}],\"tools\":[{\"type\":\"function\",\"function\":{"
         "\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":"
         "true}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
         "\"parallel_tool_calls\":false}",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\",\"type\":"
         "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":"
         "\"2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
         "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"x\\ny\"}],"
         "\"tools\":[{\"type\":\"function\",\"function\":{"
         "\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":"
         "true}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
         "\"parallel_tool_calls\":false}",
         ""},
        /* arguments that are no object */
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\","
         "\"function\":{\"name\":\"f\",\"arguments\":\"\\\"gaben\\\"\"}},{\"id\":\"1\","
         "\"function\":{\"name\":\"f\",\"arguments\":\"{oops\"}}]}]}",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
         "\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
         "\"{\\\"arguments\\\":\\\"gaben\\\"}\"}},{\"id\":\"1\",\"type\":\"function\",\"function\":"
         "{\"name\":\"f\",\"arguments\":\"{\\\"arguments\\\":\\\"{oops\\\"}\"}}]}]}",
         ""},
        /* images, also a tool's and one that tries to break out of its string */
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https:\\/\\/x\\/y\","
         "\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":"
         "\"data:image/png;base64,AA\\\",\\\"x\\\":\\\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
         "\"1\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
         "\"data:image/gif;base64,BBBB\"}}]}]}",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y\","
         "\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":"
         "\"data:image/png;base64,AA\\\",\\\"x\\\":\\\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
         "\"1\",\"content\":\"\"},{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"data:image/gif;base64,BBBB\"}}]}]}",
         ""},
        /* reasoning goes, a refusal stays, an empty assistant stays */
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"reasoning_content\":\"h\","
         "\"refusal\":\"no\"},{\"role\":\"assistant\",\"content\":\"\"}]}",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":null,\"refusal\":"
         "\"no\"},{\"role\":\"assistant\",\"content\":\"\"}]}",
         "thinking of earlier turns dropped, "},
        {"{\"model\":\"a\"," ASK ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
         "\"name\":\"n\",\"schema\":{\"x\":1e999},\"strict\":false}}}",
         "{\"model\":\"m\"," ASK ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
         "\"name\":\"n\",\"schema\":{\"x\":1e999},\"strict\":false}}}",
         ""},
        {"{\"model\":\"a\"," ASK ",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"auto\","
         "\"response_format\":{\"type\":\"json_object\"}}",
         "{\"model\":\"m\"," ASK
         ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"
         ",\"tool_choice\":\"auto\",\"response_format\":{\"type\":\"json_object\"}}",
         ""},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf out = BUF_MAX(1 << 20), notes = BUF_MAX(4096);
        struct llm_neutral n;
        struct error err = {.code = ERROR_NONE};
        if (!openai_chat_ops.request_read(view_str(rows[i].in), a, &n, &err))
            fail_msg("row %zu: %s", i, err.text);
        if (!openai_chat_ops.request_write(&n, &to_m, &out, &notes, &err))
            fail_msg("row %zu: %s", i, err.text);
        assert_view(buf_view(&out), rows[i].out);
        assert_view(buf_view(&notes), rows[i].notes);
        assert_true(is_json(buf_view(&out)));
        buf_done(&out);
        buf_done(&notes);
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *in, *param;
        bool by_writer;
    } rows[] = {
        {"{" ASK "}", "model", false},
        {"{\"model\":\"a\"}", "messages", false},
        {"{\"model\":\"a\",\"messages\":[]}", "messages", false},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\"}]}", "messages[0].content", false},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"x\",\"content\":\"\"}]}", "messages[0].role",
         false},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":1}]}]}",
         "messages[0].content.text", false},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}",
         "messages[0].tool_call_id", false},
        {"{\"model\":\"a\"," ASK ",\"temperature\":\"1\"}", "temperature", false},
        {"{\"model\":\"a\"," ASK ",\"tools\":[{\"type\":\"function\"}]}", "tools.function", false},
        {"{\"model\":\"a\"," ASK ",\"tool_choice\":\"any\"}", "tool_choice", false},
        {"{\"model\":\"a\"," ASK ",\"stop\":[1]}", "stop", false},
        {"{\"model\":\"a\"," ASK ",\"logit_bias\":{\"1\":2}}", "logit_bias", true},
        {"{\"model\":\"a\"," ASK ",\"modalities\":[\"text\",\"audio\"]}", "modalities", true},
        {"{\"model\":\"a\"," ASK ",\"nobody_knows\":1}", "nobody_knows", true},
        {"{\"model\":\"a\"," ASK ",\"tools\":[{\"type\":\"custom\"}]}", "tools[0].type", true},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
         "\"input_audio\"}]}]}",
         "input_audio", true},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf out = BUF_MAX(1 << 20), notes = BUF_MAX(4096);
        struct llm_neutral n;
        struct error err = {.code = ERROR_NONE};
        bool read = openai_chat_ops.request_read(view_str(rows[i].in), a, &n, &err);
        if (read != rows[i].by_writer)
            fail_msg("row %zu: read %d: %s", i, read, err.text);
        if (read)
            assert_false(openai_chat_ops.request_write(&n, &to_m, &out, &notes, &err));
        assert_string_equal(err.param, rows[i].param);
        buf_done(&out);
        buf_done(&notes);
        arena_free(a);
    }
}

static void test_facts(void **state)
{
    static const char body[] =
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
        "\"text\":"
        "\"x\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}},{\"type\":\"text\",\"text\":"
        "\"y\"}]},{\"role\":\"assistant\",\"content\":null}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"parameters\":{}}}],\"max_tokens\":9,\"user\":\"u\"}";
    struct arena *a = arena_new(1 << 20);
    struct llm_neutral n;
    struct llm_request slow, quick;
    struct error err;
    (void)state;

    assert_true(openai_chat_ops.request_read(view_str(body), a, &n, &err));
    assert_true(
        llm_request_from_neutral(LLM_OPENAI_CHAT, view_str(body), &n, VIEW_NONE, a, &slow, &err));
    assert_true(llm_request_read(LLM_OPENAI_CHAT, view_str(body), a, &quick, &err));
    assert_int_equal(slow.n_messages, quick.n_messages);
    for (unsigned i = 0; i < slow.n_messages; i++) {
        assert_int_equal(slow.messages[i].role, quick.messages[i].role);
        assert_int_equal(slow.messages[i].images, quick.messages[i].images);
        assert_true(view_eq(slow.messages[i].text, quick.messages[i].text));
    }
    assert_int_equal(slow.needs, quick.needs);
    assert_int_equal(slow.max_tokens, quick.max_tokens);
    assert_true(view_eq(slow.tools, quick.tools));
    assert_true(view_eq(slow.user, quick.user) && view_eq(slow.model, quick.model));
    arena_free(a);
}

static void test_losses(void **state)
{
    (void)state;
    assert_int_equal(llm_loss_of(VIEW("store")), LLM_LOSS_HARMLESS);
    assert_int_equal(llm_loss_of(VIEW("options.num_gpu")), LLM_LOSS_HARMLESS);
    assert_int_equal(llm_loss_of(VIEW("fallbacks")), LLM_LOSS_HARMLESS);
    assert_int_equal(llm_loss_of(VIEW("logit_bias")), LLM_LOSS_FATAL);
    assert_int_equal(llm_loss_of(VIEW("thread")), LLM_LOSS_FATAL);
    assert_int_equal(llm_loss_of(VIEW("what_is_this")), LLM_LOSS_FATAL);
    assert_ptr_equal(llm_dialect(LLM_OPENAI_CHAT), &openai_chat_ops);
    assert_null(llm_dialect((enum llm_dialect)77));
}

/* ---- round trip ------------------------------------------------------------------------------ */

static uint32_t dice(uint64_t *seed, uint32_t sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % sides;
}

static struct view any_text(uint64_t *seed)
{
    static const char *const texts[] = {
        "a",          "hello \"you\"", "zwei\nZeilen\t", "\xf0\x9f\x8c\x8d",
        "\\u0041 \\", "{\"x\":[]}",    "\x01\x7f",       "data:,"};
    return view_str(texts[dice(seed, COUNT(texts))]);
}

static void any_turn(uint64_t *seed, struct llm_turn *turn, struct llm_part *parts)
{
    *turn = (struct llm_turn){.role = dice(seed, 4), .parts = parts};
    unsigned n = 1 + dice(seed, 3);

    for (unsigned i = 0; i < n; i++) {
        struct llm_part *part = &parts[turn->n_parts++];
        *part = (struct llm_part){.kind = LLM_PART_TEXT, .text = any_text(seed)};
        if (turn->role == LLM_TOOL) {
            part->kind = LLM_PART_RESULT;
            part->id = any_text(seed);
            turn->n_parts = 1;
        } else if (turn->role == LLM_ASSISTANT && i + 1 == n && dice(seed, 2)) {
            *part = (struct llm_part){.kind = LLM_PART_CALL,
                                      .id = any_text(seed),
                                      .name = any_text(seed),
                                      .arguments = VIEW("{\"a\":1.0}")};
        } else if (turn->role == LLM_USER && dice(seed, 3) == 0) {
            *part = (struct llm_part){.kind = LLM_PART_IMAGE, .detail = VIEW("auto")};
            if (dice(seed, 2))
                part->url = VIEW("https://x/\"y");
            else
                part->media_type = VIEW("image/webp"), part->data = VIEW("AAAA");
        }
    }
}

static void any_request(uint64_t *seed, struct llm_neutral *n, struct llm_turn *turns,
                        struct llm_part (*parts)[4], struct llm_tool *tools)
{
    static const struct view numbers[] = {VIEW_LIT(""), VIEW_LIT("0"), VIEW_LIT("0.30"),
                                          VIEW_LIT("-1e2"), VIEW_LIT("9007199254740993")};
    struct view *const fields[] = {&n->temperature,       &n->top_p, &n->seed, &n->presence_penalty,
                                   &n->frequency_penalty, &n->n};

    *n = (struct llm_neutral){.model = VIEW("m"), .turns = turns, .tools = tools};
    n->n_turns = 1 + dice(seed, 5);
    for (unsigned i = 0; i < n->n_turns; i++)
        any_turn(seed, &turns[i], parts[i]);
    n->n_tools = dice(seed, 3);
    for (unsigned i = 0; i < n->n_tools; i++)
        tools[i] = (struct llm_tool){.name = any_text(seed),
                                     .description = any_text(seed),
                                     .parameters = VIEW("{\"type\":\"object\",\"x\":1.50}"),
                                     .strict = (int)dice(seed, 3) - 1};
    n->parallel_calls = n->n_tools ? (int)dice(seed, 3) - 1 : -1;
    n->choice = n->n_tools ? dice(seed, 5) : LLM_CHOICE_UNSAID;
    if (n->choice == LLM_CHOICE_NAMED)
        n->choice_name = any_text(seed);
    n->format = dice(seed, 3);
    n->schema_strict = -1;
    if (n->format == LLM_FORMAT_SCHEMA) {
        n->schema = VIEW("{\"type\":\"object\"}");
        n->schema_name = any_text(seed);
        n->schema_strict = (int)dice(seed, 3) - 1;
    }
    for (size_t i = 0; i < COUNT(fields); i++)
        *fields[i] = numbers[dice(seed, COUNT(numbers))];
    n->n_stops = dice(seed, 4);
    for (unsigned i = 0; i < n->n_stops; i++)
        n->stops[i] = any_text(seed);
    n->max_tokens = dice(seed, 2) * 77;
    n->logprobs = dice(seed, 2);
    if (n->logprobs)
        n->top_logprobs = VIEW("2");
    n->thinking = -1;
    n->user = any_text(seed);
    n->stream = dice(seed, 2);
    n->include_usage = n->stream && dice(seed, 2);
}

#define SAME(member) assert_true(view_eq(x->member, y->member))

static void same_part(const struct llm_part *x, const struct llm_part *y)
{
    assert_int_equal(x->kind, y->kind);
    SAME(text);
    SAME(id);
    SAME(arguments);
    SAME(url);
    SAME(media_type);
    SAME(data);
    SAME(detail);
    if (x->kind == LLM_PART_CALL)
        SAME(name);
}

static void same_tool(const struct llm_tool *x, const struct llm_tool *y)
{
    SAME(name);
    SAME(description);
    SAME(parameters);
    assert_int_equal(x->strict, y->strict);
}

static void same(const struct llm_neutral *x, const struct llm_neutral *y)
{
    assert_int_equal(x->n_turns, y->n_turns);
    for (unsigned i = 0; i < x->n_turns; i++) {
        assert_int_equal(x->turns[i].role, y->turns[i].role);
        assert_int_equal(x->turns[i].n_parts, y->turns[i].n_parts);
        for (unsigned k = 0; k < x->turns[i].n_parts; k++)
            same_part(&x->turns[i].parts[k], &y->turns[i].parts[k]);
    }
    assert_int_equal(x->n_tools, y->n_tools);
    for (unsigned i = 0; i < x->n_tools; i++)
        same_tool(&x->tools[i], &y->tools[i]);
    assert_int_equal(x->choice, y->choice);
    SAME(choice_name);
    assert_int_equal(x->parallel_calls, y->parallel_calls);
    assert_int_equal(x->format, y->format);
    SAME(schema);
    SAME(schema_name);
    assert_int_equal(x->schema_strict, y->schema_strict);
    SAME(temperature);
    SAME(top_p);
    SAME(seed);
    SAME(presence_penalty);
    SAME(frequency_penalty);
    SAME(n);
    SAME(top_logprobs);
    SAME(user);
    assert_int_equal(x->n_stops, y->n_stops);
    for (unsigned i = 0; i < x->n_stops; i++)
        SAME(stops[i]);
    assert_int_equal(x->max_tokens, y->max_tokens);
    assert_int_equal(x->logprobs, y->logprobs);
    assert_int_equal(x->stream, y->stream);
    assert_int_equal(x->include_usage, y->include_usage);
}

static void test_round_trip(void **state)
{
    static struct llm_turn turns[5];
    static struct llm_part parts[5][4];
    static struct llm_tool tools[3];
    static struct llm_neutral before, after;
    struct arena *a = arena_new(1 << 20);
    struct buf out = BUF_MAX(1 << 20), notes = BUF_MAX(4096);
    uint64_t seed = 4;
    struct error err;
    (void)state;

    for (int i = 0; i < 2000; i++) {
        any_request(&seed, &before, turns, parts, tools);
        buf_reset(&out);
        arena_reset(a);
        assert_true(openai_chat_ops.request_write(&before, &to_m, &out, &notes, &err));
        if (!openai_chat_ops.request_read(buf_view(&out), a, &after, &err))
            fail_msg("%s: %.*s", err.text, VIEW_ARG(buf_view(&out)));
        same(&before, &after);
    }
    assert_int_equal(notes.len, 0);
    buf_done(&out);
    buf_done(&notes);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewritten),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_facts),      cmocka_unit_test(test_losses),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
