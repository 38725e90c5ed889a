/* Whose thinking it was: marked for clients of other dialects, told to none but its provider. */
#include "llm/dialects.h"
#include "llm/proof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;
static struct error err;

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

static void expect_view(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("\ngot  %.*s\nwant %s", VIEW_ARG(got), want);
}

static void test_mark(void **state)
{
    static const struct {
        enum llm_dialect made_by;
        struct llm_ev ev;
        uint64_t bytes;
        const char *marked;
    } rows[] = {
        {LLM_ANTHROPIC, {.text = VIEW_LIT("EqQB.x")}, 12, "weir.anthropic.12.EqQB.x"},
        {LLM_ANTHROPIC,
         {.text = VIEW_LIT("EmwK"), .name = VIEW_LIT("redacted_thinking")},
         0,
         "weir.anthropic.redacted.EmwK"},
        {LLM_OPENAI_RESPONSES,
         {.text = VIEW_LIT("gAAA"), .id = VIEW_LIT("rs_1")},
         12,
         "weir.openai-responses.rs_1.gAAA"},
        {LLM_OPENAI_CHAT, {.kind = LLM_EV_SIGNATURE}, 12, "weir.openai-chat.12."},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++)
        expect_view(llm_proof_mark(rows[i].made_by, &rows[i].ev, rows[i].bytes, arena),
                    rows[i].marked);
}

static void test_read(void **state)
{
    static const struct {
        enum llm_dialect client;
        const char *sent, *thinking;
        bool marked, redacted;
        const char *anthropic, *responses; /* what providers of these are told */
        const char *id;
    } rows[] = {
        {LLM_ANTHROPIC, "EqQB", "Hm.", false, false, "EqQB", "", ""},
        {LLM_OPENAI_RESPONSES, "gAAA", "Hm.", false, false, "", "gAAA", ""},
        {LLM_OPENAI_RESPONSES, "weir.anthropic.3.EqQB", "Hm.", true, false, "EqQB", "", ""},
        {LLM_OPENAI_RESPONSES, "weir.anthropic.3.EqQB", "Hm", true, false, "", "", ""},
        {LLM_OPENAI_RESPONSES, "weir.anthropic.3.EqQB", "", true, false, "", "", ""},
        {LLM_OPENAI_RESPONSES, "weir.anthropic.redacted.EmwK", "", true, true, "EmwK", "", ""},
        {LLM_ANTHROPIC, "weir.openai-responses.rs_1.gA.A", "Hm", true, false, "", "gA.A", "rs_1"},
        {LLM_ANTHROPIC, "weir.openai-chat.3.", "Hm.", true, false, "", "", ""},
        /* cut short, or made up */
        {LLM_ANTHROPIC, "weir.", "Hm.", true, false, "", "", ""},
        {LLM_ANTHROPIC, "weir.anthropic", "Hm.", true, false, "", "", ""},
        {LLM_ANTHROPIC, "weir.anthropic.x.EqQB", "Hm.", true, false, "", "", ""},
        {LLM_ANTHROPIC, "weir.nobody.3.EqQB", "Hm.", true, false, "", "", ""},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_part part = {.kind = LLM_PART_THINKING, .text = view_str(rows[i].thinking)};
        bool marked = llm_proof_read(rows[i].client, view_str(rows[i].sent), &part);
        if (marked != rows[i].marked || part.redacted != rows[i].redacted)
            fail_msg("row %zu: marked %d, redacted %d", i, marked, part.redacted);
        expect_view(llm_proof_for(LLM_ANTHROPIC, &part), rows[i].anthropic);
        expect_view(llm_proof_for(LLM_OPENAI_RESPONSES, &part), rows[i].responses);
        expect_view(part.id, rows[i].id);
    }
}

/* ---- a provider of the client's own dialect -------------------------------------------------- */

#define CLAUDE(content)                                                                       \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}," \
    "{\"role\":\"assistant\",\"content\":[" content "]},{\"role\":\"user\",\"content\":\"So?\"}]}"
#define OWN   "{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":\"EqQB\"}"
#define OTHER "{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":\"weir.openai-chat.3.\"}"
#define ANOTHER \
    "{\"signature\":\"weir.openai-responses.rs_1.gA\",\"thinking\":\"\",\"type\":\"thinking\"}"
#define TEXT       "{\"type\":\"text\",\"text\":\"[,]\"}"
#define GPT(items) "{\"input\":[" items "],\"model\":\"m\"}"
#define ASKED      "{\"role\":\"user\",\"content\":\"Hi\"}"
#define REASONING(proof) \
    "{\"type\":\"reasoning\",\"id\":\"rs_0\",\"summary\":[],\"encrypted_content\":\"" proof "\"}"

