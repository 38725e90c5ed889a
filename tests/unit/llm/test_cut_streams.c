/*
 * A stream says the same wherever the network cuts it: each recorded stream, and a hand-made one of
 * each dialect with all it may hold, is cut in two at every byte, and once into single bytes, and
 * goes through the framing, its dialect's reader and the writers of all clients. What these write
 * is compared with what they write for the whole stream.
 */
#include "http/lines.h"
#include "http/sse.h"
#include "llm/dialects.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { CLIENTS = 5, MAX_EVENT = 1 << 16 };

static const enum llm_dialect clients[CLIENTS] = {LLM_OPENAI_CHAT, LLM_OPENAI_RESPONSES,
                                                  LLM_ANTHROPIC, LLM_OLLAMA, LLM_OLLAMA_GENERATE};

/* ---- one stream on its way to all clients ---------------------------------------------------- */

struct run {
    enum llm_dialect upstream;
    bool lines;
    struct sse_reader events;
    struct line_reader line;
    struct llm_reader reader;
    struct arena *scratch, *kept; /* of one event; of the whole run */
    struct llm_writer writers[CLIENTS];
    struct llm_answer answer; /* of the client that speaks the upstream's dialect */
    struct buf written[CLIENTS], passed;
    unsigned kinds;
};

static void begin(struct run *r, enum llm_dialect upstream)
{
    *r = (struct run){
        .upstream = upstream,
        .lines = upstream == LLM_OLLAMA || upstream == LLM_OLLAMA_GENERATE,
        .events = sse_reader_new(MAX_EVENT),
        .line = LINE_READER(MAX_EVENT),
        .scratch = arena_new(1 << 20),
        .kept = arena_new(1 << 20),
        .answer = {.dialect = upstream, .model = VIEW("auto")},
        .passed = BUF_MAX(1 << 20),
    };
    assert_true(r->scratch && r->kept);
    r->reader = (struct llm_reader){.dialect = upstream, .arena = r->scratch};
    for (unsigned i = 0; i < CLIENTS; i++) {
        llm_writer_init(&r->writers[i], clients[i], false, VIEW("auto"), r->kept);
        r->writers[i].include_usage = true;
        r->writers[i].created_s = 1795501048; /* not the clock's */
        snprintf(r->writers[i].id, sizeof(r->writers[i].id), "id-of-none");
        r->written[i] = BUF_MAX(1 << 20);
    }
}

static void end(struct run *r)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        llm_writer_done(&r->writers[i]);
        buf_done(&r->written[i]);
    }
    buf_done(&r->passed);
    sse_reader_done(&r->events);
    line_reader_done(&r->line);
    arena_free(r->scratch);
    arena_free(r->kept);
}

static bool write_all(void *arg, const struct llm_ev *ev)
{
    struct run *r = arg;

    for (unsigned i = 0; i < CLIENTS; i++)
        assert_true(llm_dialect(clients[i])->event_write(&r->writers[i], ev, &r->written[i]));
    return true;
}

static void take(struct run *r, struct view name, struct view data)
{
    struct error err = {0};
    unsigned kinds = 0;

    if (!llm_dialect(r->upstream)->event_read(&r->reader, name, data, write_all, r, &err) ||
        !llm_dialect(r->upstream)->event_pass(&r->answer, name, data, &r->passed, &kinds, &err))
        fail_msg("%s: %.*s", err.text, VIEW_ARG(data));
    r->kinds |= kinds;
    arena_reset(r->scratch);
}

/* The piece is a copy that is gone afterwards: whoever kept a view of it is found out. */
static void feed(struct run *r, struct view bytes)
{
    char *copy = malloc(bytes.n ? bytes.n : 1);
    struct view piece = view_of(copy, bytes.n), data;
    struct sse_event event;

    assert_non_null(copy);
    memcpy(copy, bytes.p, bytes.n);
    if (r->lines)
        while (line_next(&r->line, &piece, &data) == LINE_FOUND)
            take(r, VIEW_NONE, data);
    else
        while (sse_next(&r->events, &piece, &event) == SSE_EVENT)
            if (!event.comment)
                take(r, event.name, event.data);
    assert_int_equal(piece.n, 0);
    free(copy);
}

static void expect_same(const struct run *whole, const struct run *cut, const char *name,
                        const char *how, size_t at)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (!view_eq(buf_view(&cut->written[i]), buf_view(&whole->written[i])))
            fail_msg("%s, %s %zu, for a client of %s:\n%.*s", name, how, at,
                     llm_dialect(clients[i])->name, VIEW_ARG(buf_view(&cut->written[i])));
    if (!view_eq(buf_view(&cut->passed), buf_view(&whole->passed)))
        fail_msg("%s, %s %zu, passed on:\n%.*s", name, how, at, VIEW_ARG(buf_view(&cut->passed)));
}

