#include "ledger/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INSIDE(cost, other)                                                                       \
    {                                                                                             \
        .side = SIDE_INSIDE, .tokens_in = 100, .tokens_out = 10, .cost_nano = (cost),             \
        .other_cost_nano = (other), .other_model = VIEW_LIT("gpt-x"), .model = VIEW_LIT("llama"), \
        .task = VIEW_LIT("extraction"), .total_us = 1000, .first_token_us = -1                    \
    }
#define OUTSIDE(cost, other)                                                                \
    {                                                                                       \
        .side = SIDE_OUTSIDE, .tokens_in = 1000, .tokens_out = 100, .cost_nano = (cost),    \
        .other_cost_nano = (other), .model = VIEW_LIT("gpt-x"), .task = VIEW_LIT("coding"), \
        .total_us = 5000, .first_token_us = 700                                             \
    }
#define NOBODY                                                                        \
    {                                                                                 \
        .side = -1, .cost_nano = LEDGER_UNPRICED, .other_cost_nano = LEDGER_UNPRICED, \
        .total_us = 10, .first_token_us = -1                                          \
    }

enum { HOUR_MS = 3600000 };

static void sums_by_hand(void **state)
{
    static const struct {
        const char *name;
        struct ledger_record records[6];
        unsigned n;
        struct ledger_node_hours hours[3];
        unsigned n_hours;
        int64_t cost, managed, saving, busy_nano, idle_nano;
        uint64_t unpriced_inside, unpriced_outside;
        double share;
    } cases[] = {
        {.name = "nothing"},
        {
            /* Inside would have cost 900 + 300 outside; the node cost 1000: 250 busy, 750 idle. */
            .name = "a node that pays for itself",
            .records = {INSIDE(100, 900), INSIDE(150, 300), OUTSIDE(2000, 10)},
            .n = 3,
            .hours = {{0, HOUR_MS, VIEW_LIT("lab"), VIEW_LIT("n1"), HOUR_MS / 4, 1000}},
            .n_hours = 1,
            .cost = 2000 + 1000,
            .managed = 2000 + 1200,
            .saving = 1200 - 1000,
            .busy_nano = 250,
            .idle_nano = 750,
            .share = 2.0 / 3,
        },
        {
            /* Two nodes, one idle all day: the saving is a loss. */
            .name = "a node that stands about",
            .records = {INSIDE(40, 100)},
            .n = 1,
            .hours = {{0, HOUR_MS, VIEW_LIT("lab"), VIEW_LIT("n1"), HOUR_MS / 10, 400},
                      {0, 2 * HOUR_MS, VIEW_LIT("lab"), VIEW_LIT("n2"), 0, 400}},
            .n_hours = 2,
            .cost = 1200,
            .managed = 100,
            .saving = 100 - 1200,
            .busy_nano = 40,
            .idle_nano = 360 + 800,
            .share = 1,
        },
        {
            /* What has no price is in no sum, and is counted. */
            .name = "unpriced",
            .records = {INSIDE(LEDGER_UNPRICED, LEDGER_UNPRICED), INSIDE(5, 70),
                        OUTSIDE(LEDGER_UNPRICED, 3), OUTSIDE(30, LEDGER_UNPRICED), NOBODY},
            .n = 5,
            .hours = {{0, HOUR_MS, VIEW_LIT("lab"), VIEW_LIT("n1"), HOUR_MS, 0}},
            .n_hours = 1,
            .cost = 30,
            .managed = 100,
            .saving = 70,
            .unpriced_inside = 1,
            .unpriced_outside = 1,
            .share = 0.5,
        },
        {
            /* Clocks differ: never more busy time than time. */
            .name = "busier than the clock",
            .hours = {{0, HOUR_MS, VIEW_LIT("lab"), VIEW_LIT("n1"), HOUR_MS + 7, 1000}},
            .n_hours = 1,
            .cost = 1000,
            .saving = -1000,
            .busy_nano = 1000,
        },
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report r = {0};
        for (unsigned k = 0; k < cases[i].n; k++)
            report_add(&r, &cases[i].records[k]);
        for (unsigned k = 0; k < cases[i].n_hours; k++)
            report_add_hours(&r, &cases[i].hours[k]);
        print_message("%s\n", cases[i].name);
        assert_int_equal(r.requests, cases[i].n);
        assert_int_equal(report_cost_nano(&r), cases[i].cost);
        assert_int_equal(report_managed_nano(&r), cases[i].managed);
        assert_int_equal(report_saving_nano(&r), cases[i].saving);
        assert_int_equal(r.busy_nano, cases[i].busy_nano);
        assert_int_equal(r.idle_nano, cases[i].idle_nano);
        assert_int_equal(r.unpriced_inside.total, cases[i].unpriced_inside);
        assert_int_equal(r.unpriced_outside.total, cases[i].unpriced_outside);
        assert_true(report_inside_share(&r) == cases[i].share);
        /* The saving is what managed would have cost less what it did cost. */
        assert_int_equal(report_saving_nano(&r), report_managed_nano(&r) - report_cost_nano(&r));
    }
}

