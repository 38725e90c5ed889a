#include "run/offload.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { THREADS_A_POOL = 2, THREAD_STACK_BYTES = 512 * 1024 };

/* A job is its waiter's until the first of two things: it was run, then the message to the waiter's
 * loop is under way and the waiter stays until it arrives (so no message outlives its loop); or the
 * waiter left, then the pool's thread drops the job without touching the loop again. */
enum { JOB_WAITED_FOR, JOB_RUN, JOB_LEFT };

static bool moves(struct offload_job *job, int to)
{
    int from = JOB_WAITED_FOR;
    return atomic_compare_exchange_strong_explicit(&job->state, &from, to, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* Threads are started when there is work for them and stay. */
static struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct offload_job *first, **last;
    unsigned queued, running, threads;
} pools[] = {
    [OFFLOAD_NAMES] = {.mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER},
    [OFFLOAD_CPU] = {.mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER},
};

static struct offload_job *job_of(struct loop_message *m)
{
    return (struct offload_job *)(void *)((char *)m - offsetof(struct offload_job, message));
}

void offload_release(struct offload_job *job)
{
    job->drop(job);
}

/* On the loop's thread: the only one that touches `waiter`. */
static void finished(struct loop_message *m)
{
    struct offload_job *job = job_of(m);

    job->finished = true;
    task_wake(job->waiter);
}

static void *work(void *arg)
{
    struct pool *p = arg;

    for (;;) {
        pthread_mutex_lock(&p->mutex);
        while (!p->first)
            pthread_cond_wait(&p->work, &p->mutex);
        struct offload_job *job = p->first;
        p->first = job->next;
        p->queued--;
        p->running++;
        pthread_mutex_unlock(&p->mutex);
        job->run(job);
        if (moves(job, JOB_RUN))
            loop_post(job->loop, &job->message);
        else
            job->drop(job);
        pthread_mutex_lock(&p->mutex);
        p->running--;
        pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

static bool start_thread(struct pool *p)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attr, work, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return failed == 0;
}

/* False: no thread could be had, nothing was queued. */
static bool queue(enum offload_pool pool, struct offload_job *job)
{
    struct pool *p = &pools[pool];
    bool ok = true;

    pthread_mutex_lock(&p->mutex);
    if (p->queued + p->running >= p->threads && p->threads < THREADS_A_POOL && start_thread(p))
        p->threads++;
    ok = p->threads > 0;
    if (ok) {
        job->next = NULL;
        if (!p->first)
            p->last = &p->first;
        *p->last = job;
        p->last = &job->next;
        p->queued++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->mutex);
    return ok;
}

enum wait_result task_offload(enum offload_pool pool, struct offload_job *job, int64_t deadline_ns)
{
    enum wait_result result = WAIT_READY;

    job->message.fn = finished;
    job->loop = loop_current();
    job->waiter = task_current();
    job->finished = false;
    atomic_store(&job->state, JOB_WAITED_FOR);
    if (!job->waiter || !queue(pool, job)) {
        job->run(job);
        return WAIT_READY;
    }
    while (!job->finished && result == WAIT_READY)
        result = task_park(deadline_ns, TASK_CANCELLABLE);
    if (!job->finished && moves(job, JOB_LEFT))
        return result;
    while (!job->finished) /* its message comes at once */
        if (task_park(TIMER_NEVER, TASK_UNCANCELLABLE) != WAIT_READY)
            break;
    return WAIT_READY;
}

void offload_detached(enum offload_pool pool, struct offload_job *job)
{
    atomic_store(&job->state, JOB_LEFT);
    if (!queue(pool, job)) {
        job->run(job);
        job->drop(job);
    }
}

bool offload_idle_within(int64_t ms)
{
    for (int64_t waited = 0;; waited++) {
        unsigned busy = 0;
        for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
            pthread_mutex_lock(&pools[i].mutex);
            busy += pools[i].queued + pools[i].running;
            pthread_mutex_unlock(&pools[i].mutex);
        }
        if (busy == 0 || waited >= ms)
            return busy == 0;
        usleep(1000);
    }
}
