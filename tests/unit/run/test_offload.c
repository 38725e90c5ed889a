#include "base/sanitizer.h"
#include "run/resolver.h"
#include "support.h"

#include <stdlib.h>
#include <unistd.h>

struct slow {
    struct offload_job job;
    int ms;
    int result;
};

static atomic_int dropped, started;

static void run_slow(struct offload_job *job)
{
    struct slow *s = (struct slow *)job;
    atomic_fetch_add(&started, 1);
    usleep((unsigned)s->ms * 1000);
    s->result = s->ms * 2;
}

static void drop_slow(struct offload_job *job)
{
    free(job);
    atomic_fetch_add(&dropped, 1);
}

static struct slow *slow_new(int ms)
{
    struct slow *s = calloc(1, sizeof(*s));
    s->job = (struct offload_job){.run = run_slow, .drop = drop_slow};
    s->ms = ms;
    return s;
}

static unsigned others;

static void other(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        task_sleep_ms(2);
    others++;
}

static void offload_and_go_on(void *arg)
{
    (void)arg;
    task_spawn(loop_current(), "other", other, NULL);
    struct slow *s = slow_new(60);
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, TIMER_NEVER), WAIT_READY);
    assert_int_equal(s->result, 120);
    assert_int_equal(others, 1); /* the loop turned meanwhile */
    offload_release(&s->job);
    assert_int_equal(atomic_load(&dropped), 1);
}

static void test_offload(void **state)
{
    (void)state;
    atomic_store(&dropped, 0);
    run_on_loop(offload_and_go_on, NULL);
}

static void leave_at_deadline(void *arg)
{
    (void)arg;
    struct slow *s = slow_new(100);
    int64_t began = clock_mono_ns();
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, began + 20 * NS_PER_MS), WAIT_TIMEOUT);
    assert_true(clock_mono_ns() - began < 90 * NS_PER_MS);
    while (atomic_load(&dropped) == 0)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
}

static void test_deadline_while_offloaded(void **state)
{
    (void)state;
    atomic_store(&dropped, 0);
    run_on_loop(leave_at_deadline, NULL);
}

static void offloads(void *arg)
{
    struct slow *s = slow_new(100);
    *(enum wait_result *)arg = task_offload(OFFLOAD_CPU, &s->job, TIMER_NEVER);
}

static void cancel_it(void *arg)
{
    (void)arg;
    enum wait_result result = WAIT_READY;
    atomic_store(&started, 0);
    struct task *t = task_spawn(loop_current(), "offloads", offloads, &result);
    while (atomic_load(&started) == 0)
        task_sleep_ms(1);
    task_cancel(t);
    task_sleep_ms(1);
    assert_int_equal(result, WAIT_CANCELLED);
    assert_int_equal(atomic_load(&dropped), 0);
    while (atomic_load(&dropped) == 0)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
}

static void test_cancel_while_offloaded(void **state)
{
    (void)state;
    atomic_store(&dropped, 0);
    run_on_loop(cancel_it, NULL);
}

/* A job whose loop is gone when it ends: nothing of the loop may be touched then. */
static void leave_and_end(void *arg)
{
    struct slow *s = slow_new(60);
    (void)arg;
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, clock_mono_ns() + 5 * NS_PER_MS),
                     WAIT_TIMEOUT);
}

static void test_a_job_outlives_its_loop(void **state)
{
    (void)state;
    atomic_store(&dropped, 0);
    run_on_loop(leave_and_end, NULL);
    for (int i = 0; i < 1000 && atomic_load(&dropped) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&dropped), 1);
}

/* The waiter leaves in the very moment that the job ends: it has the result or the job frees
 * itself, never both. */
static void leave_at_the_end(void *arg)
{
    unsigned kept = 0, left = 0;
    (void)arg;
    for (int i = 0; i < 300; i++) {
        struct slow *s = slow_new(1);
        int64_t deadline = clock_mono_ns() + 900 * NS_PER_US + i * NS_PER_US;
        if (task_offload(OFFLOAD_CPU, &s->job, deadline) == WAIT_READY) {
            assert_int_equal(s->result, 2);
            offload_release(&s->job);
            kept++;
        } else {
            left++;
        }
    }
    while (atomic_load(&dropped) < 300)
        assert_int_equal(task_sleep_ms(1), WAIT_TIMEOUT);
    assert_int_equal(kept + left, 300);
}

static void test_leaving_at_the_end_of_a_job(void **state)
{
    (void)state;
    atomic_store(&dropped, 0);
    run_on_loop(leave_at_the_end, NULL);
    assert_int_equal(atomic_load(&dropped), 300);
}

/* ---- a resolver that hangs while 1,000 others end ------------------------------------------ */

/* TSan takes its time with a thousand tasks. */
enum { PATIENCE_MS = SANITIZE_THREAD ? 5000 : 300 };

static atomic_bool let_go;

static int hang(const char *host, const char *port, struct resolver_answer *answer)
{
    (void)host;
    (void)port;
    (void)answer;
    while (!atomic_load(&let_go))
        usleep(1000);
    return -2; /* EAI_NONAME */
}

static unsigned hung, answered;

static void looks_up(void *arg)
{
    struct error err;
    struct resolver_answer *answer = arg;
    assert_false(resolver_lookup(VIEW("nowhere.invalid"), 80,
                                 clock_mono_ns() + PATIENCE_MS * NS_PER_MS, answer, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_TIMEOUT);
    hung++;
}

static void answers(void *arg)
{
    struct error err;
    struct resolver_answer *answer = arg;
    assert_true(resolver_lookup(VIEW("::1"), 80, clock_mono_ns() + NS_PER_S, answer, &err));
    struct slow *s = slow_new(0);
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, TIMER_NEVER), WAIT_READY);
    offload_release(&s->job);
    answered++;
}

static void hang_beside_others(void *arg)
{
    (void)arg;
    static struct resolver_answer scratch[4], numeric;
    int64_t began = clock_mono_ns();
    resolver_replace(hang);
    for (int i = 0; i < 4; i++)
        task_spawn(loop_current(), "hangs", looks_up, &scratch[i]);
    for (int i = 0; i < 1000; i++)
        task_spawn(loop_current(), "answers", answers, &numeric);
    while (answered < 1000)
        assert_int_equal(task_sleep_ms(1), WAIT_TIMEOUT);
    assert_int_equal(hung, 0);
    assert_true(clock_mono_ns() - began < PATIENCE_MS * NS_PER_MS);
    while (hung < 4)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
    atomic_store(&let_go, true);
    task_sleep_ms(50); /* the jobs that were left behind end by themselves */
    resolver_replace(NULL);
}

static void test_a_hanging_resolver_stops_nobody(void **state)
{
    (void)state;
    run_on_loop(hang_beside_others, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offload),
        cmocka_unit_test(test_deadline_while_offloaded),
        cmocka_unit_test(test_cancel_while_offloaded),
        cmocka_unit_test(test_a_job_outlives_its_loop),
        cmocka_unit_test(test_leaving_at_the_end_of_a_job),
        cmocka_unit_test(test_a_hanging_resolver_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
