/* The way back of a masked exchange, event by event and through each dialect. */
#include "gateway/translate.h"
#include "http/lines.h"
#include "http/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;
static struct mask_map *map;

/* <PERSON_1> is Ann "A" Lee, <EMAIL_2> is a@x.org. */
static int open_map(void **state)
{
    const char *body = "[\"Ann \\\"A\\\" Lee a@x.org\"]";
    struct finding all[] = {
        {.start = 2, .end = 15, .class = DATA_PERSON, .maskable = true, .value = VIEW("ann")},
        {.start = 16, .end = 23, .class = DATA_EMAIL, .maskable = true, .value = VIEW("a@x")},
    };
    struct findings findings = {.all = all, .n = 2};
    struct error err;
    struct view masked;
    (void)state;

    arena = arena_new(16 << 20);
    map = arena ? mask_map_new(arena) : NULL;
    return map && mask_body(map, view_str(body), &findings, ~UINT32_C(0), arena, &masked, &err) &&
                   view_eq(masked, VIEW("[\"<PERSON_1> <EMAIL_2>\"]"))
               ? 0
               : 1;
}

static int close_map(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

static const char letters[] = "STHGRCALFUPE"; /* of the kinds, in their order */

static bool tell(void *arg, const struct llm_ev *ev)
{
    struct buf *out = arg;

    buf_printf(out, "%s%c", out->len ? " " : "", letters[ev->kind]);
    if (ev->choice || ev->index)
        buf_printf(out, "%u", ev->choice + ev->index);
    if (ev->text.n)
        buf_printf(out, "(%.*s)", VIEW_ARG(ev->text));
    return true;
}

static void test_events(void **state)
{
    static const struct {
        const char *events, *told; /* as above; "#" behind a letter: the second choice or call */
    } rows[] = {
        {"S|Ta<PER|TSON_1>b|F|E", "S T(a) T(Ann \"A\" Leeb) F E"},
        /* what is held back comes before what ends its text */
        {"Ta<PER|F|E", "T(a) T(<PER) F E"},
        {"Ta<PER|U|E", "T(a) U T(<PER) E"},
        {"H<PER|Tb", "H(<PER) T(b)"},
        {"H<PER|Gsig|Tb", "H(<PER) G(sig) T(b)"},
        {"Tperson_1|C|A{}", "T(Ann \"A\" Lee) C A({})"},
        {"T<P|R<P|E", "T(<P) R(<P) E"},
        /* other choices and calls go on by themselves */
        {"T<PER|T#<EMA|TSON_1>|T#IL_2>|F|F#|E", "T(Ann \"A\" Lee) T1(a@x.org) F F1 E"},
        {"T<PER|F#|TSON_1>", "F1 T(Ann \"A\" Lee)"},
        {"C|A\"<PER|C#|A#\"<EMAI|ASON_1>\"|A#L_2>\"|E",
         "C A(\") C1 A1(\") A(Ann \\\"A\\\" Lee\") A1(a@x.org\") E"},
        /* values are escaped where the text is JSON itself */
        {"T{\"a\":\"<PERSON_1>\"}", "T({\"a\":\"Ann \\\"A\\\" Lee\"})"},
        {"T \n|T{\"a\":\"<PERSON_1>\"}", "T( \n) T({\"a\":\"Ann \\\"A\\\" Lee\"})"},
        {"Ta|T{<PERSON_1>", "T(a) T({Ann \"A\" Lee)"},
        /* nothing to restore */
        {"S|T|P|L|T<PERSON_7>|U|E", "S T P L T(<PERSON_7>) U E"},
        /* a text that is held back whole is no event yet */
        {"T<|TPERSON_|T1|T>", "T(Ann \"A\" Lee)"},
    };
    struct buf told = BUF_MAX(4096);
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct restore r;
        struct view left = view_str(rows[i].events);
        restore_init(&r, map, tell, &told);
        buf_reset(&told);
        while (left.n) {
            struct view one = view_cut(&left, '|');
            struct llm_ev ev = {.kind = (enum llm_event_kind)(strchr(letters, one.p[0]) - letters)};
            bool second = one.n > 1 && one.p[1] == '#';
            if (ev.kind == LLM_EV_CALL || ev.kind == LLM_EV_ARGUMENTS)
                ev.index = second;
            else
                ev.choice = second;
            ev.text = view_skip(one, 1 + second);
            assert_true(restore_event(&r, &ev));
        }
        if (!view_eq(buf_view(&told), view_str(rows[i].told)))
            fail_msg("row %zu: got %.*s, want %s", i, VIEW_ARG(buf_view(&told)), rows[i].told);
        restore_done(&r);
    }
    buf_done(&told);
}

/* More texts at once than there is room for: the oldest loses what it held, nothing is lost. */
static void test_many_texts(void **state)
{
    struct buf told = BUF_MAX(4096);
    struct restore r;
    (void)state;

    restore_init(&r, map, tell, &told);
    for (unsigned i = 0; i <= RESTORE_TEXTS; i++)
        assert_true(restore_event(
            &r, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS, .index = i, .text = VIEW("<PERSON_")}));
    assert_true(view_eq(buf_view(&told), VIEW("A(<PERSON_)")));
    for (unsigned i = 1; i <= RESTORE_TEXTS; i++) {
        buf_reset(&told);
        assert_true(restore_event(
            &r, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS, .index = i, .text = VIEW("1>")}));
        assert_true(view_ends(buf_view(&told), VIEW("(Ann \\\"A\\\" Lee)")));
    }
    restore_done(&r);
    buf_done(&told);
}

