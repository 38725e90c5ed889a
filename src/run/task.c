#include "run/task.h"

#include "base/clock.h"
#include "run/internal.h"
#include "run/lock.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(from, to) 0u
#define VALGRIND_STACK_DEREGISTER(id)     ((void)(id))
#endif

_Thread_local int lock_held_count;

enum { FAIR_TURNS = 32 };

static void run_to_end(void *arg)
{
    struct task *t = arg;

    context_entered(&t->context);
    t->fn(t->arg);
    t->state = TASK_ENDED;
    context_switch(&t->context, &t->loop->context, true);
    __builtin_unreachable();
}

struct task *task_spawn(struct loop *l, const char *name, void (*fn)(void *), void *arg)
{
    char *stack = stack_take(&l->stacks);
    if (!stack)
        return NULL;
    size_t size = (STACK_BYTES - sizeof(struct task)) & ~(size_t)63;
    struct task *t = (struct task *)(void *)(stack + size);
    *t = (struct task){.loop = l, .name = name, .fn = fn, .arg = arg, .stack = stack};
    t->cancelled = l->cancelled_all; /* a stopped loop takes no long work on */
    t->timer.deadline_ns = TIMER_NEVER;
    t->valgrind_id = VALGRIND_STACK_REGISTER(stack, stack + size);
    context_init(&t->context, stack, size, run_to_end, t);
    list_push_back(&l->ready, &t->ready_link);
    list_push_back(&l->tasks, &t->all_link);
    atomic_fetch_add_explicit(&l->n_tasks, 1, memory_order_relaxed);
    return t;
}

void task_resume(struct task *t)
{
    struct loop *l = t->loop;

    t->state = TASK_RUNNING;
    l->running = t;
    context_switch(&l->context, &t->context, false);
    l->running = NULL;
    if (t->state != TASK_ENDED)
        return;
    timer_remove(&l->timers, &t->timer);
    list_remove(&t->all_link);
    context_done(&t->context);
    VALGRIND_STACK_DEREGISTER(t->valgrind_id);
    stack_give(&l->stacks, t->stack);
    atomic_store_explicit(&l->high_water, l->stacks.high_water, memory_order_relaxed);
    atomic_fetch_sub_explicit(&l->n_tasks, 1, memory_order_relaxed);
}

struct task *task_current(void)
{
    struct loop *l = loop_current();
    return l ? l->running : NULL;
}

static void make_ready(struct task *t, enum wait_result result)
{
    t->result = result;
    t->state = TASK_READY;
    timer_disarm(&t->timer);
    list_push_back(&t->loop->ready, &t->ready_link);
}

void task_wake(struct task *t)
{
    if (t->state == TASK_PARKED)
        make_ready(t, WAIT_READY);
    else
        t->woken = true;
}

void task_cancel(struct task *t)
{
    t->cancelled = true;
    if (t->state == TASK_PARKED && t->cancellable)
        make_ready(t, WAIT_CANCELLED);
}

bool task_cancelled(void)
{
    struct task *t = task_current();
    return t && t->cancelled;
}

static void leave(struct task *t)
{
    assert(lock_held_count == 0);
    t->turns_without_wait = 0;
    t->since_ns = t->loop->now_ns;
    context_switch(&t->context, &t->loop->context, false);
}

enum wait_result task_park(int64_t deadline_ns, enum task_wait kind)
{
    struct task *t = task_current();

    if (kind == TASK_CANCELLABLE && t->cancelled)
        return WAIT_CANCELLED;
    if (t->woken) {
        t->woken = false;
        return WAIT_READY;
    }
    if (deadline_ns != TIMER_NEVER &&
        (deadline_ns <= t->loop->now_ns || !timer_arm(&t->loop->timers, &t->timer, deadline_ns)))
        return WAIT_TIMEOUT;
    t->cancellable = kind == TASK_CANCELLABLE;
    t->state = TASK_PARKED;
    leave(t);
    t->woken = false;
    return t->result;
}

enum wait_result task_sleep_ms(int64_t ms)
{
    int64_t deadline = clock_mono_ns() + ms * NS_PER_MS;
    enum wait_result result;

    do
        result = task_park(deadline, TASK_CANCELLABLE);
    while (result == WAIT_READY);
    return result;
}

void task_yield(void)
{
    struct task *t = task_current();

    t->state = TASK_READY;
    list_push_back(&t->loop->ready, &t->ready_link);
    leave(t);
}

void task_trim_stack(void)
{
    struct task *t = task_current();
    if (t)
        stack_trim(t->stack, __builtin_frame_address(0));
}

void task_fair(void)
{
    struct task *t = task_current();
    if (t && ++t->turns_without_wait >= FAIR_TURNS)
        task_yield();
}
