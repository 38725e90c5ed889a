/* What loop.c and task.c share; for this folder only. */
#pragma once

#include "run/context.h"
#include "run/loop.h"
#include "run/stack.h"

enum task_state { TASK_READY, TASK_RUNNING, TASK_PARKED, TASK_ENDED };

/* Lies at the top of its own stack. */
struct task {
    struct context context;
    struct loop *loop;
    struct list ready_link; /* in loop.ready */
    struct list all_link;   /* in loop.tasks, for the debugger */
    struct timer timer;
    enum task_state state;
    enum wait_result result;
    bool woken; /* a wake came while it was not parked */
    bool cancelled, cancellable;
    unsigned turns_without_wait;
    int64_t since_ns; /* when it last stopped running; for the debugger */
    const char *name;
    void (*fn)(void *);
    void *arg;
    void *stack;
    unsigned valgrind_id;
};

struct loop {
    int epoll_fd, event_fd;
    unsigned index;
    struct context context; /* the thread's own */
    struct task *running;
    struct list ready, tasks;
    struct timer_heap timers;
    struct stack_pool stacks;
    int64_t now_ns;
    atomic_uint n_tasks;
    atomic_bool stopping;
    bool cancelled_all;
    _Atomic(int64_t) turn_began_ns; /* 0 while waiting */
    _Atomic(size_t) high_water;
    _Atomic(struct loop_message *) messages; /* a stack, newest first */
    struct {
        void (*fn)(void *);
        void *arg;
    } hooks[8];
    unsigned n_hooks;
    char *scratch;
};

/* Runs one ready task until it waits or ends. */
void task_resume(struct task *t);
