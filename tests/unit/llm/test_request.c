#include "llm/request.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define USER         "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct llm_request read_ok(const char *body)
{
    struct llm_request req = {.n_messages = 0};
    struct error err = {.code = ERROR_NONE};

    if (!llm_request_read(LLM_OPENAI_CHAT, view_str(body), arena, &req, &err))
        fail_msg("refused: %s %s", err.text, body);
    return req;
}

static void assert_view(struct view v, const char *want)
{
    if (!view_eq(v, view_str(want)))
        fail_msg("\"%.*s\", not \"%s\"", VIEW_ARG(v), want);
}

static void test_fields(void **state)
{
    struct llm_request req = read_ok(
        " {\"model\":\"au\\u0074o\", \"messages\": ["
        "{\"role\":\"developer\",\"content\":\"Be \\\"brief\\\".\",\"name\":\"x\"},"
        "{\"content\":[{\"type\":\"text\",\"text\":\"a\\nb\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:\"}},"
        "{\"type\":\"input_audio\",\"input_audio\":{}},{\"type\":\"file\",\"file\":{}},"
        "{\"type\":\"video_url\"},{\"type\":\"text\",\"text\":\"c\"}],\"role\":\"user\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]},"
        "{\"role\":\"assistant\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"42\"},"
        "{\"role\":\"function\",\"name\":\"f\",\"content\":\"43\"}],"
        "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":5,"
        "\"max_completion_tokens\":7,\"user\":\"u\\t1\",\"metadata\":{\"team\":\"a\\\"b\",\"n\":1},"
        "\"tools\":[{\"type\":\"function\"}],\"functions\":[{}],"
        "\"response_format\":{\"json_schema\":{},\"type\":\"json_schema\"},\"seed\":1e3}\n");
    static const struct {
        enum llm_role role;
        const char *text;
        unsigned images;
    } messages[] = {
        {LLM_SYSTEM, "Be \"brief\".", 0},
        {LLM_USER, "a\nb\nc", 1},
        {LLM_ASSISTANT, "", 0},
        {LLM_ASSISTANT, "no", 0},
        {LLM_ASSISTANT, "", 0},
        {LLM_TOOL, "42", 0},
        {LLM_TOOL, "43", 0},
    };
    struct view value;

    (void)state;
    assert_view(req.model, "auto");
    assert_int_equal(req.n_messages, COUNT(messages));
    for (size_t i = 0; i < COUNT(messages); i++) {
        assert_int_equal(req.messages[i].role, messages[i].role);
        assert_view(req.messages[i].text, messages[i].text);
        assert_int_equal(req.messages[i].images, messages[i].images);
    }
    assert_true(req.stream && req.include_usage);
    assert_int_equal(req.needs, LLM_NEED_TOOLS | LLM_NEED_IMAGES | LLM_NEED_SCHEMA);
    assert_int_equal(req.max_tokens, 7);
    assert_view(req.user, "u\t1");
    assert_view(req.tools, "[{\"type\":\"function\"}]");
    assert_view(req.schema, "{\"json_schema\":{},\"type\":\"json_schema\"}");
    assert_view(req.metadata, "{\"team\":\"a\\\"b\",\"n\":1}");
    assert_true(llm_metadata_get(req.metadata, VIEW("team"), arena, &value));
    assert_view(value, "a\"b");
    assert_false(llm_metadata_get(req.metadata, VIEW("n"), arena, &value));
    assert_false(llm_metadata_get(req.metadata, VIEW("other"), arena, &value));
    assert_false(llm_metadata_get(VIEW(""), VIEW("team"), arena, &value));
}