static bool refuse(void *arg, const struct llm_ev *ev)
{
    (void)ev;
    ++*(unsigned *)arg;
    return false;
}

static void test_a_sink_that_stops(void **state)
{
    struct restore r;
    unsigned calls = 0;
    (void)state;

    restore_init(&r, map, refuse, &calls);
    assert_true(restore_event(&r, &(struct llm_ev){.kind = LLM_EV_TEXT, .text = VIEW("<")}));
    assert_false(restore_event(&r, &(struct llm_ev){.kind = LLM_EV_END}));
    assert_int_equal(calls, 1);
    restore_done(&r);
}

/* ---- through the dialects -------------------------------------------------------------------- */

static const enum llm_dialect dialects[] = {LLM_OPENAI_CHAT, LLM_OPENAI_RESPONSES, LLM_ANTHROPIC,
                                            LLM_OLLAMA};

#define TEXT         "Dear <PERSON_1>, is person_1's address EMAIL_2? <PERSON_9> <"
#define TEXT_BACK    "Dear Ann \"A\" Lee, is Ann \"A\" Lee's address a@x.org? <PERSON_9> <"
#define THOUGHT      "It is <EMAIL_2>"
#define THOUGHT_BACK "It is a@x.org"
#define CALLED       "{\"to\":\"<EMAIL_2>\",\"who\":\"<PERSON_1>\"}"
#define CALLED_BACK  "{\"to\":\"a@x.org\",\"who\":\"Ann \\\"A\\\" Lee\"}"

/* What an answer says in the end. */
struct said {
    struct buf text, thinking, arguments;
    bool ended;
};

static bool hear(void *arg, const struct llm_ev *ev)
{
    struct said *s = arg;

    buf_append(ev->kind == LLM_EV_TEXT       ? &s->text
               : ev->kind == LLM_EV_THINKING ? &s->thinking
                                             : &s->arguments,
               ev->kind == LLM_EV_TEXT || ev->kind == LLM_EV_THINKING ||
                       ev->kind == LLM_EV_ARGUMENTS
                   ? ev->text
                   : VIEW(""));
    s->ended = s->ended || ev->kind == LLM_EV_END;
    return true;
}

struct written {
    struct llm_writer writer;
    struct buf out;
};

static bool write_event(void *arg, const struct llm_ev *ev)
{
    struct written *w = arg;

    return llm_dialect(w->writer.dialect)->event_write(&w->writer, ev, &w->out);
}

static void written_init(struct written *w, enum llm_dialect dialect, bool plain)
{
    *w = (struct written){.out = BUF_MAX(1 << 20)};
    llm_writer_init(&w->writer, dialect, plain, VIEW("m"), arena);
}

static void written_done(struct written *w)
{
    llm_writer_done(&w->writer);
    buf_done(&w->out);
}

static void put_pieces(struct written *w, enum llm_event_kind kind, const char *text, size_t n)
{
    for (struct view left = view_str(text); left.n; left = view_skip(left, n))
        assert_true(write_event(w, &(struct llm_ev){.kind = kind, .text = view_first(left, n)}));
}

/* The upstream's answer, its texts in pieces of `n` bytes. */
static void answer(struct written *w, size_t n)
{
    assert_true(write_event(w, &(struct llm_ev){.kind = LLM_EV_START, .name = VIEW("m")}));
    put_pieces(w, LLM_EV_THINKING, THOUGHT, n);
    put_pieces(w, LLM_EV_TEXT, TEXT, n);
    assert_true(write_event(
        w, &(struct llm_ev){.kind = LLM_EV_CALL, .id = VIEW("c1"), .name = VIEW("send")}));
    put_pieces(w, LLM_EV_ARGUMENTS, CALLED, n);
    assert_true(
        write_event(w, &(struct llm_ev){.kind = LLM_EV_FINISH, .finish = LLM_FINISH_CALLS}));
    assert_true(write_event(
        w, &(struct llm_ev){.kind = LLM_EV_USAGE, .usage = {.reported = true, .input = 3}}));
    assert_true(write_event(w, &(struct llm_ev){.kind = LLM_EV_END}));
}

static void read_stream(enum llm_dialect dialect, struct view bytes, llm_sink *sink, void *arg)
{
    struct llm_reader reader = {.dialect = dialect, .arena = arena};
    struct sse_reader events = sse_reader_new(1 << 20);
    struct line_reader lines = LINE_READER(1 << 20);
    struct sse_event event = {0};
    struct error err;

    for (;;) {
        bool by_lines = dialect == LLM_OLLAMA;
        if (by_lines ? line_next(&lines, &bytes, &event.data) != LINE_FOUND
                     : sse_next(&events, &bytes, &event) != SSE_EVENT)
            break;
        if (!event.comment &&
            !llm_dialect(dialect)->event_read(&reader, event.name, event.data, sink, arg, &err))
            fail_msg("%s: %s", llm_dialect(dialect)->name, err.text);
    }
    sse_reader_done(&events);
    line_reader_done(&lines);
}

