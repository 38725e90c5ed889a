/* A plan as JSON and as a table. */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct plan plan;
static struct inspect_facts facts;

static int set_up(void **state)
{
    (void)state;
    facts = (struct inspect_facts){.task = TASK_CODING,
                                   .confidence = 0.91234,
                                   .complexity = 0.5,
                                   .tokens_in = 812,
                                   .why = "a fenced block of code"};
    plan = (struct plan){.task = TASK_CODING,
                         .placement = PLACE_OUTSIDE,
                         .because = VIEW("matrix: coding goes outside")};
    plan.candidates[plan.n_candidates++] =
        (struct plan_candidate){.side = SIDE_OUTSIDE,
                                .backend_name = VIEW("openai"),
                                .model = VIEW("gpt-5-mini"),
                                .reason = VIEW("matrix: coding goes outside"),
                                .available = true};
    return 0;
}

static void assert_json(const char *expected)
{
    struct buf out = BUF_MAX(4096);
    plan_write_json(&plan, &facts, &out);
    assert_true(buf_ok(&out));
    buf_append_char(&out, 0);
    assert_string_equal(out.p, expected);
    buf_done(&out);
}

static void json_holds_what_is_there(void **state)
{
    (void)state;
    assert_json("{\"task\":\"coding\",\"confidence\":0.912,\"complexity\":0.5,\"tokens_in\":812,"
                "\"cue\":\"a fenced block of code\",\"placement\":\"outside\","
                "\"because\":\"matrix: coding goes outside\",\"candidates\":[{\"backend\":"
                "\"openai\",\"side\":\"outside\",\"model\":\"gpt-5-mini\",\"reason\":\"matrix: "
                "coding goes outside\"}]}");
}

static void json_of_more(void **state)
{
    (void)state;
    facts.task = TASK_CREATIVE;
    facts.why = NULL;
    plan.alias = VIEW("claude-*");
    plan.pinned = true;
    plan.n_candidates = 0;
    plan.skipped[plan.n_skipped++] =
        (struct plan_skipped){.backend_name = VIEW("a\"b\n"), .reason = VIEW("no tools")};
    assert_json("{\"task\":\"coding\",\"looked_like\":\"creative\",\"confidence\":0.912,"
                "\"complexity\":0.5,\"tokens_in\":812,\"placement\":\"outside\",\"because\":"
                "\"matrix: coding goes outside\",\"alias\":\"claude-*\",\"pinned\":true,"
                "\"candidates\":[],\"skipped\":[{\"backend\":\"a\\\"b\\n\",\"reason\":\"no "
                "tools\"}]}");
}

static void table_shows_all_and_no_control_characters(void **state)
{
    (void)state;
    plan.skipped[plan.n_skipped++] =
        (struct plan_skipped){.backend_name = VIEW("lab\x1b[31m"),
                              .model = VIEW("qwen"),
                              .reason = VIEW("window 4096 < 5210 tokens")};
    struct buf out = BUF_MAX(4096);
    plan_write_table(&plan, &facts, &out);
    buf_append_char(&out, 0);
    assert_true(buf_ok(&out));
    assert_non_null(
        strstr(out.p, "task        coding (confidence 0.91: a fenced block of code)\n"));
    assert_non_null(strstr(out.p, "because     matrix: coding goes outside"));
    assert_non_null(strstr(out.p, "  1  openai    outside  gpt-5-mini  matrix: coding"));
    assert_non_null(strstr(out.p, "  -  lab?[31m  -        qwen        window 4096 < 5210 tokens"));
    assert_null(strchr(out.p, '\x1b'));
    buf_done(&out);
}

static void full_buffer_fails_quietly(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(40);
    plan_write_json(&plan, &facts, &out);
    assert_false(buf_ok(&out));
    buf_reset(&out);
    plan_write_table(&plan, &facts, &out);
    assert_false(buf_ok(&out));
    buf_done(&out);
}

static void text_of(const struct plan *p, const struct inspect_facts *f, struct buf *out)
{
    plan_write_json(p, f, out);
    plan_write_table(p, f, out);
    buf_append_char(out, 0);
    assert_true(buf_ok(out));
}

