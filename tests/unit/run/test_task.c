#include "base/sanitizer.h"
#include "support.h"

#include <pthread.h>
#include <unistd.h>

/* gcc's TSan ends at 8,128 fibers. */
enum { MANY = SANITIZE_THREAD ? 4000 : 10000 };

static unsigned ended;

static void sleeper(void *arg)
{
    int64_t began = clock_mono_ns();
    assert_int_equal(task_sleep_ms((int64_t)(intptr_t)arg), WAIT_TIMEOUT);
    assert_true(clock_mono_ns() - began >= (int64_t)(intptr_t)arg * NS_PER_MS);
    ended++;
}

static void spawn_many(void *arg)
{
    (void)arg;
    struct loop *l = loop_current();
    for (intptr_t i = 0; i < MANY; i++)
        assert_non_null(task_spawn(l, "sleeper", sleeper, (void *)(i % 50)));
    assert_int_equal(loop_tasks(l), MANY + 1);
    while (ended < MANY)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
    assert_int_equal(loop_tasks(l), 1);
}

static void test_ten_thousand_tasks(void **state)
{
    (void)state;
    ended = 0;
    run_on_loop(spawn_many, NULL);
    assert_int_equal(ended, MANY);
}

static struct {
    enum wait_result first, second, uncancellable;
    bool flag;
} seen;

static void waits_for_ever(void *arg)
{
    (void)arg;
    seen.first = task_park(TIMER_NEVER, TASK_CANCELLABLE);
    seen.second = task_park(TIMER_NEVER, TASK_CANCELLABLE);
    seen.flag = task_cancelled();
    seen.uncancellable = task_park(clock_mono_ns() + 20 * NS_PER_MS, TASK_UNCANCELLABLE);
    ended++;
}

static void cancel_one(void *arg)
{
    (void)arg;
    struct task *t = task_spawn(loop_current(), "waits", waits_for_ever, NULL);
    task_yield();
    assert_int_equal(ended, 0);
    task_cancel(t);
    while (ended == 0)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
}

static void test_cancel_while_waiting(void **state)
{
    (void)state;
    ended = 0;
    run_on_loop(cancel_one, NULL);
    assert_int_equal(seen.first, WAIT_CANCELLED);
    assert_int_equal(seen.second, WAIT_CANCELLED);
    assert_true(seen.flag);
    assert_int_equal(seen.uncancellable, WAIT_TIMEOUT);
}

static void parked(void *arg)
{
    *(enum wait_result *)arg = task_park(TIMER_NEVER, TASK_CANCELLABLE);
    ended++;
}

static void wake_cases(void *arg)
{
    (void)arg;
    enum wait_result result = WAIT_TIMEOUT;
    /* A wake before the park is kept. */
    task_wake(task_current());
    assert_int_equal(task_park(TIMER_NEVER, TASK_CANCELLABLE), WAIT_READY);
    /* A deadline that has passed returns at once. */
    assert_int_equal(task_park(clock_mono_ns() - 1, TASK_CANCELLABLE), WAIT_TIMEOUT);
    struct task *t = task_spawn(loop_current(), "parked", parked, &result);
    task_yield();
    task_wake(t);
    task_wake(t); /* twice is once */
    task_yield();
    task_yield();
    assert_int_equal(ended, 1);
    assert_int_equal(result, WAIT_READY);
}

static void test_wake(void **state)
{
    (void)state;
    ended = 0;
    run_on_loop(wake_cases, NULL);
}

struct ping {
    struct loop_message message;
    struct loop *loop;
    struct task *waiter;
    int count;
};

static void pong(struct loop_message *m)
{
    struct ping *p = (struct ping *)m;
    p->count++;
    task_wake(p->waiter);
}

static void *post_from_thread(void *arg)
{
    struct ping *p = arg;
    loop_post(p->loop, &p->message);
    return NULL;
}

static void receive(void *arg)
{
    struct ping *p = arg;
    p->loop = loop_current();
    p->waiter = task_current();
    p->message.fn = pong;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, post_from_thread, p), 0);
        while (p->count == i)
            assert_int_equal(task_park(clock_mono_ns() + 20 * NS_PER_S, TASK_CANCELLABLE),
                             WAIT_READY);
        pthread_join(thread, NULL);
    }
}

static void test_messages_from_another_thread(void **state)
{
    (void)state;
    struct ping p = {0};
    run_on_loop(receive, &p);
    assert_int_equal(p.count, 200);
}

static void always_busy(void *arg)
{
    while (!*(bool *)arg)
        task_fair();
    ended++;
}

static void live_beside(void *arg)
{
    (void)arg;
    bool stop = false;
    task_spawn(loop_current(), "busy", always_busy, &stop);
    for (int i = 0; i < 3; i++)
        assert_int_equal(task_sleep_ms(2), WAIT_TIMEOUT);
    stop = true;
    while (ended == 0)
        task_yield();
}

static void test_a_busy_task_lets_others_run(void **state)
{
    (void)state;
    ended = 0;
    run_on_loop(live_beside, NULL);
}

static unsigned hook_calls;

static void hook(void *arg)
{
    (void)arg;
    hook_calls++;
}

static void yield_thrice(void *arg)
{
    (void)arg;
    hook_calls = 0;
    loop_on_turn(loop_current(), hook, NULL);
    for (int i = 0; i < 3; i++)
        task_yield();
    assert_int_equal(hook_calls, 3);
}

static void test_a_hook_runs_each_turn(void **state)
{
    (void)state;
    run_on_loop(yield_thrice, NULL);
}

static void fill(volatile char *page, size_t n, char c)
{
    for (size_t i = 0; i < n; i += 64)
        page[i] = c;
}

__attribute__((noinline)) static int deep(int depth)
{
    volatile char page[4000];
    fill(page, sizeof(page), (char)depth);
    return (depth > 0 ? deep(depth - 1) : 0) + page[64];
}

static void use_deep_stack(void *arg)
{
    (void)arg;
    ended += deep(40) > 0;
}

static void sample_stacks(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 128; i++) {
        task_spawn(loop_current(), "deep", use_deep_stack, NULL);
        task_yield();
    }
    while (ended < 128)
        task_yield();
    size_t high = loop_stack_high_water(loop_current());
    assert_true(high >= 120 * 1000);
    assert_true(high <= 256 * 1024);
}

static void test_high_water_is_seen(void **state)
{
    (void)state;
    ended = 0;
    run_on_loop(sample_stacks, NULL);
}

/* Work that arrives on a stopped loop does not keep it. */
static unsigned late_results;

static void late(void *arg)
{
    (void)arg;
    late_results += task_sleep_ms(60000) == WAIT_CANCELLED;
}

static void spawns_late(void *arg)
{
    (void)arg;
    loop_stop(loop_current());
    assert_int_equal(task_sleep_ms(60000), WAIT_CANCELLED);
    assert_non_null(task_spawn(loop_current(), "late", late, NULL));
}

static void test_a_stopped_loop_cancels_new_tasks(void **state)
{
    (void)state;
    run_on_loop(spawns_late, NULL);
    assert_int_equal(late_results, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_thousand_tasks),
        cmocka_unit_test(test_cancel_while_waiting),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_messages_from_another_thread),
        cmocka_unit_test(test_a_busy_task_lets_others_run),
        cmocka_unit_test(test_a_hook_runs_each_turn),
        cmocka_unit_test(test_high_water_is_seen),
        cmocka_unit_test(test_a_stopped_loop_cancels_new_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
