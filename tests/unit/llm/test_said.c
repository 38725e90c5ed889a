/*
 * A stream that passes and breaks behind any of its events, and a writer that goes on with it: the
 * bytes that passed and those that it writes are together the stream that never broke.
 */
#include "llm/said.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct view pieces[] = {
    VIEW_LIT("Die"),          VIEW_LIT(" \"Größe\""),  VIEW_LIT("\n\n\tvon"),
    VIEW_LIT(" Zürich \\"),   VIEW_LIT(" \x01 \x7f<"), VIEW_LIT("\xE2\x80\xA8"),
    VIEW_LIT(" 雪 🕰️"), VIEW_LIT("."),
};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static const enum llm_dialect dialects[] = {LLM_OPENAI_CHAT, LLM_ANTHROPIC, LLM_OLLAMA};

static void put(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    assert_true(llm_dialect(w->dialect)->event_write(w, ev, out));
}

static void put_piece(struct llm_writer *w, size_t i, struct buf *out)
{
    put(w, &(struct llm_ev){.kind = LLM_EV_TEXT, .text = pieces[i]}, out);
}

static void put_end(struct llm_writer *w, struct buf *out)
{
    put(w, &(struct llm_ev){.kind = LLM_EV_FINISH, .finish = LLM_FINISH_LENGTH}, out);
    put(w,
        &(struct llm_ev){.kind = LLM_EV_USAGE,
                         .usage = {.reported = true, .input = 12, .output = 34}},
        out);
    put(w, &(struct llm_ev){.kind = LLM_EV_END}, out);
}

static void begin(struct llm_writer *w, enum llm_dialect dialect, struct arena *a)
{
    llm_writer_init(w, dialect, false, VIEW("auto"), a);
    w->include_usage = true;
    w->created_s = 1795527764;
}

/* Each event of a stream, however it is framed, as the upstream's reader would hand it over. */
static bool next_event(struct view *rest, enum llm_dialect dialect, struct view *ret_name,
                       struct view *ret_data)
{
    struct view mark = dialect == LLM_OLLAMA ? VIEW("\n") : VIEW("\n\n"), name = VIEW("event: ");
    size_t end = view_find(*rest, mark);

    if (end == VIEW_NPOS)
        return false;
    struct view event = view_first(*rest, end);
    *rest = view_skip(*rest, end + mark.n);
    *ret_name = view_starts(event, name) ? view_skip(view_cut(&event, '\n'), name.n) : VIEW_NONE;
    *ret_data = dialect == LLM_OLLAMA ? event : view_skip(event, 6);
    return true;
}

/* Passes the first events of `stream`, those of `n` pieces; `closed`: and the block's end. */
static struct view pass(struct view stream, enum llm_dialect dialect, size_t n, bool closed,
                        struct llm_said *said, struct buf *out)
{
    struct llm_answer answer = {.dialect = dialect, .model = VIEW("auto"), .said = said};
    struct view rest = stream, name, data;
    struct error err;
    unsigned kinds;

    while (said->pieces < n || (closed && !said->closed)) {
        assert_true(next_event(&rest, dialect, &name, &data));
        assert_true(llm_answer_event(&answer, name, data, out, &kinds, &err));
    }
    return rest;
}

static void test_a_break_behind_every_piece(void **state)
{
    struct arena *a = arena_new(4 << 20);

    (void)state;
    for (size_t d = 0; d < sizeof(dialects) / sizeof(dialects[0]); d++)
        for (size_t n = 1; n <= PIECES; n++) {
            struct buf whole = BUF_MAX(1 << 20), out = BUF_MAX(1 << 20);
            struct llm_said said = LLM_SAID;
            struct llm_writer w;
            begin(&w, dialects[d], a);
            put(&w,
                &(struct llm_ev){.kind = LLM_EV_START, .id = VIEW("id-7"), .created_s = 1795527764},
                &whole);
            for (size_t i = 0; i < PIECES; i++)
                put_piece(&w, i, &whole);
            put_end(&w, &whole);
            llm_writer_done(&w);

            pass(buf_view(&whole), dialects[d], n, false, &said, &out);
            begin(&w, dialects[d], a);
            assert_true(llm_said_only_text(&said) && llm_said_decode(&said));
            assert_true(llm_said_resume(&said, dialects[d], &w));
            for (size_t i = n; i < PIECES; i++)
                put_piece(&w, i, &out);
            put_end(&w, &out);
            if (!view_eq(buf_view(&out), buf_view(&whole)))
                fail_msg("%s behind %zu:\n%.*s\nwanted\n%.*s", llm_dialect(dialects[d])->name, n,
                         VIEW_ARG(buf_view(&out)), VIEW_ARG(buf_view(&whole)));
            llm_writer_done(&w);
            llm_said_done(&said);
            buf_done(&whole);
            buf_done(&out);
            arena_reset(a);
        }
    arena_free(a);
}