static void test_defaults(void **state)
{
    static const struct {
        const char *body;
        unsigned needs;
        uint32_t max_tokens;
    } rows[] = {
        {"{\"model\":\"m\"," USER "}", 0, 0},
        {"{\"model\":\"m\"," USER ",\"stream\":null,\"stream_options\":null,\"max_tokens\":null,"
         "\"tools\":null,\"functions\":null,\"response_format\":null,\"user\":null,"
         "\"metadata\":null,\"temperature\":null,\"top_p\":null}",
         0, 0},
        {"{\"model\":\"m\"," USER ",\"tools\":[],\"max_tokens\":-1}", 0, 0},
        {"{\"model\":\"m\"," USER ",\"tools\":[],\"functions\":[{}]}", LLM_NEED_TOOLS, 0},
        {"{\"model\":\"m\"," USER ",\"response_format\":{\"type\":\"json_object\"}}", 0, 0},
        {"{\"model\":\"m\"," USER ",\"response_format\":{\"type\":\"text\"}}", 0, 0},
        {"{\"model\":\"m\"," USER ",\"max_tokens\":99999999999}", 0, UINT32_MAX},
        {"{\"model\":\"m\"," USER ",\"max_completion_tokens\":9}", 0, 9},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_request req = read_ok(rows[i].body);
        assert_int_equal(req.needs, rows[i].needs);
        assert_int_equal(req.max_tokens, rows[i].max_tokens);
        assert_false(req.stream || req.include_usage);
        assert_int_equal(req.metadata.n, 0);
        assert_view(req.messages[0].text, "hi");
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *body;
        enum error_code code;
        const char *param;
    } rows[] = {
        {"", ERROR_BAD_JSON, ""},
        {"[]", ERROR_BAD_JSON, ""},
        {"{\"model\":\"m\"," USER "} x", ERROR_BAD_JSON, ""},
        {"{\"model\":\"m\"," USER ",\"x\":[1,}", ERROR_BAD_JSON, ""},
        {"{\"model\":5,\"messages\":[", ERROR_BAD_VALUE, "model"},
        {"{\"model\":{\"a\":", ERROR_BAD_JSON, ""},
        {"{\"model\":", ERROR_BAD_JSON, ""},
        {"{\"model\":\"m\",\"model\":\"n\"," USER "}", ERROR_DUPLICATE_KEY, "model"},
        {"{\"model\":\"m\",\"mod\\u0065l\":\"n\"," USER "}", ERROR_DUPLICATE_KEY, "model"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\",\"role\":\"user\"}]}",
         ERROR_DUPLICATE_KEY, "role"},
        {"{\"model\":\"m\"," USER ",\"metadata\":{\"a\":\"1\",\"a\":\"2\"}}", ERROR_DUPLICATE_KEY,
         "a"},
        {"{\"model\":\"m\"," USER ",\"stream_options\":{\"include_usage\":true,"
         "\"include_usage\":false}}",
         ERROR_DUPLICATE_KEY, "include_usage"},
        {"{" USER "}", ERROR_MISSING_VALUE, "model"},
        {"{\"model\":\"\"," USER "}", ERROR_BAD_VALUE, "model"},
        {"{\"model\":null," USER "}", ERROR_BAD_VALUE, "model"},
        {"{\"model\":\"m\"}", ERROR_MISSING_VALUE, "messages"},
        {"{\"model\":\"m\",\"messages\":[]}", ERROR_BAD_VALUE, "messages"},
        {"{\"model\":\"m\",\"messages\":\"hi\"}", ERROR_BAD_VALUE, "messages"},
        {"{\"model\":\"m\",\"messages\":[\"hi\"]}", ERROR_BAD_VALUE, "messages[0]"},
        {"{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", ERROR_MISSING_VALUE,
         "messages[0].role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", ERROR_MISSING_VALUE,
         "messages[0].content"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"boss\",\"content\":\"x\"}]}", ERROR_BAD_VALUE,
         "messages[0].role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":1,\"content\":\"x\"}]}", ERROR_BAD_VALUE,
         "messages[0].role"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
         "{\"role\":\"user\",\"content\":5}]}",
         ERROR_BAD_VALUE, "messages[1].content"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}",
         ERROR_BAD_VALUE, "messages[0].content[0]"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}",
         ERROR_MISSING_VALUE, "messages[0].content[0].type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":[]}]}]}",
         ERROR_BAD_VALUE, "messages[0].content[0].text"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         ERROR_MISSING_VALUE, "messages[0].content[0].text"},
        {"{\"model\":\"m\"," USER ",\"stream\":\"yes\"}", ERROR_BAD_VALUE, "stream"},
        {"{\"model\":\"m\"," USER ",\"stream_options\":true}", ERROR_BAD_VALUE, "stream_options"},
        {"{\"model\":\"m\"," USER ",\"stream_options\":{\"include_usage\":1}}", ERROR_BAD_VALUE,
         "stream_options.include_usage"},
        {"{\"model\":\"m\"," USER ",\"max_tokens\":1.5}", ERROR_BAD_VALUE, "max_tokens"},
        {"{\"model\":\"m\"," USER ",\"max_completion_tokens\":\"9\"}", ERROR_BAD_VALUE,
         "max_completion_tokens"},
        {"{\"model\":\"m\"," USER ",\"temperature\":\"hot\"}", ERROR_BAD_VALUE, "temperature"},
        {"{\"model\":\"m\"," USER ",\"top_p\":[]}", ERROR_BAD_VALUE, "top_p"},
        {"{\"model\":\"m\"," USER ",\"tools\":{}}", ERROR_BAD_VALUE, "tools"},
        {"{\"model\":\"m\"," USER ",\"response_format\":\"json\"}", ERROR_BAD_VALUE,
         "response_format"},
        {"{\"model\":\"m\"," USER ",\"response_format\":{\"type\":null}}", ERROR_BAD_VALUE,
         "response_format.type"},
        {"{\"model\":\"m\"," USER ",\"user\":7}", ERROR_BAD_VALUE, "user"},
        {"{\"model\":\"m\"," USER ",\"metadata\":[]}", ERROR_BAD_VALUE, "metadata"},
    };
    struct llm_request req = {.n_messages = 77};
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(llm_request_read(LLM_OPENAI_CHAT, view_str(rows[i].body), arena, &req, &err));
        if (err.code != rows[i].code || strcmp(err.param, rows[i].param) != 0)
            fail_msg("row %zu: %d %s: %s", i, (int)err.code, err.param, err.text);
        assert_true(err.text[0] && err.hint[0]);
        assert_int_equal(req.n_messages, 77); /* untouched */
    }
}

