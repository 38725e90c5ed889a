/*
 * The watchdog: ends a process of which a loop hangs, so that the parent starts a new one. A crash
 * costs the streams in flight, a hang would cost everything.
 *
 * A loop hangs that does not come back to its wait for 5 s and has used the CPU for so long, or
 * stands still: it is blocked. One that gets little of a busy machine is slow, and left alone for a
 * minute. Where the whole process stood still (a paused machine, a debugger), the last looks give
 * its loops the time to turn.
 */
#pragma once

#include "http/client.h"
#include "run/loop.h"

#include <pthread.h>
#include <time.h>

/* What is known of one loop. */
struct watchdog_loop {
    int64_t cpu_ns;   /* its thread's, at the last look */
    int64_t spent_ns; /* of that, in the running turn */
    unsigned late;    /* looks in a row that found the turn too long */
    unsigned still;   /* of these, the last in a row at which it had not used the CPU */
};

/* One look, at a loop whose turn lasts for `busy_ns` and whose thread has used `cpu_ns` by now;
 * each WATCHDOG_LOOK_MS. Whether it hangs. */
enum { WATCHDOG_LOOK_MS = 250 };
bool watchdog_look(struct watchdog_loop *w, int64_t busy_ns, int64_t cpu_ns);

struct watchdog {
    struct loop *const *loops;
    clockid_t cpu[HTTP_MAX_LOOPS]; /* of their threads; may be read when one has ended */
    unsigned n;
};

/* The next loop, which this running thread runs. */
void watchdog_add(struct watchdog *w, pthread_t thread);
/* A thread's function, for a struct watchdog that outlives it; until it is cancelled. */
void *watchdog_run(void *watchdog);
