#include "run/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    PAUSE_MS = 50,
    BUSY_TRIES = 20, /* the child of a parent that was killed lets go of the port a moment later */
};

/* A connection on its way to the loop that will serve it. */
struct handover {
    struct loop_message message;
    struct listener *listener;
    unsigned loop; /* in listener->loops */
    int fd;
};

static void count(struct listener *l, unsigned loop, int by)
{
    atomic_fetch_add_explicit(&l->connections, (unsigned)by, memory_order_relaxed);
    atomic_fetch_add_explicit(&l->per_loop[loop], (unsigned)by, memory_order_relaxed);
}

/* A bound and listening socket, or -1 with errno. */
static int open_socket(const struct addrinfo *at)
{
    int one = 1, fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
              bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;

    if (!ok && fd >= 0) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return ok ? fd : -1;
}

int listener_open(struct view host, uint16_t port, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST},
                    *found;
    char name[256], service[8];

    snprintf(name, sizeof(name), "%.*s", VIEW_ARG(host));
    snprintf(service, sizeof(service), "%u", port);
    int failure =
        getaddrinfo(strcmp(name, "localhost") == 0 ? "127.0.0.1" : name, service, &hints, &found);
    if (failure != 0) {
        error_set(err, ERROR_IO, "cannot listen on %s: %s", name, gai_strerror(failure));
        error_hint(err, "Use an address of this machine, such as 127.0.0.1 or [::1].");
        return -1;
    }
    int fd = open_socket(found);
    for (int tries = 0; fd < 0 && errno == EADDRINUSE && tries < BUSY_TRIES; tries++) {
        usleep(PAUSE_MS * 1000);
        fd = open_socket(found);
    }
    if (fd < 0) {
        error_set(err, ERROR_IO, "cannot listen on %s port %u: %s", name, port, strerror(errno));
        if (errno == EADDRINUSE)
            error_hint(err, "Another program has that port; end it or set another `listen`.");
    }
    freeaddrinfo(found);
    return fd;
}

static void serve(void *arg)
{
    struct handover *h = arg;
    struct listener *l = h->listener;
    unsigned loop = h->loop;
    int fd = h->fd;

    free(h);
    l->serve(fd, l->arg);
    count(l, loop, -1);
}

static void refuse(struct handover *h)
{
    close(h->fd);
    count(h->listener, h->loop, -1);
    free(h);
}

static void arrive(struct loop_message *m)
{
    struct handover *h = (struct handover *)m;
    if (!task_spawn(h->listener->loops[h->loop], "connection", serve, h))
        refuse(h);
}

static unsigned least_loaded(struct listener *l)
{
    unsigned best = 0;

    for (unsigned i = 1; i < l->n_loops; i++)
        if (atomic_load_explicit(&l->per_loop[i], memory_order_relaxed) <
            atomic_load_explicit(&l->per_loop[best], memory_order_relaxed))
            best = i;
    return best;
}

static void hand_over(struct listener *l, int fd)
{
    struct handover *h = malloc(sizeof(*h));

    if (!h) {
        close(fd);
        return;
    }
    *h = (struct handover){.message = {.fn = arrive}, .listener = l, .fd = fd};
    h->loop = least_loaded(l);
    count(l, h->loop, 1);
    if (l->loops[h->loop] == loop_current())
        arrive(&h->message);
    else
        loop_post(l->loops[h->loop], &h->message);
}

static void accept_all(void *arg)
{
    struct listener *l = arg;

    while (io_wait_readable(&l->io, TIMER_NEVER) == WAIT_READY) {
        if (atomic_load_explicit(&l->connections, memory_order_relaxed) >= l->max_connections) {
            if (task_sleep_ms(PAUSE_MS) == WAIT_CANCELLED)
                break;
            continue;
        }
        int fd = accept4(l->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(l, fd);
            task_fair();
        } else if (errno == EAGAIN) {
            l->io.can_read = false;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            if (task_sleep_ms(PAUSE_MS) == WAIT_CANCELLED) /* others must end first */
                break;
        } /* else: that one connection is gone already */
    }
    io_close(&l->io);
    l->task = NULL;
}

bool listener_start(struct listener *l, struct error *err)
{
    /* A copy of the descriptor: closing ours must not close the parent's. */
    int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, ERROR_IO, "cannot accept connections: %s", strerror(errno));
    if (!io_open(&l->io, fd, err)) {
        close(fd);
        return false;
    }
    l->task = task_spawn(l->loops[0], "listener", accept_all, l);
    if (!l->task) {
        io_close(&l->io);
        return error_set(err, ERROR_NO_MEMORY, "no memory for a listener");
    }
    return true;
}

void listener_stop(struct listener *l)
{
    if (l->task)
        task_cancel(l->task);
}
