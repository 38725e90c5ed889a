/*
 * Work that blocks or burns CPU (more than about 300 us), done on other threads while the task
 * sleeps and its loop goes on. Three pools that cannot starve each other: the ledger's writer has
 * its own thread (see ledger/), names are for getaddrinfo, CPU is for everything that computes.
 *
 * A call on a pool cannot be cancelled. So its data is a job that frees itself, never the task's
 * stack or arena: the task may leave at a deadline or a cancel, the job ends alone.
 */
#pragma once

#include "run/task.h"

enum offload_pool { OFFLOAD_NAMES, OFFLOAD_CPU };

struct offload_job {
    void (*run)(struct offload_job *job);  /* on a pool's thread */
    void (*drop)(struct offload_job *job); /* frees it: when nobody needs it any more */
    /* the rest is the module's own */
    struct offload_job *next;
    struct loop_message message;
    struct loop *loop;
    struct task *waiter;
    atomic_int state; /* who has it: see offload.c */
    bool finished;
};

/* Runs `job` and waits for it. WAIT_READY: it ran, its results may be read, and the caller must
 * offload_release() it. Otherwise the job was left behind and must not be touched any more.
 * Outside of a task the job runs at once on the calling thread. */
enum wait_result task_offload(enum offload_pool pool, struct offload_job *job,
                              int64_t deadline_ns) MUST_CHECK;
void offload_release(struct offload_job *job);

/* Runs `job` without waiting; it frees itself. */
void offload_detached(enum offload_pool pool, struct offload_job *job);

/* Waits, on the calling thread and outside of loops, until no pool has anything to do; false after
 * `ms`. Libraries must not be taken down (exit handlers) while a job still uses them. */
bool offload_idle_within(int64_t ms) MUST_CHECK;
