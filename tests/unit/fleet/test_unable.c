#include "fleet/unable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_for_a_while(void **state)
{
    struct unable u = {0};

    (void)state;
    assert_false(unable_is(&u, VIEW("lab"), VIEW("m"), 5));
    unable_set(&u, VIEW("lab"), VIEW("m"), 10);
    assert_true(unable_is(&u, VIEW("lab"), VIEW("m"), 9));
    assert_false(unable_is(&u, VIEW("lab"), VIEW("m"), 10));
    assert_false(unable_is(&u, VIEW("lab"), VIEW("other"), 9));
    assert_false(unable_is(&u, VIEW("other"), VIEW("m"), 9));
    unable_set(&u, VIEW("lab"), VIEW("m"), 20);
    assert_true(unable_is(&u, VIEW("lab"), VIEW("m"), 19));
}

static void test_the_oldest_goes(void **state)
{
    struct unable u = {0};
    char name[16];

    (void)state;
    for (int i = 0; i <= UNABLE_MAX; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        unable_set(&u, VIEW("lab"), view_str(name), 100 + i);
    }
    assert_false(unable_is(&u, VIEW("lab"), VIEW("m0"), 50));
    assert_true(unable_is(&u, VIEW("lab"), VIEW("m1"), 50));
    assert_true(unable_is(&u, VIEW("lab"), view_str(name), 50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_a_while),
        cmocka_unit_test(test_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