static void cut_everywhere(const char *name, enum llm_dialect dialect, struct view stream)
{
    struct run whole, cut;

    begin(&whole, dialect);
    feed(&whole, stream);
    if (!(whole.kinds & LLM_EVENT_DONE))
        fail_msg("%s: the stream has no end mark", name);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_true(buf_ok(&whole.written[i]) && whole.written[i].len > 0);
    assert_true(buf_ok(&whole.passed) && whole.passed.len > 0);

    for (size_t at = 1; at < stream.n; at++) {
        begin(&cut, dialect);
        feed(&cut, view_first(stream, at));
        feed(&cut, view_skip(stream, at));
        expect_same(&whole, &cut, name, "cut at", at);
        end(&cut);
    }
    begin(&cut, dialect);
    for (size_t at = 0; at < stream.n; at++)
        feed(&cut, view_of(stream.p + at, 1));
    expect_same(&whole, &cut, name, "cut into bytes, all", stream.n);
    end(&cut);
    end(&whole);
}

/* ---- recorded streams ------------------------------------------------------------------------ */

static void test_recorded(void **state)
{
    static const struct {
        const char *file;
        enum llm_dialect dialect;
    } rows[] = {
        {"llamacpp/chat_stream.http", LLM_OPENAI_CHAT},
        {"llamacpp/chat_stream_nousage.http", LLM_OPENAI_CHAT},
        {"llamacpp/tools_stream.http", LLM_OPENAI_CHAT},
        {"llamacpp/messages_stream.http", LLM_ANTHROPIC},
        {"llamacpp/messages_tools_stream.http", LLM_ANTHROPIC},
        {"llamacpp/responses_stream.http", LLM_OPENAI_RESPONSES},
        {"ollama/api_chat_stream.http", LLM_OLLAMA},
        {"ollama/api_generate_stream.http", LLM_OLLAMA_GENERATE},
        {"ollama/chat_stream.http", LLM_OPENAI_CHAT},
        {"ollama/chat_stream_nousage.http", LLM_OPENAI_CHAT},
        {"ollama/tools_stream.http", LLM_OPENAI_CHAT},
        {"ollama/messages_stream.http", LLM_ANTHROPIC},
        {"ollama/responses_stream.http", LLM_OPENAI_RESPONSES},
        {"vllm/chat_stream.http", LLM_OPENAI_CHAT},
        {"vllm/chat_stream_continuous_usage.http", LLM_OPENAI_CHAT},
        {"vllm/chat_stream_nousage.http", LLM_OPENAI_CHAT},
        {"vllm/tools_required_stream.http", LLM_OPENAI_CHAT},
        {"vllm/messages_stream.http", LLM_ANTHROPIC},
        {"vllm/responses_stream.http", LLM_OPENAI_RESPONSES},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct golden g;
        golden_open(&g, rows[i].file);
        cut_everywhere(rows[i].file, rows[i].dialect, buf_view(&g.body));
        golden_close(&g);
    }
}

/* ---- with all that a stream may hold --------------------------------------------------------- */

#define CHUNK(delta, finish)                                                                  \
    "data: "                                                                                  \
    "{\"id\":\"c\",\"created\":5,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{" delta \
    "},\"finish_reason\":" finish "}]}\n\n"

static const char *const chat[] = {
    ": a comment\n\n",
    CHUNK("\"role\":\"assistant\",\"content\":\"\"", "null"),
    CHUNK("\"reasoning_content\":\"It müst\"", "null"),
    CHUNK("\"reasoning_content\":\" be \\ud83d\\ude00.\"", "null"),
    CHUNK("\"content\":\"Zwölf \\\"Boxer\\\"\"", "null"),
    CHUNK("\"content\":\"\\u2028\\n\\ttail\"", "null"),
    CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{"
          "\"name\":\"f\",\"arguments\":\"\"}}]",
          "null"),
    CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]", "null"),
    CHUNK("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}},{\"index\":1,\"id\":"
          "\"call_2\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]",
          "null"),
    CHUNK("", "\"tool_calls\""),
    "data: "
    "{\"id\":\"c\",\"created\":5,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":57,"
    "\"completion_tokens\":23,\"total_tokens\":80,\"prompt_tokens_details\":{\"cached_tokens\":32}}"
    "}\n\n",
    "data: [DONE]\n\n",
    NULL,
};

/* With CR LF, as some proxies make it. */
#define BLOCK(name, rest) "event: " name "\r\ndata: {\"type\":\"" name "\"" rest "}\r\n\r\n"
#define DELTA(index, delta) \
    BLOCK("content_block_delta", ",\"index\":" index ",\"delta\":{" delta "}")

