#include "fleet/bell.h"

#include "run/lock.h"

/* Lies on the stack of the task that listens. */
struct ear {
    struct ear *next;
    struct loop_message message;
    struct loop *loop;
    struct task *task;
    bool heard; /* the task's loop's own */
};

static pthread_mutex_t ears_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ear *ears;

static void hear(struct loop_message *m)
{
    struct ear *e = (struct ear *)(void *)((char *)m - offsetof(struct ear, message));

    e->heard = true;
    task_wake(e->task);
}

/* An ear that is taken off the list stays until it has heard. */
void bell_ring(void)
{
    lock_take(&ears_mutex);
    struct ear *next, *e = ears;
    ears = NULL;
    lock_release(&ears_mutex);
    for (; e; e = next) {
        next = e->next;
        loop_post(e->loop, &e->message);
    }
}

static void listen(struct ear *e)
{
    *e = (struct ear){
        .message = {.fn = hear}, .loop = loop_current(), .task = task_current(), .heard = false};
    lock_take(&ears_mutex);
    e->next = ears;
    ears = e;
    lock_release(&ears_mutex);
}

/* A message that is under way names the ear, so it is waited for; it is as quick as the loop. */
static void leave(struct ear *e)
{
    struct ear **at = &ears;

    lock_take(&ears_mutex);
    while (*at && *at != e)
        at = &(*at)->next;
    bool listens = *at != NULL;
    if (listens)
        *at = e->next;
    lock_release(&ears_mutex);
    while (!listens && !e->heard)
        if (task_park(TIMER_NEVER, TASK_UNCANCELLABLE) != WAIT_READY)
            break;
}

enum wait_result bell_wait(bool (*may_go_on)(void *arg), void *arg, int64_t deadline_ns)
{
    enum wait_result result = WAIT_READY;
    struct ear ear;

    for (;;) {
        listen(&ear); /* before the look, so that nothing is missed between the two */
        bool enough = may_go_on(arg);
        while (!enough && result == WAIT_READY && !ear.heard)
            result = task_park(deadline_ns, TASK_CANCELLABLE);
        leave(&ear);
        if (enough || result != WAIT_READY)
            return enough ? WAIT_READY : result;
    }
}
