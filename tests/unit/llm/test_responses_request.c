#include "llm/dialects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define OPS          (&openai_responses_ops)
#define HEAD         "{\"model\":\"m\",\"input\":"

/* ---- what a neutral request says, in words --------------------------------------------------- */

static void say(struct buf *out, const char *name, struct view value)
{
    if (value.n)
        buf_printf(out, " %s=%.*s", name, VIEW_ARG(value));
}

static void say_part(struct buf *out, const struct llm_part *p)
{
    static const char *const kinds[] = {"text",     "image",   "call", "result",
                                        "thinking", "refusal", "other"};

    buf_printf(out, " (%s", kinds[p->kind]);
    say(out, "text", p->text);
    if (p->kind != LLM_PART_THINKING) /* writing gives it one */
        say(out, "id", p->id);
    say(out, "name", p->name);
    say(out, "args", p->arguments);
    say(out, "url", p->url);
    say(out, "type", p->media_type);
    say(out, "data", p->data);
    say(out, "sig", p->signature);
    if (p->redacted)
        buf_append_lit(out, " redacted");
    for (unsigned i = 0; i < p->n_images; i++)
        say_part(out, &p->images[i]);
    buf_append_char(out, ')');
}

static void describe(const struct llm_neutral *n, struct buf *out)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool"};

    for (unsigned i = 0; i < n->n_turns; i++) {
        buf_append(out, view_str(roles[n->turns[i].role]));
        for (unsigned p = 0; p < n->turns[i].n_parts; p++)
            say_part(out, &n->turns[i].parts[p]);
        buf_append_char(out, '\n');
    }
    for (unsigned i = 0; i < n->n_tools; i++) {
        buf_printf(out, "tool%s", n->tools[i].foreign ? " foreign" : "");
        say(out, "name", n->tools[i].name);
        say(out, "about", n->tools[i].description);
        say(out, "parameters", n->tools[i].parameters);
        buf_printf(out, " strict=%d\n", n->tools[i].strict > 0);
    }
    buf_printf(out, "choice %d parallel %d format %d max %u thinking %d stream %d logprobs %d",
               n->choice, n->parallel_calls, n->format, n->max_tokens, n->thinking, n->stream,
               n->logprobs);
    say(out, "choice", n->choice_name);
    say(out, "schema", n->schema);
    say(out, "schema_name", n->schema_name);
    say(out, "schema_about", n->schema_description);
    if (n->schema.n)
        buf_printf(out, " strict=%d", n->schema_strict);
    say(out, "temperature", n->temperature);
    say(out, "top_p", n->top_p);
    say(out, "top_logprobs", n->top_logprobs);
    say(out, "effort", n->effort);
    say(out, "user", n->user);
    say(out, "metadata", n->metadata);
    say(out, "tier", n->service_tier);
    for (unsigned i = 0; i < n->n_extras; i++)
        say(out, "extra", n->extras[i]);
    buf_append_char(out, '\n');
}

#define NOTHING "choice 0 parallel -1 format 0 max 0 thinking -1 stream 0 logprobs 0"

