/* What is told of backends that overflow: it begins at once and changes seldom. */
#include "gateway/saturation.h"

#include "../fleet/support.h"

#include "base/log.h"
#include "fleet/overflow.h"

enum { LOOK_MS = 200 };

static int teardown(void **state)
{
    (void)state;
    node_free_all();
    return 0;
}

/* Seconds, and what is so at each look until then. */
struct phase {
    double until;
    enum { FREE, BUSY, FULL, DOWN } what; /* of four seats 2 or 3 are taken, or all and more */
};

static const struct {
    const char *name;
    struct phase phases[8]; /* the last has no time */
    const char *changes;    /* at which seconds, rounded */
} cases[] = {
    {"nothing", {{10, FREE}}, ""},
    {"full and at rest", {{2, FULL}, {20, FREE}}, "0 5"},
    {"it has room, but is no more at rest", {{2, FULL}, {9, BUSY}, {20, FREE}}, "0 12"},
    {"never at rest", {{2, FULL}, {100, BUSY}}, "0 62"},
    {"now and then at rest", {{1, FULL}, {3, FREE}, {3.2, BUSY}, {20, FREE}}, "0 6"},
    {"now and then full", {{1, FULL}, {3, FREE}, {4, FULL}, {20, FREE}}, "0 7"},
    {"again and again",
     {{1, FULL}, {6, FREE}, {7, FULL}, {60, FREE}, {61, FULL}, {200, FREE}},
     "0 4 6 121"},
    {"again after a long time", {{1, FULL}, {90, FREE}, {91, FULL}, {100, FREE}}, "0 4 90 94"},
    {"it went down while it was full", {{1, FULL}, {20, DOWN}}, "0 4"},
};

static void set(struct node *n, int what)
{
    static const unsigned in_flight[] = {2, 3, 8, 0};

    atomic_store(&n->in_flight, in_flight[what]);
    atomic_store(&n->open, what == DOWN);
}

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fleet *f = fleet_of(
            "backends:\n"
            "  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n"
            "  - {name: out, side: outside, engine: openai, url: 'https://a.test', models: [m]}\n");
        struct node *n = node_of(f, 0, 0);
        struct saturation s = {.n = 0};
        struct buf changes = BUF_MAX(256);
        int64_t begin = 1000 * NS_PER_S, now = begin;
        bool overflows = false;
        pace_tell_width(&n->pace, 4);
        for (const struct phase *p = cases[i].phases; p->until > 0; p++) {
            set(n, p->what);
            for (; (double)(now - begin) < p->until * NS_PER_S; now += LOOK_MS * NS_PER_MS) {
                saturation_look(&s, f, now);
                const struct saturation_state *lab = saturation_of(&s, VIEW("lab"));
                if (lab->overflows != overflows)
                    buf_printf(&changes, "%s%.0f", changes.len ? " " : "",
                               (double)(now - begin) / NS_PER_S);
                overflows = lab->overflows;
            }
        }
        if (!view_eq(buf_view(&changes), view_str(cases[i].changes)))
            fail_msg("%s: %.*s", cases[i].name, VIEW_ARG(buf_view(&changes)));
        assert_null(saturation_of(&s, VIEW("out"))); /* nobody is kept from the outside */
        buf_done(&changes);
        fleet_unref(f);
        node_free_all();
    }
}

/* A request that passed between two looks is no less true. */
static void test_who_passed_between_two_looks(void **state)
{
    struct fleet *f = fleet_of(
        "backends:\n  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n");
    struct node *n = node_of(f, 0, 0);
    struct fleet_wish wish = {.model = VIEW("m"), .roomy = true};
    struct fleet_tried tried = {0}, all = {0};
    struct saturation s = {.n = 0};
    (void)state;

    pace_tell_width(&n->pace, 4);
    set(n, FREE);
    assert_false(overflow_passes(f, &wish, &tried));
    saturation_look(&s, f, NS_PER_S);
    assert_false(saturation_of(&s, VIEW("lab"))->overflows);
    set(n, FULL);
    fleet_mark_tried(&all, 0);
    assert_false(overflow_passes(f, &wish, &all)); /* it was asked already */
    assert_true(overflow_passes(f, &wish, &tried));
    set(n, FREE);
    saturation_look(&s, f, 2 * NS_PER_S);
    assert_true(saturation_of(&s, VIEW("lab"))->overflows);
    assert_false(overflow_take_pressed(f, 0)); /* it was taken */
    fleet_unref(f);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_changes),
        TEST(test_who_passed_between_two_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