static void unpriced_models_are_named(void **state)
{
    struct report r = {0};
    char name[120];
    (void)state;

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "model-%d", i % 20);
        struct ledger_record record = INSIDE(1, LEDGER_UNPRICED);
        record.other_model = view_str(name);
        report_add(&r, &record);
    }
    assert_int_equal(r.unpriced_inside.total, 40);
    assert_int_equal(r.unpriced_inside.n, REPORT_NAMES);
    assert_string_equal(r.unpriced_inside.names[3].name, "model-3");
    assert_int_equal(r.unpriced_inside.names[3].count, 2);
    assert_int_equal(r.unpriced_inside.others, 2 * (20 - REPORT_NAMES));

    memset(name, 'm', sizeof(name)); /* longer than is kept: still one name */
    struct report long_named = {0};
    struct ledger_record record = OUTSIDE(LEDGER_UNPRICED, 1);
    record.model = view_of(name, sizeof(name));
    report_add(&long_named, &record);
    report_add(&long_named, &record);
    assert_int_equal(long_named.unpriced_outside.n, 1);
    assert_int_equal(long_named.unpriced_outside.names[0].count, 2);
}

static void groups_by_each_column(void **state)
{
    static const struct {
        enum report_by by;
        const char *first, *second;
        uint64_t first_requests;
    } cases[] = {
        {REPORT_BY_TASK, "extraction", "coding", 3},
        {REPORT_BY_SIDE, "inside", "outside", 3},
        {REPORT_BY_MODEL, "llama", "gpt-x", 3},
        {REPORT_BY_KEY, "-", NULL, 6},
    };
    static const struct ledger_record records[] = {
        OUTSIDE(2000, 10),           INSIDE(100, 900), NOBODY, INSIDE(150, LEDGER_UNPRICED),
        OUTSIDE(LEDGER_UNPRICED, 5), INSIDE(7, 8),
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report_groups g = {.by = cases[i].by};
        for (size_t k = 0; k < sizeof(records) / sizeof(records[0]); k++)
            assert_true(report_group_add(&g, &records[k]));
        report_groups_sort(&g);
        assert_string_equal(g.groups[0].name, cases[i].first);
        assert_int_equal(g.groups[0].requests, cases[i].first_requests);
        if (cases[i].second) {
            assert_int_equal(g.n, 3);
            assert_string_equal(g.groups[1].name, cases[i].second);
            assert_int_equal(g.groups[0].cost_nano, 257);
            assert_int_equal(g.groups[0].other_cost_nano, 908);
            assert_int_equal(g.groups[0].other_unpriced, 1);
            assert_int_equal(g.groups[0].unpriced, 0);
            assert_int_equal(g.groups[0].tokens_in, 300);
            assert_int_equal(g.groups[1].unpriced, 1);
            assert_int_equal(g.groups[2].unpriced, 0); /* nobody answered: nothing to price */
            assert_int_equal(report_times_percentile(g.groups[0].first_token, 50), -1);
            assert_int_equal(report_times_percentile(g.groups[1].first_token, 50), 700);
        }
        report_groups_done(&g);
    }
    enum report_by by;
    assert_true(report_by_from_name(VIEW("model"), &by));
    assert_int_equal(by, REPORT_BY_MODEL);
    assert_false(report_by_from_name(VIEW("models"), &by));
}

static void percentiles(void **state)
{
    struct report_groups g = {.by = REPORT_BY_KEY};
    (void)state;

    for (int i = 1; i <= 20; i++) { /* 20, 13, 6, ...: all of 1..20, unordered */
        struct ledger_record record = INSIDE(1, 1);
        record.total_us = (i * 13) % 21;
        assert_true(report_group_add(&g, &record));
    }
    assert_int_equal(report_times_percentile(g.groups[0].total, 50), 10);
    assert_int_equal(report_times_percentile(g.groups[0].total, 95), 19);
    assert_int_equal(report_times_percentile(g.groups[0].total, 100), 20);
    for (int i = 0; i < 300000; i++) { /* past what is kept: 0..999 evenly */
        struct ledger_record record = INSIDE(1, 1);
        record.total_us = i % 1000;
        assert_true(report_group_add(&g, &record));
    }
    assert_in_range(report_times_percentile(g.groups[0].total, 50), 490, 510);
    assert_in_range(report_times_percentile(g.groups[0].total, 95), 945, 955);
    report_groups_done(&g);
}

static void groups_are_bounded(void **state)
{
    struct report_groups g = {.by = REPORT_BY_KEY};
    char name[16];
    (void)state;

    for (int i = 0; i < 1500; i++) {
        struct ledger_record record = INSIDE(1, 1);
        snprintf(name, sizeof(name), "key-%d", i);
        record.key = view_str(name);
        assert_true(report_group_add(&g, &record));
    }
    report_groups_sort(&g);
    assert_int_equal(g.n, 1001);
    assert_string_equal(g.groups[0].name, "(others)");
    assert_int_equal(g.groups[0].requests, 500);
    report_groups_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_by_hand),          cmocka_unit_test(unpriced_models_are_named),
        cmocka_unit_test(groups_by_each_column), cmocka_unit_test(percentiles),
        cmocka_unit_test(groups_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
