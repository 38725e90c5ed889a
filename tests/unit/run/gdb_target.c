/* A loop with tasks in all states, for test_gdb.py, which stops it at stopped_here(). */
#include "base/clock.h"
#include "run/task.h"

#include <stdio.h>

void stopped_here(void);
__attribute__((noinline)) void stopped_here(void)
{
    __asm__ volatile("");
}

static __attribute__((noinline)) void deep_inside(int64_t deadline_ns)
{
    (void)!task_park(deadline_ns, TASK_CANCELLABLE);
    __asm__ volatile(""); /* no tail call */
}

static void waits_in_vain(void *arg)
{
    (void)arg;
    deep_inside(TIMER_NEVER);
    __asm__ volatile("");
}

static void waits_a_minute(void *arg)
{
    (void)arg;
    deep_inside(clock_mono_ns() + 60 * NS_PER_S);
    __asm__ volatile("");
}

static void never_began(void *arg)
{
    (void)arg;
}

static void runs(void *arg)
{
    (void)arg;
    task_sleep_ms(50);
    task_spawn(loop_current(), "unborn", never_began, NULL);
    stopped_here();
    loop_stop(loop_current());
}

int main(void)
{
    struct error err;
    struct loop *l = loop_new(0, &err);

    if (!l || !task_spawn(l, "vain", waits_in_vain, NULL) ||
        !task_spawn(l, "minute", waits_a_minute, NULL) || !task_spawn(l, "stopper", runs, NULL))
        return 1;
    loop_run(l);
    loop_free(l);
    return 0;
}