static void assert_brief(const char *expected)
{
    struct arena *a = arena_new(64 << 10);
    struct buf brief = BUF_MAX(4096), before = BUF_MAX(4096), after = BUF_MAX(4096);
    struct plan read = {.task = plan.task, .alias = plan.alias};
    struct inspect_facts read_facts = {.confidence = facts.confidence,
                                       .complexity = facts.complexity};

    plan_write_brief(&plan, &facts, &brief);
    assert_true(buf_ok(&brief));
    assert_true(plan_read_brief(buf_view(&brief), a, &read, &read_facts));
    text_of(&plan, &facts, &before);
    text_of(&read, &read_facts, &after);
    assert_string_equal(after.p, before.p);
    buf_append_char(&brief, 0);
    assert_string_equal(brief.p, expected);
    buf_done(&brief);
    buf_done(&before);
    buf_done(&after);
    arena_free(a);
}

static void brief_says_the_same(void **state)
{
    (void)state;
    assert_brief("{\"tokens\":812,\"cue\":\"a fenced block of code\",\"place\":\"outside\","
                 "\"because\":\"matrix: coding goes outside\","
                 "\"try\":[[\"openai\",\"outside\",\"gpt-5-mini\"]]}");

    facts.task = TASK_CREATIVE;
    facts.why = NULL;
    plan.alias = VIEW("claude-*");
    plan.pinned = true;
    plan.placement = PLACE_BY_COMPLEXITY;
    plan.candidates[plan.n_candidates++] = (struct plan_candidate){
        .side = SIDE_INSIDE, .backend_name = VIEW("l\"ab"), .reason = VIEW("fallback: other side")};
    plan.candidates[plan.n_candidates++] =
        (struct plan_candidate){.side = SIDE_INSIDE, .backend_name = VIEW("lab")};
    plan.skipped[plan.n_skipped++] =
        (struct plan_skipped){.backend_name = VIEW("a\"b\n"), .reason = VIEW("no tools")};
    assert_brief(
        "{\"tokens\":812,\"like\":\"creative\",\"place\":\"by_complexity\",\"because\":"
        "\"matrix: coding goes outside\",\"pinned\":true,\"try\":[[\"openai\",\"outside\","
        "\"gpt-5-mini\"],[\"l\\\"ab\",\"inside\",\"\",\"fallback: other side\"],"
        "[\"lab\",\"inside\",\"\",\"\"]],\"left_out\":[[\"a\\\"b\\n\",\"\",\"no tools\"]]}");

    plan = (struct plan){.task = TASK_GENERAL}; /* refused before it was placed */
    assert_brief("{\"tokens\":812,\"like\":\"creative\",\"try\":[]}");
}

static void what_is_no_brief_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{} {}",
        "{\"task\":\"coding\",\"candidates\":[]}",
        "{\"tokens\":-1}",
        "{\"tokens\":4294967296}",
        "{\"tokens\":1,\"tokens\":1}",
        "{\"like\":\"dancing\"}",
        "{\"place\":\"nowhere\"}",
        "{\"place\":2}",
        "{\"pinned\":1}",
        "{\"try\":[[\"lab\",\"inside\"]]}",
        "{\"try\":[[\"lab\",\"beside\",\"m\"]]}",
        "{\"try\":[[\"lab\",\"inside\",\"m\",\"r\",\"more\"]]}",
        "{\"try\":[[\"lab\",\"inside\",3]]}",
        "{\"try\":[\"lab\"]}",
        "{\"try\":[[\"lab\",\"inside\",\"m\"]",
        "{\"left_out\":[[\"lab\",\"m\"]]}",
        "{\"left_out\":{}}",
    };
    struct arena *a = arena_new(64 << 10);
    struct buf many = BUF_MAX(4096);
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct plan p = {0};
        struct inspect_facts f = {0};
        if (plan_read_brief(view_str(texts[i]), a, &p, &f))
            fail_msg("taken: %s", texts[i]);
    }
    buf_append_lit(&many, "{\"try\":[");
    for (int i = 0; i <= PLAN_MAX_CANDIDATES; i++)
        buf_printf(&many, "%s[\"lab\",\"inside\",\"m\"]", i ? "," : "");
    buf_append_lit(&many, "]}");
    struct plan p = {0};
    struct inspect_facts f = {0};
    assert_false(plan_read_brief(buf_view(&many), a, &p, &f));
    buf_done(&many);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(json_holds_what_is_there, set_up),
        cmocka_unit_test_setup(json_of_more, set_up),
        cmocka_unit_test_setup(table_shows_all_and_no_control_characters, set_up),
        cmocka_unit_test_setup(full_buffer_fails_quietly, set_up),
        cmocka_unit_test_setup(brief_says_the_same, set_up),
        cmocka_unit_test_setup(what_is_no_brief_is_refused, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
