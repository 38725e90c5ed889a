#include "economics/share.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void divides_each_moment(void **state)
{
    struct share_meter m;
    (void)state;

    /* a: 10..40, b: 20..60; alone 10, both 20, b alone 20; idle 10 before and 40 after. */
    share_start(&m, 0);
    double a = share_begin(&m, 10);
    double b = share_begin(&m, 20);
    assert_int_equal(share_end(&m, a, 40), 10 + 20 / 2);
    assert_int_equal(share_idle_ns(&m, 50), 10); /* b still runs */
    assert_int_equal(share_end(&m, b, 60), 20 / 2 + 20);
    assert_int_equal(m.busy_ns, 50);
    assert_int_equal(share_idle_ns(&m, 100), 50);
    assert_int_equal(m.in_flight, 0);
}

static void clock_that_steps_back(void **state)
{
    struct share_meter m;
    (void)state;

    share_start(&m, 100);
    double a = share_begin(&m, 90);
    assert_int_equal(share_end(&m, a, 80), 0);
    assert_int_equal(share_idle_ns(&m, 50), 0);
    assert_int_equal(share_idle_ns(&m, 130), 30);
}

static void random_shares_add_up_to_busy_time(void **state)
{
    enum { ROUNDS = 50, STEPS = 2000, SLOTS = 64 };
    (void)state;

    srandom(7);
    for (int round = 0; round < ROUNDS; round++) {
        struct share_meter m;
        double begun[SLOTS];
        bool running[SLOTS] = {false};
        int64_t now = random() % 1000000000, first = now, shares = 0;
        int64_t ended = 0;

        share_start(&m, now);
        for (int step = 0; step < STEPS; step++) {
            now += random() % (round % 2 ? 2000000000 : 3);
            int slot = (int)(random() % SLOTS);
            if (running[slot]) {
                shares += share_end(&m, begun[slot], now);
                ended++;
            } else {
                begun[slot] = share_begin(&m, now);
            }
            running[slot] = !running[slot];
        }
        for (int slot = 0; slot < SLOTS; slot++)
            if (running[slot]) {
                now += random() % 1000;
                shares += share_end(&m, begun[slot], now);
                ended++;
            }
        /* Each share is rounded to a nanosecond. */
        if (llabs(shares - m.busy_ns) > ended)
            fail_msg("shares %lld, busy %lld", (long long)shares, (long long)m.busy_ns);
        assert_int_equal(m.busy_ns + share_idle_ns(&m, now), now - first);
    }
}

static void costs_an_hour(void **state)
{
    static const struct {
        int64_t share_ns, per_hour, nano;
    } cases[] = {
        {3600 * NS_PER_S, 2500000000, 2500000000},
        {NS_PER_S, 3600000000, 1000000},
        {NS_PER_MS, 2500000000, 694}, /* 694.44 */
        {0, 2500000000, 0},
        {NS_PER_S, 0, 0},
        {INT64_C(8760) * 3600 * NS_PER_S, 100000000000, INT64_C(876000000000000)},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(share_cost_nano(cases[i].share_ns, cases[i].per_hour), cases[i].nano);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divides_each_moment),
        cmocka_unit_test(clock_that_steps_back),
        cmocka_unit_test(random_shares_add_up_to_busy_time),
        cmocka_unit_test(costs_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