static void test_many_messages(void **state)
{
    struct buf b = BUF_MAX(1 << 20);

    (void)state;
    buf_append_lit(&b, "{\"model\":\"m\",\"messages\":[");
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&b, "%s{\"role\":\"user\",\"content\":\"%u\"}", i ? "," : "", i);
    buf_append_lit(&b, "]}");
    buf_append_char(&b, '\0');
    struct llm_request req = read_ok(b.p);
    assert_int_equal(req.n_messages, 1000);
    assert_view(req.messages[0].text, "0");
    assert_view(req.messages[999].text, "999");
    buf_done(&b);
}

static void test_no_memory(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\"," USER "}",
        "{\"model\":\"\\u0061bcdefghijklmnopqrstuvwxyz\",\"messages\":[{\"role\":\"user\","
        "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++)
        for (size_t cap = 0; cap < 600; cap += 4) {
            struct arena *small = arena_new(cap);
            struct llm_request req;
            struct error err;

            if (!llm_request_read(LLM_OPENAI_CHAT, view_str(bodies[i]), small, &req, &err))
                assert_int_equal(err.code, ERROR_NO_MEMORY);
            else
                assert_false(arena_failed(small));
            arena_free(small);
        }
}

static void join(const struct llm_body *body, struct buf *out)
{
    for (unsigned i = 0; i < body->n; i++)
        buf_append(out, body->pieces[i]);
    assert_int_equal(body->bytes, out->len);
}