static void test_pass(void **state)
{
    static const struct {
        enum llm_dialect dialect;
        const char *sent, *passed; /* NULL: the same bytes */
    } rows[] = {
        {LLM_ANTHROPIC, CLAUDE(OWN "," TEXT), NULL},
        {LLM_ANTHROPIC, CLAUDE(OTHER "," TEXT), CLAUDE(TEXT)},
        {LLM_ANTHROPIC, CLAUDE(" " OTHER " , " ANOTHER "," TEXT), CLAUDE("  " TEXT)},
        {LLM_ANTHROPIC, CLAUDE(TEXT ", " OTHER "," ANOTHER), CLAUDE(TEXT)},
        {LLM_ANTHROPIC, CLAUDE(OWN "," OTHER "," TEXT "," ANOTHER "," TEXT),
         CLAUDE(OWN "," TEXT "," TEXT)},
        {LLM_OPENAI_RESPONSES, GPT(ASKED "," REASONING("gA")), NULL},
        {LLM_OPENAI_RESPONSES, GPT(REASONING("weir.anthropic.0.Eq") "," ASKED), GPT(ASKED)},
        {LLM_OPENAI_RESPONSES, GPT(ASKED "," REASONING("weir.anthropic.redacted.Eq") "," ASKED),
         GPT(ASKED "," ASKED)},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_request request;
        struct llm_rewrite rewrite = {.model = VIEW("m")};
        struct llm_body body;
        struct view notes;
        struct buf got = BUF_MAX(1 << 16);
        if (!llm_request_read(rows[i].dialect, view_str(rows[i].sent), arena, &request, &err) ||
            !llm_request_write(&request, &rewrite, arena, &body, &notes, &err))
            fail_msg("row %zu: %s", i, err.text);
        for (unsigned k = 0; k < body.n; k++)
            buf_append(&got, body.pieces[k]);
        expect_view(buf_view(&got), rows[i].passed ? rows[i].passed : rows[i].sent);
        expect_view(notes, rows[i].passed ? "others' thinking dropped" : "");
        buf_done(&got);
    }
}

/* ---- a provider of another dialect ----------------------------------------------------------- */

static void test_translated(void **state)
{
    static const struct {
        enum llm_dialect client, backend;
        const char *sent, *holds, *lacks, *note;
    } rows[] = {
        {LLM_ANTHROPIC, LLM_OPENAI_RESPONSES,
         CLAUDE("{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":"
                "\"weir.openai-responses.rs_1.gA\"}," TEXT),
         "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":"
         "\"Hm.\"}],\"encrypted_content\":\"gA\"}",
         "weir.", ""},
        {LLM_ANTHROPIC, LLM_OPENAI_RESPONSES, CLAUDE(OWN "," TEXT), "\"text\":\"Hm.\"", "EqQB",
         "others' signatures dropped"},
        {LLM_OPENAI_RESPONSES, LLM_ANTHROPIC,
         GPT(ASKED "," REASONING(
             "weir.anthropic.redacted.Em") ","
                                           "{\"role\":\"assistant\",\"content\":\"Hi.\"}," ASKED),
         "{\"type\":\"redacted_thinking\",\"data\":\"Em\"}", "weir.", ""},
        {LLM_OPENAI_RESPONSES, LLM_ANTHROPIC, GPT(ASKED "," REASONING("gA") "," ASKED), "\"Hi\"",
         "gA", "reasoning of earlier turns dropped"},
        {LLM_ANTHROPIC, LLM_OLLAMA, CLAUDE(OTHER "," TEXT), "\"thinking\":\"Hm.\"", "weir.", ""},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_neutral n;
        struct llm_rewrite rewrite = {.model = VIEW("m")};
        struct buf out = BUF_MAX(1 << 16), notes = BUF_MAX(1 << 10);
        if (!llm_dialect(rows[i].client)->request_read(view_str(rows[i].sent), arena, &n, &err) ||
            !llm_dialect(rows[i].backend)->request_write(&n, &rewrite, &out, &notes, &err))
            fail_msg("row %zu: %s", i, err.text);
        if (view_find(buf_view(&out), view_str(rows[i].holds)) == VIEW_NPOS ||
            view_find(buf_view(&out), view_str(rows[i].lacks)) != VIEW_NPOS ||
            view_find(buf_view(&notes), view_str(rows[i].note)) == VIEW_NPOS)
            fail_msg("row %zu: %.*s\nnotes %.*s", i, VIEW_ARG(buf_view(&out)),
                     VIEW_ARG(buf_view(&notes)));
        buf_done(&out);
        buf_done(&notes);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_mark), TEST(test_read), TEST(test_pass),
                                       TEST(test_translated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