static void read_plain(enum llm_dialect dialect, struct view bytes, llm_sink *sink, void *arg)
{
    struct llm_reader reader = {.dialect = dialect, .arena = arena};
    struct error err;

    if (!llm_dialect(dialect)->plain_read(&reader, bytes, sink, arg, &err))
        fail_msg("%s: %s", llm_dialect(dialect)->name, err.text);
}

/* From an upstream of dialect `from` to a client of dialect `to`. */
static void pass(enum llm_dialect from, enum llm_dialect to, bool plain, size_t n)
{
    void (*read)(enum llm_dialect, struct view, llm_sink *, void *) =
        plain ? read_plain : read_stream;
    struct said said = {BUF_MAX(4096), BUF_MAX(4096), BUF_MAX(4096), false};
    struct written upstream, client;
    struct restore r;

    written_init(&upstream, from, plain);
    written_init(&client, to, plain);
    answer(&upstream, n);
    restore_init(&r, map, write_event, &client);
    read(from, buf_view(&upstream.out), restore_event, &r);
    read(to, buf_view(&client.out), hear, &said);
    if (!said.ended || !view_eq(buf_view(&said.text), VIEW(TEXT_BACK)) ||
        !view_eq(buf_view(&said.thinking), VIEW(THOUGHT_BACK)) ||
        !view_eq(buf_view(&said.arguments), VIEW(CALLED_BACK)))
        fail_msg("%s to %s, pieces of %zu: %.*s | %.*s | %.*s", llm_dialect(from)->name,
                 llm_dialect(to)->name, n, VIEW_ARG(buf_view(&said.text)),
                 VIEW_ARG(buf_view(&said.thinking)), VIEW_ARG(buf_view(&said.arguments)));
    restore_done(&r);
    written_done(&upstream);
    written_done(&client);
    buf_done(&said.text);
    buf_done(&said.thinking);
    buf_done(&said.arguments);
}

static void test_all_dialects(void **state)
{
    (void)state;

    for (size_t from = 0; from < COUNT(dialects); from++)
        for (size_t to = 0; to < COUNT(dialects); to++) {
            for (size_t n = 1; n <= 24; n++)
                pass(dialects[from], dialects[to], false, n);
            pass(dialects[from], dialects[to], true, 1000);
        }
}

/* ---- where it is used ------------------------------------------------------------------------ */

#define DELTA(text)                                                                           \
    "{\"id\":\"c\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text \
    "\"},\"finish_reason\":null}]}"

static struct exchange exchange_of(const struct mask_map *mask)
{
    return (struct exchange){.arena = arena,
                             .request_arena = arena,
                             .dialect = LLM_OPENAI_CHAT,
                             .request = {.model = VIEW("mine"), .stream = true},
                             .answer = {.model = VIEW("mine")},
                             .mask = mask};
}

/* Between two of the same dialect: bytes pass, unless the exchange is masked. */
static void test_a_masked_exchange_is_translated(void **state)
{
    (void)state;

    for (int masked = 0; masked < 2; masked++) {
        struct exchange x = exchange_of(masked ? map : NULL);
        struct buf out = BUF_MAX(1 << 16), end = BUF_MAX(1 << 16);
        struct translation t;
        struct error err;
        unsigned kinds, seen = 0;
        assert_int_equal(translate_passes(&x, LLM_OPENAI_CHAT), !masked);
        assert_true(translate_begin(&t, &x, LLM_OPENAI_CHAT, false, arena));
        static const char *const events[] = {DELTA("Hi <PERS"), DELTA("ON_1>!"), "[DONE]"};
        for (size_t i = 0; i < COUNT(events); i++) {
            assert_true(
                translate_event(&t, VIEW_NONE, view_str(events[i]), &out, &end, &kinds, &err));
            seen |= kinds;
        }
        assert_true(seen & LLM_EVENT_CONTENT && seen & LLM_EVENT_DONE);
        bool restored = view_find(buf_view(&out), VIEW("Ann \\\"A\\\" Lee!")) != VIEW_NPOS;
        bool passed = view_find(buf_view(&out), VIEW("Hi <PERS")) != VIEW_NPOS;
        assert_int_equal(restored, masked);
        assert_int_equal(passed, !masked);
        assert_true(view_find(buf_view(&out), VIEW("\"model\":\"mine\"")) != VIEW_NPOS);
        translate_done(&t);
        buf_done(&out);
        buf_done(&end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events, open_map, close_map),
        cmocka_unit_test_setup_teardown(test_many_texts, open_map, close_map),
        cmocka_unit_test_setup_teardown(test_a_sink_that_stops, open_map, close_map),
        cmocka_unit_test_setup_teardown(test_all_dialects, open_map, close_map),
        cmocka_unit_test_setup_teardown(test_a_masked_exchange_is_translated, open_map, close_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
