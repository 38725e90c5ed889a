/*
 * Listening sockets. They are opened once, by the parent process, and handed down by descriptor;
 * in the serving process one loop accepts for all and gives each new connection to the loop with
 * the fewest connections, before its task starts.
 */
#pragma once

#include "run/task.h"

/* A bound and listening socket, close-on-exec, non-blocking. Waits up to a second for a port that
 * is in use. -1 with `err`: still in use, no such address, no permission. */
int listener_open(struct view host, uint16_t port, struct error *err) MUST_CHECK;

enum { LISTENER_MAX_LOOPS = 64 };

/* Runs on the receiving loop, inside a new task, and owns the descriptor. */
typedef void listener_serve_fn(int fd, void *arg);

struct listener {
    int fd;
    struct loop **loops; /* who takes connections; the first one accepts */
    unsigned n_loops;
    unsigned max_connections; /* over all loops; more wait in the kernel's queue */
    listener_serve_fn *serve;
    void *arg;
    /* the rest is the module's own */
    struct io io;
    struct task *task;
    atomic_uint connections, per_loop[LISTENER_MAX_LOOPS];
};

/* Starts accepting on the calling loop (loops[0]). The listener must outlive its connections. */
bool listener_start(struct listener *l, struct error *err) MUST_CHECK;
/* No more connections; the socket itself stays open (it is the parent's). */
void listener_stop(struct listener *l);
