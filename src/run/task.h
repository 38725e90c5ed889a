/*
 * Tasks: stackful coroutines on a loop. Straight-line code that waits; never changes threads.
 *
 * Each wait takes a deadline (absolute, monotonic ns; TIMER_NEVER for none) and obeys cancel: from
 * task_cancel() on every cancellable wait of that task returns WAIT_CANCELLED at once, so the code
 * unwinds by its normal returns. A step that must run all the same (accounting) waits
 * uncancellably. No lock may be held across a wait (asserted, see lock.h).
 */
#pragma once

#include "run/loop.h"

struct task;

/* Starts fn(arg) on `l`, which is the calling thread's loop or one that does not run yet; it first
 * runs when the caller waits or the next turn begins. NULL without memory. `name` is static text
 * for the debugger. */
struct task *task_spawn(struct loop *l, const char *name, void (*fn)(void *), void *arg);

/* The running task; NULL outside of one. */
struct task *task_current(void);

/* Sticky. Only from the task's own loop. */
void task_cancel(struct task *t);
bool task_cancelled(void);

enum task_wait { TASK_CANCELLABLE, TASK_UNCANCELLABLE };

/* Sleeps until task_wake(), the deadline or a cancel. A wake that came before the park is not
 * lost. */
enum wait_result task_park(int64_t deadline_ns, enum task_wait kind) MUST_CHECK;
/* Only from the task's own loop. */
void task_wake(struct task *t);

enum wait_result task_sleep_ms(int64_t ms);
/* Lets the other ready tasks have their turn. */
void task_yield(void);
/* Gives back the stack pages below the caller's frame, which deeper calls touched before: for a
 * task that is going to live long and wait often. A system call. */
void task_trim_stack(void);
/* For a function whose locals are not to lie in the frame of a caller that may wait for minutes. */
#define OWN_FRAME __attribute__((noinline))
/* Called by what succeeds without waiting: yields now and then, so that a connection that always
 * has data cannot keep the others out. */
void task_fair(void);