static const char *const messages[] = {
    BLOCK("message_start",
          ",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"role\":\"assistant\",\"content\":[],"
          "\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":32,\"output_tokens\":1}}"),
    BLOCK("ping", ""),
    BLOCK("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"thinking\","
                                 "\"thinking\":\"\",\"signature\":\"\"}"),
    DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"It müst\""),
    DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"c2ln\""),
    BLOCK("content_block_stop", ",\"index\":0"),
    BLOCK("content_block_start",
          ",\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"c2VjcmV0\"}"),
    BLOCK("content_block_stop", ",\"index\":1"),
    BLOCK("content_block_start",
          ",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}"),
    DELTA("2", "\"type\":\"text_delta\",\"text\":\"Zwölf \\\"Boxer\\\"\""),
    DELTA("2", "\"type\":\"text_delta\",\"text\":\"\\ud83d\\ude00\\r\\n\""),
    BLOCK("content_block_stop", ",\"index\":2"),
    BLOCK("content_block_start", ",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":"
                                 "\"toolu_1\",\"name\":\"f\",\"input\":{}}"),
    DELTA("3", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\""),
    DELTA("3", "\"type\":\"input_json_delta\",\"partial_json\":\"1}\""),
    BLOCK("content_block_stop", ",\"index\":3"),
    BLOCK("message_delta",
          ",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":23}"),
    BLOCK("message_stop", ""),
    NULL,
};

#define RESPONSE(status, usage)                                                              \
    ",\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"created_at\":5,\"status\":\"" status \
    "\",\"output\":[],\"usage\":" usage "}"
#define ITEM(name, index, item) BLOCK(name, ",\"output_index\":" index ",\"item\":{" item "}")

static const char *const responses[] = {
    BLOCK("response.created", RESPONSE("in_progress", "null")),
    ITEM("response.output_item.added", "0",
         "\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]"),
    BLOCK("response.reasoning_summary_text.delta",
          ",\"item_id\":\"rs_1\",\"output_index\":0,\"delta\":\"It müst\""),
    ITEM("response.output_item.done", "0",
         "\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"c2ln\""),
    ITEM("response.output_item.added", "1",
         "\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]"),
    BLOCK("response.output_text.delta", ",\"item_id\":\"msg_1\",\"output_index\":1,\"content_"
                                        "index\":0,\"delta\":\"Zwölf \\\"Boxer\\\"\""),
    BLOCK("response.refusal.delta",
          ",\"item_id\":\"msg_1\",\"output_index\":1,\"content_index\":1,\"delta\":\"n\\u00f6\""),
    ITEM("response.output_item.added", "2",
         "\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\","
         "\"arguments\":\"\""),
    BLOCK("response.function_call_arguments.delta",
          ",\"item_id\":\"fc_1\",\"output_index\":2,\"delta\":\"{\\\"a\\\":1}\""),
    ITEM("response.output_item.done", "2",
         "\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"f\","
         "\"arguments\":\"{\\\"a\\\":1}\""),
    BLOCK("response.completed",
          RESPONSE("completed", "{\"input_tokens\":57,\"output_tokens\":23,\"input_tokens_"
                                "details\":{\"cached_tokens\":32}}")),
    NULL,
};

#define LINE(end, message, rest)                                                        \
    "{\"model\":\"m\",\"created_at\":\"2026-11-24T06:17:28.5Z\",\"message\":{\"role\":" \
    "\"assistant\",\"content\":" message "}," rest "}" end

static const char *const ollama[] = {
    LINE("\n", "\"\",\"thinking\":\"It müst\"", "\"done\":false"),
    LINE("\r\n\n", "\"Zwölf \\\"Boxer\\\"\"", "\"done\":false"),
    LINE("\n", "\"\\ud83d\\ude00\"", "\"done\":false"),
    LINE("\n",
         "\"\",\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"index\":0,\"name\":\"f\","
         "\"arguments\":{\"a\":1}}},{\"id\":\"call_2\",\"function\":{\"name\":\"g\",\"arguments\":{"
         "}}}]",
         "\"done\":false"),
    LINE("\n", "\"\"",
         "\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":57,\"eval_count\":23"),
    NULL,
};

static void test_made_by_hand(void **state)
{
    static const struct {
        const char *name;
        enum llm_dialect dialect;
        const char *const *events; /* up to NULL */
    } rows[] = {
        {"chat", LLM_OPENAI_CHAT, chat},
        {"messages", LLM_ANTHROPIC, messages},
        {"responses", LLM_OPENAI_RESPONSES, responses},
        {"ollama", LLM_OLLAMA, ollama},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf stream = BUF_MAX(1 << 16);
        for (const char *const *event = rows[i].events; *event; event++)
            buf_append(&stream, view_str(*event));
        cut_everywhere(rows[i].name, rows[i].dialect, buf_view(&stream));
        buf_done(&stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded),
                                       cmocka_unit_test(test_made_by_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