static void test_read(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {HEAD "\"hi \\u00e9\"}", "user (text text=hi é)\n" NOTHING "\n"},
        {HEAD "[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":[{"
              "\"type\":\"input_text\",\"text\":\"a\"},{\"type\":\"input_image\",\"image_url\":"
              "\"https://x/y.png\",\"detail\":\"low\"},{\"type\":\"input_image\",\"image_url\":"
              "\"data:image/png;base64,AAAA\"},{\"type\":\"input_file\",\"file_id\":\"f\"}]}],"
              "\"instructions\":\"be good\"}",
         "system (text text=be good)\nsystem (text text=d)\n"
         "user (text text=a) (image url=https://x/y.png) (image type=image/png data=AAAA) "
         "(other name=input_file)\n" NOTHING "\n"},
        /* one answer's items are one turn */
        {HEAD "[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\","
              "\"text\":\"s\"},{\"type\":\"summary_text\",\"text\":\"t\"}],\"encrypted_content\":"
              "\"E\"},{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":"
              "\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":"
              "[]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"type\":\"function_call\","
              "\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"n\\\":"
              "9007199254740993}\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\","
              "\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c2\","
              "\"output\":\"r2\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":"
              "[{\"type\":\"input_text\",\"text\":\"r\"},{\"type\":\"input_image\",\"image_url\":"
              "\"https://i\"}]},{\"type\":\"web_search_call\",\"id\":\"w\"}]}",
         "assistant (thinking text=s\nt sig=E) (text text=x) (refusal text=no) "
         "(call id=c1 name=f args={\"n\":9007199254740993}) (call id=c2 name=g args={})\n"
         "tool (result text=r2 id=c2 name=g)\n"
         "tool (result text=r id=c1 name=f (image url=https://i))\n"
         "assistant (other name=web_search_call)\n" NOTHING "\n"},
        {HEAD "[{\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[],\"encrypted_content\":\"E\"},"
              "{\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[]},"
              "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"a\"},{\"role\":"
              "\"assistant\",\"content\":"
              "\"b\"}]}",
         "assistant (thinking sig=E redacted) (text text=a)\nassistant (text text=b)\n" NOTHING
         "\n"},
        {HEAD "\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
              "\"parameters\":{\"type\":\"object\"},\"strict\":true},{\"type\":\"web_search\"}],"
              "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"parallel_tool_calls\":"
              "false,\"stream\":true,\"max_output_tokens\":9,\"temperature\":1.50,\"top_p\":0.9}",
         "user (text text=x)\ntool name=f about=d parameters={\"type\":\"object\"} strict=1\n"
         "tool foreign name=web_search strict=0\n"
         "choice 4 parallel 0 format 0 max 9 thinking -1 stream 1 logprobs 0 choice=f "
         "temperature=1.50 top_p=0.9\n"},
        {HEAD "\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\","
              "\"name\":\"g\"}],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\","
              "\"tools\":[{\"type\":\"function\",\"name\":\"g\"}]}}",
         "user (text text=x)\ntool name=g strict=0\n"
         "choice 3 parallel -1 format 0 max 0 thinking -1 stream 0 logprobs 0\n"},
        {HEAD "\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\","
              "\"description\":\"d\",\"schema\":{\"a\":1},\"strict\":true},\"verbosity\":\"low\"},"
              "\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"metadata\":{\"k\":"
              "\"v\"},\"user\":\"u\",\"service_tier\":\"flex\",\"store\":true,\"include\":["
              "\"message.output_text.logprobs\"],\"top_logprobs\":3,\"truncation\":\"disabled\","
              "\"previous_response_id\":null,\"conversation\":null,\"background\":false,"
              "\"prompt_cache_key\":\"p\",\"max_tool_calls\":null}",
         "user (text text=x)\n"
         "choice 0 parallel -1 format 2 max 0 thinking 1 stream 0 logprobs 1 schema={\"a\":1} "
         "schema_name=n schema_about=d strict=1 top_logprobs=3 effort=high user=u "
         "metadata={\"k\":\"v\"} tier=flex extra=verbosity extra=store extra=prompt_cache_key\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf got = BUF_MAX(1 << 16);
        struct llm_neutral n;
        struct error err;
        if (!OPS->request_read(view_str(rows[i].body), a, &n, &err))
            fail_msg("%s: %s", rows[i].body, err.text);
        describe(&n, &got);
        if (!view_eq(buf_view(&got), view_str(rows[i].want)))
            fail_msg("got:\n%.*swant:\n%s", (int)got.len, got.p, rows[i].want);
        buf_done(&got);
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *body, *param, *hint;
        enum error_code code;
    } rows[] = {
        {HEAD "\"x\",\"previous_response_id\":\"resp_1\"}", "previous_response_id", "\"input\"",
         ERROR_BAD_VALUE},
        {HEAD "\"x\",\"conversation\":{\"id\":\"c\"}}", "conversation", "\"input\"",
         ERROR_BAD_VALUE},
        {HEAD "\"x\",\"background\":true}", "background", "stream", ERROR_BAD_VALUE},
        {HEAD "[{\"type\":\"item_reference\",\"id\":\"i\"}]}", "input[0]", "item itself",
         ERROR_BAD_VALUE},
        {HEAD "[]}", "input", "", ERROR_BAD_VALUE},
        {HEAD "5}", "input", "", ERROR_BAD_VALUE},
        {HEAD "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"nobody\",\"content\":\"a\"}]}",
         "input[1].role", "", ERROR_BAD_VALUE},
        {HEAD "[{\"role\":\"user\"}]}", "input[0].content", "", ERROR_BAD_VALUE},
        {HEAD "[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}]}",
         "input[0].call_id", "", ERROR_BAD_VALUE},
        {HEAD "[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
              "\"data:x\"}]}]}",
         "input[0].content.image_url", "", ERROR_BAD_VALUE},
        {"{\"input\":\"x\"}", "model", "", ERROR_MISSING_VALUE},
        {"{\"model\":\"m\"}", "input", "", ERROR_MISSING_VALUE},
        {HEAD "\"x\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
         "tools.name", "", ERROR_BAD_VALUE},
        {HEAD "\"x\",\"max_output_tokens\":0}", "max_output_tokens", "", ERROR_BAD_VALUE},
        {HEAD "\"x\",\"instructions\":7}", "instructions", "", ERROR_BAD_VALUE},
        {HEAD "\"x\",\"model\":\"n\"}", "", "", ERROR_DUPLICATE_KEY},
        {HEAD "[{\"role\":\"user\",\"role\":\"user\"}]}", "", "", ERROR_DUPLICATE_KEY},
        {HEAD "\"x\"", "", "", ERROR_BAD_JSON},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct llm_neutral n = {.n_turns = 77};
        struct error err = {.code = ERROR_NONE};
        assert_false(OPS->request_read(view_str(rows[i].body), a, &n, &err));
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(n.n_turns, 77);
        if (rows[i].param[0])
            assert_string_equal(err.param, rows[i].param);
        assert_non_null(strstr(err.hint, rows[i].hint));
        arena_free(a);
    }
}

/* ---- there and back -------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void put_word(struct buf *b)
{
    static const char *const words[] = {
        "\"a\"",  "\"\\u00e9\\n\"", "\"\\ud83d\\ude00\"", "\"say \\\"x\\\"\"",
        "\"{}\"", "\"\\ud800\""};
    buf_append(b, view_str(words[pick(COUNT(words))]));
}

static void put_image_part(struct buf *b)
{
    buf_append(b, pick(2) ? VIEW("{\"type\":\"input_image\",\"image_url\":\"https://x\"}")
                          : VIEW("{\"image_url\":\"data:image/png;base64,AAAA\",\"type\":"
                                 "\"input_image\",\"detail\":\"high\"}"));
}

static void put_parts(struct buf *b, bool assistant)
{
    unsigned n = 1 + pick(3);

    buf_append_char(b, '[');
    for (unsigned i = 0; i < n; i++) {
        if (i)
            buf_append_char(b, ',');
        if (!assistant && pick(3) == 0) {
            put_image_part(b);
            continue;
        }
        bool refusal = assistant && pick(4) == 0;
        buf_printf(b, "{\"type\":\"%s\",\"%s\":",
                   refusal     ? "refusal"
                   : assistant ? "output_text"
                               : "input_text",
                   refusal ? "refusal" : "text");
        put_word(b);
        buf_append_char(b, '}');
    }
    buf_append_char(b, ']');
}

static void put_item(struct buf *b)
{
    static const char *const roles[] = {"user", "assistant", "system", "developer"};
    unsigned role = pick(4);

    switch (pick(6)) {
    case 0:
        buf_printf(b, "{\"type\":\"function_call\",\"call_id\":\"c%u\",\"name\":\"f\",", pick(3));
        buf_append_lit(b, "\"arguments\":\"{\\\"x\\\":12345678901234567890}\"}");
        break;
    case 1:
        buf_printf(b,
                   "{\"type\":\"function_call_output\",\"call_id\":\"c%u\",\"output\":", pick(3));
        if (pick(2))
            put_word(b);
        else
            put_parts(b, false);
        buf_append_char(b, '}');
        break;
    case 2:
        buf_append_lit(b, "{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"type\":"
                          "\"summary_text\",\"text\":");
        put_word(b);
        buf_append_lit(b, "}]");
        if (pick(2))
            buf_append_lit(b, ",\"encrypted_content\":\"gAAA\"");
        buf_append_char(b, '}');
        break;
    default:
        buf_printf(b, "{\"role\":\"%s\",\"content\":", roles[role]);
        if (pick(2))
            put_word(b);
        else
            put_parts(b, role == 1);
        buf_append_char(b, '}');
    }
}

static void put_request(struct buf *b)
{
    static const char *const members[] = {
        ",\"temperature\":0.70",
        ",\"top_p\":1e-1",
        ",\"max_output_tokens\":4096",
        ",\"stream\":true",
        ",\"store\":false",
        ",\"text\":{\"format\":{\"type\":\"json_object\"}}",
        ",\"reasoning\":{\"effort\":\"low\"}",
        ",\"metadata\":{\"a\":\"b\"}",
        ",\"user\":\"u\\\"\"",
        ",\"service_tier\":\"priority\"",
        ",\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":2",
        ",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"a\":[1,2]},"
        "\"strict\":true},{\"type\":\"function\",\"name\":\"g\",\"description\":\"d\\n\","
        "\"parameters\":{}}],\"tool_choice\":\"required\",\"parallel_tool_calls\":true",
        ",\"instructions\":\"be\"",
    };
    unsigned n = 1 + pick(6);

    buf_append_lit(b, "{\"model\":\"m\",\"input\":[");
    for (unsigned i = 0; i < n; i++) {
        if (i)
            buf_append_char(b, ',');
        put_item(b);
    }
    buf_append_char(b, ']');
    for (size_t i = 0; i < COUNT(members); i++)
        if (pick(3) == 0)
            buf_append(b, view_str(members[i]));
    buf_append_char(b, '}');
}

static void test_there_and_back(void **state)
{
    struct llm_rewrite rewrite = {.model = VIEW("m")};

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf body = BUF_MAX(1 << 18), again = BUF_MAX(1 << 18), notes = BUF_MAX(4096);
        struct buf one = BUF_MAX(1 << 18), two = BUF_MAX(1 << 18);
        struct llm_neutral n, m;
        struct error err;

        seed = i;
        put_request(&body);
        if (!OPS->request_read(buf_view(&body), a, &n, &err) ||
            !OPS->request_write(&n, &rewrite, &again, &notes, &err) ||
            !OPS->request_read(buf_view(&again), a, &m, &err))
            fail_msg("%.*s: %s", (int)body.len, body.p, err.text);
        describe(&n, &one);
        describe(&m, &two);
        if (!view_eq(buf_view(&one), buf_view(&two)))
            fail_msg("%.*s\nbecomes\n%.*s\n%.*s\n%.*s", (int)body.len, body.p, (int)again.len,
                     again.p, (int)one.len, one.p, (int)two.len, two.p);
        assert_int_equal(notes.len, 0);
        buf_done(&body);
        buf_done(&again);
        buf_done(&notes);
        buf_done(&one);
        buf_done(&two);
        arena_free(a);
    }
}

/* ---- what cannot be said --------------------------------------------------------------------- */

static struct llm_neutral plain_request(void)
{
    static struct llm_part part = {.kind = LLM_PART_TEXT, .text = VIEW_LIT("x")};
    static struct llm_turn turn = {.role = LLM_USER, .parts = &part, .n_parts = 1};

    return (struct llm_neutral){.model = VIEW("m"),
                                .turns = &turn,
                                .n_turns = 1,
                                .parallel_calls = -1,
                                .schema_strict = -1,
                                .thinking = -1};
}

static void test_losses(void **state)
{
    struct llm_neutral n = plain_request();
    struct llm_rewrite rewrite = {.model = VIEW("gpt"), .drop_sampling = true};
    struct buf out = BUF_MAX(4096), notes = BUF_MAX(4096);
    struct error err;

    (void)state;
    n.temperature = VIEW("1");
    n.thinking = 1;
    n.thinking_budget = 1024;
    n.keep_alive = VIEW("\"5m\"");
    n.service_tier = VIEW("standard_only");
    n.presence_penalty = VIEW("0.0");
    assert_true(OPS->request_write(&n, &rewrite, &out, &notes, &err));
    assert_true(view_eq(buf_view(&out),
                        VIEW("{\"model\":\"gpt\",\"input\":[{\"role\":\"user\",\"content\":\"x\"}],"
                             "\"reasoning\":{\"effort\":\"low\"},\"store\":false}")));
    assert_true(view_eq(buf_view(&notes),
                        VIEW("keep_alive dropped, temperature dropped, thinking.budget_tokens "
                             "dropped, service_tier dropped, ")));
    n.stops[n.n_stops++] = VIEW("END");
    assert_false(OPS->request_write(&n, &rewrite, &out, &notes, &err));
    assert_int_equal(err.code, ERROR_BAD_VALUE);
    assert_string_equal(err.param, "stop");
    n = plain_request();
    n.n = VIEW("2");
    assert_false(OPS->request_write(&n, &rewrite, &out, &notes, &err));
    assert_string_equal(err.param, "n");
    buf_done(&out);
    buf_done(&notes);
}

static void test_pass(void **state)
{
    static const struct {
        const char *body, *want, *notes;
        bool drop;
    } rows[] = {
        {"{ \"model\" : \"m\", \"input\":\"x\", \"unknown\": 1.50 }\n",
         "{ \"model\" : \"g\\\"\", \"input\":\"x\", \"unknown\": 1.50 }\n", "", false},
        {"{\"temperature\":1,\"model\":\"m\",\"top_p\":1,\"input\":{\"model\":\"x\"}}",
         "{\"model\":\"g\\\"\",\"input\":{\"model\":\"x\"}}", "temperature dropped, top_p dropped",
         true},
        {"{\"input\":\"x\",\"model\":\"m\",\"top_p\":1}", "{\"input\":\"x\",\"model\":\"g\\\"\"}",
         "top_p dropped", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new(1 << 20);
        struct llm_request request = {.body = view_str(rows[i].body)};
        struct llm_rewrite rewrite = {.model = VIEW("g\""), .drop_sampling = rows[i].drop};
        struct buf out = BUF_MAX(4096);
        struct llm_body body;
        struct view notes;
        struct error err;
        assert_true(OPS->request_pass(&request, &rewrite, a, &body, &notes, &err));
        for (unsigned n = 0; n < body.n; n++)
            buf_append(&out, body.pieces[n]);
        assert_true(view_eq(buf_view(&out), view_str(rows[i].want)));
        assert_int_equal(out.len, body.bytes);
        assert_true(view_eq(notes, view_str(rows[i].notes)));
        buf_done(&out);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_losses), cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
