#include "run/loop.h"

#include "base/clock.h"
#include "run/internal.h"
#include "run/task.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 256 };

static _Thread_local struct loop *current;

struct loop *loop_new(unsigned index, struct error *err)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (!l) {
        error_set(err, ERROR_NO_MEMORY, "no memory for an event loop");
        return NULL;
    }
    l->index = index;
    l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->scratch = malloc(LOOP_SCRATCH_BYTES);
    if (l->event_fd < 0 || l->epoll_fd < 0 || !l->scratch) {
        error_set(err, ERROR_IO, "cannot make an event loop: %s", strerror(errno));
        loop_free(l);
        return NULL;
    }
    list_init(&l->ready);
    list_init(&l->tasks);
    l->now_ns = clock_mono_ns();
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->event_fd, &ev);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    if (l->event_fd >= 0)
        close(l->event_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    timer_heap_done(&l->timers);
    stack_pool_done(&l->stacks);
    free(l->scratch);
    free(l);
}

struct loop *loop_current(void)
{
    return current;
}

unsigned loop_index(const struct loop *l)
{
    return l->index;
}

int64_t loop_now_ns(void)
{
    return current ? current->now_ns : clock_mono_ns();
}

char *loop_scratch(struct loop *l)
{
    return l->scratch;
}

void loop_on_turn(struct loop *l, void (*fn)(void *), void *arg)
{
    assert(l->n_hooks < sizeof(l->hooks) / sizeof(l->hooks[0]));
    l->hooks[l->n_hooks].fn = fn;
    l->hooks[l->n_hooks++].arg = arg;
}

static void ring(struct loop *l)
{
    uint64_t one = 1;
    while (write(l->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ; /* EAGAIN: the counter is full, so the loop will wake anyway */
}

void loop_post(struct loop *l, struct loop_message *message)
{
    struct loop_message *head = atomic_load_explicit(&l->messages, memory_order_relaxed);
    do
        message->next = head;
    while (!atomic_compare_exchange_weak_explicit(&l->messages, &head, message,
                                                  memory_order_release, memory_order_relaxed));
    if (!head)
        ring(l);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stopping, true);
    ring(l);
}

unsigned loop_tasks(const struct loop *l)
{
    return atomic_load_explicit(&l->n_tasks, memory_order_relaxed);
}

size_t loop_stack_high_water(const struct loop *l)
{
    return atomic_load_explicit(&l->high_water, memory_order_relaxed);
}

int64_t loop_busy_ns(const struct loop *l)
{
    int64_t began = atomic_load_explicit(&l->turn_began_ns, memory_order_relaxed);
    return began ? clock_mono_ns() - began : 0;
}

/* ---- a turn ------------------------------------------------------------------------------- */

static void run_ready(struct loop *l)
{
    struct list batch;

    /* Those that become ready meanwhile wait for the next turn: events come first. */
    if (list_empty(&l->ready))
        return;
    batch = l->ready;
    batch.next->prev = batch.prev->next = &batch;
    list_init(&l->ready);
    for (struct list *link; (link = list_pop_front(&batch));)
        task_resume(list_entry(link, struct task, ready_link));
}

static void take_messages(struct loop *l)
{
    struct loop_message *newest =
        atomic_exchange_explicit(&l->messages, NULL, memory_order_acquire);
    struct loop_message *oldest = NULL;

    while (newest) { /* in the order of sending */
        struct loop_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct loop_message *next = oldest->next;
        oldest->fn(oldest);
        oldest = next;
    }
}

static void take_event(struct io *io, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        io->peer_closed = true;
        if (io->watcher)
            task_cancel(io->watcher);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        io->can_read = true;
        if (io->reader)
            task_wake(io->reader);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        io->can_write = true;
        if (io->writer)
            task_wake(io->writer);
    }
}

static void wait_for_events(struct loop *l)
{
    struct epoll_event events[EVENTS_A_TURN];
    int timeout_ms = -1;

    if (!list_empty(&l->ready)) {
        timeout_ms = 0;
    } else if (timer_next(&l->timers) != TIMER_NEVER) {
        int64_t ns = timer_next(&l->timers) - clock_mono_ns();
        int64_t ms = ns <= 0 ? 0 : (ns + NS_PER_MS - 1) / NS_PER_MS;
        timeout_ms = ms > 60000 ? 60000 : (int)ms;
    }
    atomic_store_explicit(&l->turn_began_ns, 0, memory_order_relaxed);
    int n = epoll_wait(l->epoll_fd, events, EVENTS_A_TURN, timeout_ms);
    l->now_ns = clock_mono_ns();
    atomic_store_explicit(&l->turn_began_ns, l->now_ns, memory_order_relaxed);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            take_event(events[i].data.ptr, events[i].events);
        } else {
            uint64_t count;
            if (read(l->event_fd, &count, sizeof(count)) < 0)
                continue; /* nothing was rung after all */
        }
    }
    take_messages(l);
    for (struct timer *t; (t = timer_pop_due(&l->timers, l->now_ns));) {
        struct task *task = (struct task *)(void *)((char *)t - offsetof(struct task, timer));
        if (task->state == TASK_PARKED) {
            task->result = WAIT_TIMEOUT;
            task->state = TASK_READY;
            timer_disarm(&task->timer);
            list_push_back(&l->ready, &task->ready_link);
        }
    }
}

static bool stopping(struct loop *l)
{
    if (!atomic_load_explicit(&l->stopping, memory_order_relaxed))
        return false;
    if (!l->cancelled_all) {
        l->cancelled_all = true;
        list_for_each (link, &l->tasks)
            task_cancel(list_entry(link, struct task, all_link));
    }
    return loop_tasks(l) == 0;
}

void loop_run(struct loop *l)
{
    current = l;
    context_init_thread(&l->context);
    l->now_ns = clock_mono_ns();
    atomic_store(&l->turn_began_ns, l->now_ns);
    while (!stopping(l)) {
        run_ready(l);
        for (unsigned i = 0; i < l->n_hooks; i++)
            l->hooks[i].fn(l->hooks[i].arg);
        if (!stopping(l))
            wait_for_events(l);
    }
    atomic_store(&l->turn_began_ns, 0);
    take_messages(l);
    current = NULL;
}

/* ---- descriptors -------------------------------------------------------------------------- */

bool io_open(struct io *io, int fd, struct error *err)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = io};

    *io = (struct io){.fd = fd};
    if (epoll_ctl(current->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        return error_set(err, ERROR_IO, "cannot watch descriptor %d: %s", fd, strerror(errno));
    return true;
}

void io_close(struct io *io)
{
    if (io->fd < 0)
        return;
    assert(!io->reader && !io->writer);
    /* Closing alone leaves the set only when no other process holds the same socket. */
    epoll_ctl(current->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    close(io->fd);
    io->fd = -1;
    io->watcher = NULL;
}

enum wait_result io_wait_readable(struct io *io, int64_t deadline_ns)
{
    enum wait_result result = WAIT_READY;

    io->reader = task_current();
    while (!io->can_read && result == WAIT_READY)
        result = task_park(deadline_ns, TASK_CANCELLABLE);
    io->reader = NULL;
    return result;
}

enum wait_result io_wait_writable(struct io *io, int64_t deadline_ns)
{
    enum wait_result result = WAIT_READY;

    io->writer = task_current();
    while (!io->can_write && result == WAIT_READY)
        result = task_park(deadline_ns, TASK_CANCELLABLE);
    io->writer = NULL;
    return result;
}

void io_watch_peer(struct io *io, struct task *task)
{
    io->watcher = task;
    if (task && io->peer_closed)
        task_cancel(task);
}
