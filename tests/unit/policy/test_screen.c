/* What was found decides who may still be asked: mode by mode, and what stands in the plan. */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BIT(class) (UINT32_C(1) << DATA_##class)

struct world {
    struct arena *arena;
    uint8_t modes[DATA_CLASSES];
    uint16_t counts[DATA_CLASSES];
    struct plan plan;
    struct error err;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    *state = w;
    if (!w)
        return 1;
    w->arena = arena_new(1 << 20);
    memset(w->modes, DATA_LOCAL, sizeof(w->modes));
    w->modes[DATA_EMAIL] = DATA_MASK;
    w->modes[DATA_PHONE] = DATA_MASK;
    w->modes[DATA_IP_ADDRESS] = DATA_ALLOW;
    w->modes[DATA_PASSWORD] = DATA_BLOCK;
    w->plan.modes = w->modes;
    w->plan.modes_because = VIEW("perimeter.modes");
    w->plan.candidates[0] = (struct plan_candidate){
        0, SIDE_OUTSIDE, VIEW("cloud"), VIEW("large"), VIEW("matrix"), true, false, true};
    w->plan.candidates[1] = (struct plan_candidate){
        1, SIDE_INSIDE, VIEW("lab"), VIEW("small"), VIEW("fallback"), true, false, false};
    w->plan.candidates[2] = (struct plan_candidate){
        2, SIDE_OUTSIDE, VIEW("other"), VIEW("vast"), VIEW("fallback"), true, false, true};
    w->plan.n_candidates = 3;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    arena_free(w->arena);
    free(w);
    return 0;
}

static bool screen(struct world *w, uint32_t classes, uint32_t unmaskable)
{
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        w->counts[i] = classes >> i & 1 ? 2 : 0;
    struct policy_findings found = {classes ? PLAN_FOUND : PLAN_CLEAN, classes, unmaskable,
                                    w->counts};
    return policy_screen(&found, w->arena, &w->plan, &w->err);
}

static bool outside_is_barred(const struct world *w)
{
    assert_false(w->plan.candidates[1].barred); /* inside never is */
    assert_int_equal(w->plan.candidates[0].barred, w->plan.candidates[2].barred);
    return w->plan.candidates[0].barred;
}

static void test_modes(void **state)
{
    struct world *w = *state;
    static const struct {
        uint32_t classes, unmaskable;
        enum data_mode mode;
        bool barred;
    } cases[] = {
        {0, 0, DATA_ALLOW, false},
        {BIT(IP_ADDRESS), 0, DATA_ALLOW, false},
        {BIT(IP_ADDRESS), BIT(IP_ADDRESS), DATA_ALLOW, false},
        {BIT(EMAIL), 0, DATA_MASK, false},
        {BIT(EMAIL) | BIT(IP_ADDRESS), BIT(IP_ADDRESS), DATA_MASK, false},
        {BIT(EMAIL) | BIT(PHONE), BIT(PHONE), DATA_LOCAL, true}, /* a mask would leave it there */
        {BIT(PERSON), 0, DATA_LOCAL, true},
        {BIT(PERSON) | BIT(EMAIL), 0, DATA_LOCAL, true},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plan before = w->plan;
        assert_true(screen(w, cases[i].classes, cases[i].unmaskable));
        assert_int_equal(w->plan.mode, cases[i].mode);
        assert_int_equal(outside_is_barred(w), cases[i].barred);
        assert_int_equal(w->plan.n_skipped, cases[i].barred ? 2 : 0);
        w->plan = before;
    }
}

/* A split has its digest and its completion written inside. */
static void test_split_needs_inside(void **state)
{
    struct world *w = *state;

    w->modes[DATA_PERSON] = DATA_SPLIT;
    struct plan before = w->plan;
    assert_true(screen(w, BIT(PERSON), 0));
    assert_int_equal(w->plan.mode, DATA_SPLIT);
    assert_false(outside_is_barred(w));
    w->plan = before;
    w->plan.n_candidates = 1;
    assert_false(screen(w, BIT(PERSON), 0));
    assert_int_equal(w->err.code, ERROR_SENSITIVE);
}

static void test_reasons(void **state)
{
    struct world *w = *state;
    struct buf out = BUF_MAX(1 << 16);
    struct inspect_facts facts = {0};

    assert_true(screen(w, BIT(PERSON) | BIT(IBAN), 0));
    assert_true(view_eq(w->plan.skipped[0].reason, VIEW("holds PERSON 2, IBAN 2: stays inside")));
    plan_write_json(&w->plan, &facts, &out);
    struct view json = buf_view(&out);
    assert_int_not_equal(view_find(json, VIEW("\"mode\":\"local\"")), VIEW_NPOS);
    /* the barred ones are no candidates any more */
    struct view candidates = view_skip(json, view_find(json, VIEW("\"candidates\":")));
    candidates = view_first(candidates, view_find(candidates, VIEW("\"skipped\"")));
    assert_int_equal(view_find(candidates, VIEW("cloud")), VIEW_NPOS);
    assert_int_not_equal(view_find(candidates, VIEW("lab")), VIEW_NPOS);
    buf_done(&out);
}

static void test_brief(void **state)
{
    struct world *w = *state;
    struct buf out = BUF_MAX(1 << 16);
    struct inspect_facts facts = {0}, read_facts = {0};
    struct plan *read = arena_new_of(w->arena, struct plan);

    assert_true(screen(w, BIT(PERSON), 0));
    plan_write_brief(&w->plan, &facts, &out);
    assert_true(plan_read_brief(buf_view(&out), w->arena, read, &read_facts));
    assert_int_equal(read->n_candidates, 1);
    assert_int_equal(read->scan, PLAN_FOUND);
    assert_int_equal(read->mode, DATA_LOCAL);
    assert_true(view_eq(read->found, VIEW("PERSON 2")));
    buf_done(&out);
}

static void test_block(void **state)
{
    struct world *w = *state;

    assert_false(screen(w, BIT(PASSWORD) | BIT(EMAIL), 0));
    assert_int_equal(w->err.code, ERROR_SENSITIVE);
}

static void test_nobody_inside(void **state)
{
    struct world *w = *state;

    w->plan.n_candidates = 1;
    assert_false(screen(w, BIT(PERSON), 0));
    assert_int_equal(w->err.code, ERROR_SENSITIVE);
    assert_int_not_equal(view_find(view_str(w->err.text), VIEW("PERSON 2")), VIEW_NPOS);
}

static void test_a_failed_scan_stays_inside(void **state)
{
    struct world *w = *state;
    struct policy_findings failed = {.scan = PLAN_SCAN_FAILED};

    assert_true(policy_screen(&failed, w->arena, &w->plan, &w->err));
    assert_true(outside_is_barred(w));
    w->plan.n_candidates = 1;
    assert_false(policy_screen(&failed, w->arena, &w->plan, &w->err));
    assert_int_equal(w->err.code, ERROR_SENSITIVE);
}

static void test_not_scanned_changes_nothing(void **state)
{
    struct world *w = *state;
    struct policy_findings none = {.scan = PLAN_NOT_SCANNED};

    assert_true(policy_screen(&none, w->arena, &w->plan, &w->err));
    assert_false(outside_is_barred(w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_split_needs_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reasons, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_brief, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_scan_stays_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_scanned_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
