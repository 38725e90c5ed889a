#include "run/offload.h"

#include <pthread.h>
#include <signal.h>

enum { THREADS_A_POOL = 2, THREAD_STACK_BYTES = 512 * 1024 };

/* Threads are started when there is work for them and stay. */
static struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct offload_job *first, **last;
    unsigned threads, idle;
} pools[] = {
    [OFFLOAD_NAMES] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL, 0, 0},
    [OFFLOAD_CPU] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL, 0, 0},
};

static struct offload_job *job_of(struct loop_message *m)
{
    return (struct offload_job *)(void *)((char *)m - offsetof(struct offload_job, message));
}

void offload_release(struct offload_job *job)
{
    if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) == 1)
        job->drop(job);
}

/* On the loop's thread: the only one that touches `waiter`. */
static void finished(struct loop_message *m)
{
    struct offload_job *job = job_of(m);

    job->finished = true;
    if (job->waiter)
        task_wake(job->waiter);
    offload_release(job);
}

static void *work(void *arg)
{
    struct pool *p = arg;

    for (;;) {
        pthread_mutex_lock(&p->mutex);
        p->idle++;
        while (!p->first)
            pthread_cond_wait(&p->work, &p->mutex);
        p->idle--;
        struct offload_job *job = p->first;
        p->first = job->next;
        pthread_mutex_unlock(&p->mutex);
        job->run(job);
        if (job->loop)
            loop_post(job->loop, &job->message);
        else
            offload_release(job);
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
    if (p->idle == 0 && p->threads < THREADS_A_POOL && start_thread(p))
        p->threads++;
    ok = p->threads > 0;
    if (ok) {
        job->next = NULL;
        if (!p->first)
            p->last = &p->first;
        *p->last = job;
        p->last = &job->next;
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
    atomic_store(&job->refs, job->waiter ? 2 : 1);
    if (!job->waiter || !queue(pool, job)) {
        atomic_store(&job->refs, 1);
        job->run(job);
        return WAIT_READY;
    }
    while (!job->finished && result == WAIT_READY)
        result = task_park(deadline_ns, TASK_CANCELLABLE);
    if (job->finished)
        return WAIT_READY;
    job->waiter = NULL;
    offload_release(job);
    return result;
}

void offload_detached(enum offload_pool pool, struct offload_job *job)
{
    job->loop = NULL;
    job->waiter = NULL;
    atomic_store(&job->refs, 1);
    if (!queue(pool, job)) {
        job->run(job);
        offload_release(job);
    }
}
