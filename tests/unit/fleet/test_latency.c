/* The sketch of waits, with clocks given by hand. */
#include "fleet/latency.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Within 7 % of the truth, or the width of the smallest bucket. */
static void expect_near(int64_t got, int64_t want)
{
    int64_t slack = want * 7 / 100 + 140 * NS_PER_US;

    if (got < want - slack || got > want + slack)
        fail_msg("%lld us instead of %lld", (long long)(got / NS_PER_US),
                 (long long)(want / NS_PER_US));
}

static void test_nothing_is_known_at_first(void **state)
{
    struct latency l = {0};
    (void)state;

    assert_int_equal(latency_quantile(&l, 0.5, 1), -1);
    assert_int_equal(latency_count(&l, 1), 0);
}

static void test_one_value_is_every_quantile(void **state)
{
    static const int64_t ms[] = {0, 1, 7, 100, 950, 30000, 600000};
    (void)state;

    for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
        struct latency l = {0};
        latency_add(&l, ms[i] * NS_PER_MS, 1);
        for (int q = 0; q <= 100; q += 5)
            assert_true(latency_quantile(&l, q / 100.0, 1) >= 0);
        expect_near(latency_quantile(&l, 0.95, 1), ms[i] * NS_PER_MS);
    }
}

/* What no answer takes is kept in the last bucket, and what a clock did backwards in the first. */
static void test_the_ends(void **state)
{
    struct latency l = {0};
    (void)state;

    latency_add(&l, INT64_MAX, 1);
    assert_true(latency_quantile(&l, 1, 1) > 600 * NS_PER_S);
    l = (struct latency){0};
    latency_add(&l, -5, 1);
    assert_true(latency_quantile(&l, 1, 1) < NS_PER_MS);
}

static void test_quantiles_of_many(void **state)
{
    enum { N = 2000 };
    static int64_t all[N];
    static const double quantiles[] = {0.05, 0.5, 0.9, 0.95, 0.99};
    struct latency l = {0};
    uint64_t seed = 7;
    (void)state;

    for (int i = 0; i < N; i++) { /* from 20 ms to 20 s, the small ones more often */
        seed = seed * UINT64_C(6364136223846793005) + 1;
        double u = (double)(seed >> 40) / (1 << 24);
        all[i] = (int64_t)((20 + 20000 * u * u * u) * NS_PER_MS);
        latency_add(&l, all[i], 1 + i);
    }
    qsort(all, N, sizeof(all[0]), by_size);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        expect_near(latency_quantile(&l, quantiles[i], N), all[(int)(quantiles[i] * N)]);
}

/* Old news counts for one turn more, then not at all. */
static void test_the_last_minutes_count(void **state)
{
    struct latency l = {0};
    int64_t now = 5 * NS_PER_S;
    (void)state;

    for (int i = 0; i < 100; i++)
        latency_add(&l, 2 * NS_PER_S, now);
    now += LATENCY_TURN_NS;
    for (int i = 0; i < 100; i++)
        latency_add(&l, 100 * NS_PER_MS, now);
    assert_int_equal(latency_count(&l, now), 200);
    expect_near(latency_quantile(&l, 0.95, now), 2 * NS_PER_S);
    now += LATENCY_TURN_NS;
    assert_int_equal(latency_count(&l, now), 100);
    expect_near(latency_quantile(&l, 0.95, now), 100 * NS_PER_MS);
    now += 2 * LATENCY_TURN_NS;
    assert_int_equal(latency_quantile(&l, 0.95, now), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_known_at_first),
        cmocka_unit_test(test_one_value_is_every_quantile),
        cmocka_unit_test(test_the_ends),
        cmocka_unit_test(test_quantiles_of_many),
        cmocka_unit_test(test_the_last_minutes_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
