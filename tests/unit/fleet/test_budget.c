/* The retry budget, on given clocks. */
#include "base/clock.h"
#include "fleet/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned take_all(struct budget *b, double share, int64_t now_ns)
{
    unsigned taken = 0;

    while (taken < 10000 && budget_take(b, share, now_ns))
        taken++;
    return taken;
}

static void test_a_share_beside_a_floor(void **state)
{
    static const struct {
        unsigned requests;
        double share;
        unsigned retries;
    } table[] = {
        {0, 0.2, 10}, {1, 0.2, 11}, {100, 0.2, 30}, {1000, 0.2, 210}, {1000, 0, 10}, {50, 1, 60},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct budget b = {0};
        for (unsigned k = 0; k < table[i].requests; k++)
            budget_count(&b, (1000 + k % 10) * NS_PER_S);
        assert_int_equal(take_all(&b, table[i].share, 1009 * NS_PER_S), table[i].retries);
    }
}

static void test_it_looks_ten_seconds_back(void **state)
{
    struct budget b = {0};
    (void)state;

    for (unsigned i = 0; i < 100; i++)
        budget_count(&b, 1000 * NS_PER_S);
    assert_int_equal(take_all(&b, 0.2, 1005 * NS_PER_S), 30);
    assert_int_equal(take_all(&b, 0.2, 1009 * NS_PER_S), 0);
    assert_int_equal(take_all(&b, 0.2, 1010 * NS_PER_S), 0);  /* what was taken counts on */
    assert_int_equal(take_all(&b, 0.2, 1015 * NS_PER_S), 10); /* all of it is past */
    assert_int_equal(take_all(&b, 0.2, 5000 * NS_PER_S), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_share_beside_a_floor),
        cmocka_unit_test(test_it_looks_ten_seconds_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