/* Anthropic: what breaks between two blocks goes on in a block of its own. */
static void test_a_break_behind_the_block(void **state)
{
    struct view stream =
        VIEW("data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\"}}\n\n"
             "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
             "{\"type\":\"text\",\"text\":\"\"}}\n\n"
             "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
             "{\"type\":\"text_delta\",\"text\":\"Die\"}}\n\n"
             "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    struct arena *a = arena_new(1 << 20);
    struct buf out = BUF_MAX(1 << 20);
    struct llm_said said = LLM_SAID;
    struct llm_writer w;

    (void)state;
    pass(stream, LLM_ANTHROPIC, 1, true, &said, &out);
    begin(&w, LLM_ANTHROPIC, a);
    assert_true(llm_said_resume(&said, LLM_ANTHROPIC, &w));
    buf_reset(&out);
    put_piece(&w, 1, &out);
    assert_true(view_starts(buf_view(&out), VIEW("event: content_block_start\ndata: {\"type\":"
                                                 "\"content_block_start\",\"index\":1,")));
    llm_writer_done(&w);
    llm_said_done(&said);
    buf_done(&out);
    arena_free(a);
}

/* ---- what is more than text ------------------------------------------------------------------ */

#define CHAT(delta) LLM_OPENAI_CHAT, "{\"id\":\"c\",\"choices\":[{\"delta\":{" delta "}}]}"
#define BLOCK(start) \
    LLM_ANTHROPIC, "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{" start "}}"
#define LINE(message) LLM_OLLAMA, "{\"message\":{" message "},\"done\":false}"

static void test_what_is_more_than_text(void **state)
{
    static const struct {
        enum llm_dialect dialect;
        const char *data;
        bool only_text;
    } rows[] = {
        {CHAT("\"content\":\"Hi\""), true},
        {CHAT("\"content\":\"Hi\",\"tool_calls\":[],\"reasoning\":null,\"refusal\":\"\""), true},
        {CHAT("\"content\":\"\""), false}, /* nothing at all */
        {CHAT("\"content\":\"Hi\",\"reasoning\":\"Hm\""), false},
        {CHAT("\"content\":\"Hi\",\"reasoning_content\":\"Hm\""), false},
        {CHAT("\"content\":\"Hi\",\"refusal\":\"No\""), false},
        {CHAT("\"content\":\"Hi\",\"tool_calls\":[{}]"), false},
        {CHAT("\"content\":\"Hi\",\"function_call\":{}"), false},
        {CHAT("\"content\":\"Hi\",\"audio\":{\"id\":\"a\"}"), false},
        {CHAT("\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]"), false},
        {CHAT("\"content\":\"Hi\"}},{\"delta\":{\"content\":\"Ho\""), false},
        {BLOCK("\"type\":\"text\",\"text\":\"Hi\""), true},
        {BLOCK("\"type\":\"thinking\",\"thinking\":\"Hm\""), false},
        {BLOCK("\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}"), false},
        {LINE("\"content\":\"Hi\""), true},
        {LINE("\"content\":\"Hi\",\"thinking\":\"Hm\""), false},
        {LINE("\"content\":\"Hi\",\"tool_calls\":[{\"function\":{}}]"), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct llm_said said = LLM_SAID;
        struct llm_answer answer = {
            .dialect = rows[i].dialect, .model = VIEW("auto"), .said = &said};
        struct buf out = BUF_MAX(1 << 16);
        struct error err;
        unsigned kinds;
        assert_true(
            llm_answer_event(&answer, VIEW_NONE, view_str(rows[i].data), &out, &kinds, &err));
        if (llm_said_only_text(&said) != rows[i].only_text)
            fail_msg("%s", rows[i].data);
        llm_said_done(&said);
        buf_done(&out);
    }
}

static void test_events_that_are_more_than_text(void **state)
{
    static const struct {
        struct llm_ev ev;
        bool only_text;
    } rows[] = {
        {{.kind = LLM_EV_START}, true},
        {{.kind = LLM_EV_PING}, true},
        {{.kind = LLM_EV_USAGE}, true},
        {{.kind = LLM_EV_FINISH}, true},
        {{.kind = LLM_EV_THINKING}, false},
        {{.kind = LLM_EV_REFUSAL}, false},
        {{.kind = LLM_EV_CALL}, false},
        {{.kind = LLM_EV_LOGPROBS}, false},
        {{.kind = LLM_EV_ARGUMENTS}, false},
        {{.kind = LLM_EV_SIGNATURE}, false},
        {{.kind = LLM_EV_TEXT, .choice = 1, .text = VIEW_LIT("Ho")}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct llm_said said = LLM_SAID;
        llm_said_event(&said, &(struct llm_ev){.kind = LLM_EV_TEXT, .text = VIEW("Hi")});
        llm_said_event(&said, &rows[i].ev);
        if (llm_said_only_text(&said) != rows[i].only_text)
            fail_msg("row %zu", i);
        llm_said_done(&said);
    }
}

static void test_a_text_that_is_too_long(void **state)
{
    struct llm_said said = LLM_SAID;
    struct llm_ev ev = {.kind = LLM_EV_TEXT, .text = VIEW("0123456789abcdef")};

    (void)state;
    for (size_t n = 0; n < LLM_SAID_MAX; n += ev.text.n)
        llm_said_event(&said, &ev);
    assert_true(llm_said_only_text(&said));
    llm_said_event(&said, &ev);
    assert_false(llm_said_only_text(&said));
    llm_said_done(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_break_behind_every_piece),
        cmocka_unit_test(test_a_break_behind_the_block),
        cmocka_unit_test(test_what_is_more_than_text),
        cmocka_unit_test(test_events_that_are_more_than_text),
        cmocka_unit_test(test_a_text_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