static void test_write(void **state)
{
    static const struct llm_rewrite plain = {VIEW_LIT("n\"1"), false, false, false};
    static const struct llm_rewrite usage = {VIEW_LIT("n"), true, false, false};
    static const struct llm_rewrite all = {VIEW_LIT("n"), true, true, true};
    static const struct {
        const struct llm_rewrite *rewrite;
        const char *body, *want, *notes;
    } rows[] = {
        {&plain, "{\"model\":\"m\"," USER "}", "{\"model\":\"n\\\"1\"," USER "}", ""},
        {&plain, " {" USER " , \"model\" : \"m\\u0020\"}\n",
         " {" USER " , \"model\" : \"n\\\"1\"}\n", ""},
        /* only a stream can be asked for usage */
        {&usage, "{\"model\":\"m\"," USER "}", "{\"model\":\"n\"," USER "}", ""},
        {&usage, "{\"model\":\"m\",\"stream\":true," USER "}",
         "{\"stream_options\":{\"include_usage\":true},\"model\":\"n\",\"stream\":true," USER "}",
         "include_usage added"},
        {&usage, "{\"model\":\"m\",\"stream\":true," USER ",\"stream_options\":null}",
         "{\"model\":\"n\",\"stream\":true," USER ",\"stream_options\":{\"include_usage\":true}}",
         "include_usage added"},
        {&usage, "{\"model\":\"m\",\"stream\":true," USER ",\"stream_options\": { } }",
         "{\"model\":\"n\",\"stream\":true," USER ",\"stream_options\": {\"include_usage\":true} }",
         "include_usage added"},
        {&usage,
         "{\"model\":\"m\",\"stream\":true," USER ",\"stream_options\":{\"include_usage\":false}}",
         "{\"model\":\"n\",\"stream\":true," USER ",\"stream_options\":{\"include_usage\":true}}",
         "include_usage added"},
        {&usage,
         "{\"model\":\"m\",\"stream\":true," USER
         ",\"stream_options\":{\"a\":1,\"include_usage\":null,\"b\":2}}",
         "{\"model\":\"n\",\"stream\":true," USER
         ",\"stream_options\":{\"a\":1,\"include_usage\":true,\"b\":2}}",
         "include_usage added"},
        {&usage, "{\"model\":\"m\",\"stream\":true," USER ",\"stream_options\":{ \"a\":{}}}",
         "{\"model\":\"n\",\"stream\":true," USER
         ",\"stream_options\":{ \"include_usage\":true,\"a\":{}}}",
         "include_usage added"},
        {&usage,
         "{\"model\":\"m\",\"stream\":true," USER ",\"stream_options\":{\"include_usage\":true}}",
         "{\"model\":\"n\",\"stream\":true," USER ",\"stream_options\":{\"include_usage\":true}}",
         ""},
        {&all, "{\"temperature\":1,\"model\":\"m\"," USER "}", "{\"model\":\"n\"," USER "}",
         "temperature dropped"},
        {&all, "{\"top_p\":1 , \"temperature\":1 ,\"model\":\"m\"," USER "}",
         "{ \"model\":\"n\"," USER "}", "temperature dropped, top_p dropped"},
        {&all, "{\"model\":\"m\",\"top_p\":1," USER " , \"temperature\":0.50 }",
         "{\"model\":\"n\"," USER "  }", "temperature dropped, top_p dropped"},
        {&all, "{\"model\":\"m\",\"max_tokens\":5," USER "}",
         "{\"model\":\"n\",\"max_completion_tokens\":5," USER "}", "max_tokens renamed"},
        {&all, "{\"max_tok\\u0065ns\" : 5,\"top_p\":1,\"model\":\"m\"," USER "}",
         "{\"max_completion_tokens\" : 5,\"model\":\"n\"," USER "}",
         "max_tokens renamed, top_p dropped"},
        {&all, "{\"max_tokens\":5,\"model\":\"m\",\"max_completion_tokens\":6," USER "}",
         "{\"model\":\"n\",\"max_completion_tokens\":6," USER "}", "max_tokens dropped"},
        {&all,
         "{\"top_p\":1,\"max_tokens\":5,\"stream\":true,\"model\":\"m\","
         "\"max_completion_tokens\":6," USER ",\"temperature\":1}",
         "{\"stream_options\":{\"include_usage\":true},\"stream\":true,\"model\":\"n\","
         "\"max_completion_tokens\":6," USER "}",
         "include_usage added, max_tokens dropped, temperature dropped, top_p dropped"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_request req = read_ok(rows[i].body);
        struct buf out = BUF_MAX(4096);
        struct llm_body body;
        struct view notes;
        struct error err;

        assert_true(llm_request_write(&req, rows[i].rewrite, arena, &body, &notes, &err));
        join(&body, &out);
        if (!view_eq(buf_view(&out), view_str(rows[i].want)))
            fail_msg("row %zu: %.*s", i, VIEW_ARG(buf_view(&out)));
        assert_view(notes, rows[i].notes);
        buf_done(&out);
    }
}

/* Every request that was recorded is read, and written back as it was under the same name. */
static void test_golden(void **state)
{
    static const struct {
        const char *name;
        unsigned needs;
        bool stream;
    } rows[] = {
        {"ollama/chat.http", 0, false},
        {"ollama/chat_stream.http", 0, true},
        {"ollama/json_schema.http", LLM_NEED_SCHEMA, false},
        {"ollama/tools_stream.http", LLM_NEED_TOOLS | LLM_NEED_SCHEMA, true},
        {"vllm/chat_n2.http", 0, false},
        {"vllm/chat_stream_continuous_usage.http", 0, true},
        {"vllm/tools_named.http", LLM_NEED_TOOLS, false},
        {"vllm/tools_required_stream.http", LLM_NEED_TOOLS, true},
        {"vllm/json_schema.http", LLM_NEED_SCHEMA, false},
        {"llamacpp/chat_logprobs.http", 0, false},
        {"llamacpp/chat_stream_nousage.http", 0, true},
        {"llamacpp/tools_stream.http", LLM_NEED_TOOLS, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_request req;
        struct llm_body body;
        struct view notes;
        struct error err;
        struct golden g;
        struct buf out = BUF_MAX(1 << 20);

        golden_open(&g, rows[i].name);
        if (!llm_request_read(LLM_OPENAI_CHAT, g.request, arena, &req, &err))
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_int_equal(req.needs, rows[i].needs);
        assert_int_equal(req.stream, rows[i].stream);
        struct llm_rewrite same = {.model = req.model};
        assert_true(llm_request_write(&req, &same, arena, &body, &notes, &err));
        join(&body, &out);
        assert_true(view_eq(buf_view(&out), g.request));
        buf_done(&out);
        golden_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_messages, set_up, tear_down),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_golden, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
