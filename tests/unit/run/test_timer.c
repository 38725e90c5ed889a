#include "run/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_due_in_order(void **state)
{
    (void)state;
    static struct timer timers[500];
    struct timer_heap heap = {0};
    int64_t before = -1;
    unsigned popped = 0;

    srand(7);
    for (int i = 0; i < 500; i++)
        assert_true(timer_arm(&heap, &timers[i], rand() % 1000));
    for (int i = 0; i < 500; i += 3) /* later: lazily */
        assert_true(timer_arm(&heap, &timers[i], timers[i].deadline_ns + rand() % 1000));
    for (int i = 1; i < 500; i += 3) /* earlier: at once */
        assert_true(timer_arm(&heap, &timers[i], timers[i].deadline_ns / 2));
    timer_disarm(&timers[2]);
    timer_remove(&heap, &timers[5]);
    for (int64_t now = 0; now <= 2000; now++) {
        for (struct timer *t; (t = timer_pop_due(&heap, now));) {
            assert_true(t->deadline_ns <= now && t->deadline_ns > before);
            assert_true(t != &timers[2] && t != &timers[5]);
            popped++;
        }
        before = now - 1;
        assert_true(timer_next(&heap) > now);
    }
    assert_int_equal(popped, 498);
    assert_true(timer_next(&heap) == TIMER_NEVER);
    timer_heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_due_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
