#include "run/resolver.h"
#include "support.h"

#include <stdlib.h>
#include <unistd.h>

/* A job that takes so long, or as long as it is held. */
struct slow {
    struct offload_job job;
    int ms;
    int result;
};

enum { HELD = -1, NEVER_MS = 60000 };

static atomic_int dropped, started;
static atomic_bool let_go;

/* Bounded, so that a test which forgets to let go fails. */
static void wait_held(void)
{
    for (int i = 0; i < NEVER_MS && !atomic_load(&let_go); i++)
        usleep(1000);
}

static void run_slow(struct offload_job *job)
{
    struct slow *s = (struct slow *)job;
    atomic_fetch_add(&started, 1);
    if (s->ms == HELD)
        wait_held();
    else
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

/* The loop turns meanwhile, or the job would not end. */
static void other(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        task_sleep_ms(2);
    atomic_store(&let_go, true);
}

static void begin_anew(void)
{
    atomic_store(&dropped, 0);
    atomic_store(&started, 0);
    atomic_store(&let_go, false);
}

static void offload_and_go_on(void *arg)
{
    (void)arg;
    task_spawn(loop_current(), "other", other, NULL);
    struct slow *s = slow_new(HELD);
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, TIMER_NEVER), WAIT_READY);
    assert_int_equal(s->result, 2 * HELD);
    assert_true(atomic_load(&let_go));
    offload_release(&s->job);
    assert_int_equal(atomic_load(&dropped), 1);
}

static void test_offload(void **state)
{
    (void)state;
    begin_anew();
    run_on_loop(offload_and_go_on, NULL);
}

static void leave_at_deadline(void *arg)
{
    (void)arg;
    struct slow *s = slow_new(HELD);
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, clock_mono_ns() + 20 * NS_PER_MS),
                     WAIT_TIMEOUT);
    assert_int_equal(atomic_load(&dropped), 0); /* it runs on */
    atomic_store(&let_go, true);
    while (atomic_load(&dropped) == 0)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
}

static void test_deadline_while_offloaded(void **state)
{
    (void)state;
    begin_anew();
    run_on_loop(leave_at_deadline, NULL);
}

static void offloads(void *arg)
{
    struct slow *s = slow_new(HELD);
    *(enum wait_result *)arg = task_offload(OFFLOAD_CPU, &s->job, TIMER_NEVER);
}

static void cancel_it(void *arg)
{
    (void)arg;
    enum wait_result result = WAIT_READY;
    struct task *t = task_spawn(loop_current(), "offloads", offloads, &result);
    while (atomic_load(&started) == 0)
        task_sleep_ms(1);
    task_cancel(t);
    task_sleep_ms(1);
    assert_int_equal(result, WAIT_CANCELLED);
    assert_int_equal(atomic_load(&dropped), 0);
    atomic_store(&let_go, true);
    while (atomic_load(&dropped) == 0)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
}

static void test_cancel_while_offloaded(void **state)
{
    (void)state;
    begin_anew();
    run_on_loop(cancel_it, NULL);
}

/* A job whose loop is gone when it ends: nothing of the loop may be touched then. */
static void leave_and_end(void *arg)
{
    struct slow *s = slow_new(HELD);
    (void)arg;
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, clock_mono_ns() + 5 * NS_PER_MS),
                     WAIT_TIMEOUT);
}

static void test_a_job_outlives_its_loop(void **state)
{
    (void)state;
    begin_anew();
    run_on_loop(leave_and_end, NULL);
    assert_int_equal(atomic_load(&dropped), 0);
    atomic_store(&let_go, true);
    for (int i = 0; i < NEVER_MS && atomic_load(&dropped) == 0; i++)
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
    begin_anew();
    run_on_loop(leave_at_the_end, NULL);
    assert_int_equal(atomic_load(&dropped), 300);
}

/* ---- a resolver that hangs while 1,000 others end ------------------------------------------ */

static int hang(const char *host, const char *port, struct resolver_answer *answer)
{
    (void)host;
    (void)port;
    (void)answer;
    wait_held();
    return -2; /* EAI_NONAME */
}

static unsigned ended, answered;

static void looks_up(void *arg)
{
    struct error err;
    struct resolver_answer *answer = arg;
    assert_false(resolver_lookup(VIEW("nowhere.invalid"), 80, TIMER_NEVER, answer, &err));
    assert_true(atomic_load(&let_go));
    ended++;
}

static void answers(void *arg)
{
    struct error err;
    struct resolver_answer *answer = arg;
    assert_true(resolver_lookup(VIEW("::1"), 80, TIMER_NEVER, answer, &err));
    struct slow *s = slow_new(0);
    assert_int_equal(task_offload(OFFLOAD_CPU, &s->job, TIMER_NEVER), WAIT_READY);
    offload_release(&s->job);
    answered++;
}

static void hang_beside_others(void *arg)
{
    (void)arg;
    static struct resolver_answer scratch[4], numeric;
    struct error err;
    resolver_replace(hang);
    for (int i = 0; i < 4; i++)
        task_spawn(loop_current(), "hangs", looks_up, &scratch[i]);
    for (int i = 0; i < 1000; i++)
        task_spawn(loop_current(), "answers", answers, &numeric);
    while (answered < 1000)
        assert_int_equal(task_sleep_ms(1), WAIT_TIMEOUT);
    assert_int_equal(ended, 0);
    assert_false(resolver_lookup(VIEW("nowhere.invalid"), 80, clock_mono_ns() + 20 * NS_PER_MS,
                                 &numeric, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_TIMEOUT);
    assert_int_equal(ended, 0);
    atomic_store(&let_go, true);
    while (ended < 4)
        assert_int_equal(task_sleep_ms(5), WAIT_TIMEOUT);
    assert_true(offload_idle_within(NEVER_MS)); /* who was left behind ends by itself */
    resolver_replace(NULL);
}

static void test_a_hanging_resolver_stops_nobody(void **state)
{
    (void)state;
    begin_anew();
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
