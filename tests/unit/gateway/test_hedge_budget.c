/* The share of streams that may be hedged. */
#include "gateway/hedge_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned spend_all(struct hedge_budget *b)
{
    unsigned n = 0;

    while (hedge_budget_spend(b))
        n++;
    return n;
}

/* Who hedges whenever it may stays at the share, after any number of streams. */
static void test_never_more_than_the_share(void **state)
{
    static const double shares[] = {0.001, 0.05, 0.3, 1};
    (void)state;

    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct hedge_budget b = {0};
        unsigned hedges = 0;
        for (unsigned streams = 1; streams <= 5000; streams++) {
            hedge_budget_earn(&b, shares[i]);
            hedges += spend_all(&b);
            assert_true(hedges <= shares[i] * streams + 1e-9);
        }
        assert_true(hedges + 1 >= shares[i] * 5000);
    }
}

static void test_what_is_saved_up_has_an_end(void **state)
{
    static const struct {
        double share;
        unsigned most;
    } rows[] = {{0.001, 1}, {0.05, 10}, {0.5, 100}};
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hedge_budget b = {0};
        for (unsigned n = 0; n < 100000; n++)
            hedge_budget_earn(&b, rows[i].share);
        assert_true(hedge_budget_has(&b));
        assert_int_equal(spend_all(&b), rows[i].most);
        assert_false(hedge_budget_has(&b));
    }
}

static void test_what_was_not_begun_comes_back(void **state)
{
    struct hedge_budget b = {0};
    (void)state;

    hedge_budget_earn(&b, 1);
    assert_true(hedge_budget_spend(&b));
    assert_false(hedge_budget_has(&b));
    hedge_budget_give_back(&b);
    assert_int_equal(spend_all(&b), 1);
}

/* A reload that lowers the share takes effect at once. */
static void test_a_lower_share_cuts_the_credit(void **state)
{
    struct hedge_budget b = {0};
    (void)state;

    for (unsigned n = 0; n < 1000; n++)
        hedge_budget_earn(&b, 0.5);
    hedge_budget_earn(&b, 0.01);
    assert_int_equal(spend_all(&b), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_more_than_the_share),
        cmocka_unit_test(test_what_is_saved_up_has_an_end),
        cmocka_unit_test(test_what_was_not_begun_comes_back),
        cmocka_unit_test(test_a_lower_share_cuts_the_credit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
