/* What a proof says of records: scans, findings, and what reached which host. */
#include "ledger/proof_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct counts {
    int64_t clean, found, failed, inside, outside;
};

struct host {
    const char *name; /* NULL: there is none */
    int64_t requests, sensitive, unscanned;
};

static void says_what_reached_a_host(void **state)
{
    static const struct {
        const char *scan, *side, *node, *findings, *sent;
        struct counts counts;
        struct host hosts[2];
    } cases[] = {
        {"", "inside", "n1", "", "", {.inside = 1}, {{NULL}}},
        {"", "", "", "", "", {.inside = 1}, {{NULL}}},
        {"", "outside", "https://h", "", "", {.outside = 1}, {{"https://h", 1, 0, 1}}},
        {"clean",
         "outside",
         "",
         "",
         "[{\"host\":\"h\",\"scan\":\"clean\",\"left\":{}}]",
         {.clean = 1},
         {{"h", 1, 0, 0}}},
        {"found", "inside", "n1", "{\"EMAIL\":2}", "", {.found = 1}, {{NULL}}},
        /* masked: found as it came, clean as it left */
        {"found",
         "outside",
         "",
         "{\"EMAIL\":2}",
         "[{\"host\":\"h\",\"scan\":\"clean\"}]",
         {.found = 1},
         {{"h", 1, 0, 0}}},
        {"found",
         "outside",
         "",
         "{\"EMAIL\":2}",
         "[{\"host\":\"h\",\"scan\":\"found\",\"left\":{\"EMAIL\":2}}]",
         {.found = 1},
         {{"h", 1, 1, 0}}},
        /* what was let pass counts even where the scan calls itself clean */
        {"found",
         "outside",
         "",
         "{\"EMAIL\":2}",
         "[{\"host\":\"h\",\"scan\":\"clean\",\"left\":{\"EMAIL\":1}}]",
         {.found = 1},
         {{"h", 1, 1, 0}}},
        {"failed",
         "outside",
         "",
         "",
         "[{\"host\":\"h\",\"scan\":\"failed\"}]",
         {.failed = 1},
         {{"h", 1, 1, 0}}},
        /* answered inside in the end, after an attempt outside */
        {"", "inside", "n1", "", "[{\"host\":\"h\"}]", {.outside = 1}, {{"h", 1, 0, 1}}},
        /* two attempts at one host are one request there */
        {"clean",
         "outside",
         "",
         "",
         "[{\"host\":\"h\",\"scan\":\"clean\"},{\"host\":\"i\",\"scan\":\"clean\"},"
         "{\"host\":\"h\"}]",
         {.clean = 1},
         {{"h", 1, 0, 1}, {"i", 1, 0, 0}}},
        {"clean",
         "outside",
         "",
         "",
         "[{\"host\":\"h\",",
         {.clean = 1},
         {{"h", 1, 0, 1}, {"(unreadable)", 1, 0, 1}}},
    };
    struct arena *scratch = arena_new(1 << 20);
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proof_answer *a = proof_answer_new(10, 20);
        struct row row = {.kind = ROW_RECORD};
        struct row_value *v = row.values;
        v[RECORD_scan] = row_text(view_str(cases[i].scan));
        v[RECORD_side] = row_text(view_str(cases[i].side));
        v[RECORD_node] = row_text(view_str(cases[i].node));
        v[RECORD_findings] = row_text(view_str(cases[i].findings));
        v[RECORD_sent] = row_text(view_str(cases[i].sent));
        static const int64_t times[] = {9, 10, 20}; /* only one of them is asked for */
        for (int k = 0; k < 3; k++) {
            v[RECORD_time_ms] = row_int(times[k]);
            proof_answer_add(a, &row, scratch);
        }
        const struct counts *c = &cases[i].counts;
        assert_int_equal(a->requests, 1);
        assert_int_equal(a->clean, c->clean);
        assert_int_equal(a->found, c->found);
        assert_int_equal(a->failed, c->failed);
        assert_int_equal(a->inside, c->inside);
        assert_int_equal(a->outside, c->outside);
        assert_int_equal(a->classes[DATA_EMAIL], cases[i].findings[0] ? 2 : 0);
        unsigned n = 0;
        for (; n < 2 && cases[i].hosts[n].name; n++) {
            const struct host *h = &cases[i].hosts[n];
            assert_true(n < a->n_hosts);
            assert_string_equal(a->hosts[n].name, h->name);
            assert_int_equal(a->hosts[n].requests, h->requests);
            assert_int_equal(a->hosts[n].sensitive, h->sensitive);
            assert_int_equal(a->hosts[n].unscanned, h->unscanned);
        }
        assert_int_equal(a->n_hosts, n);
        free(a);
    }
    arena_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_what_reached_a_host)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
