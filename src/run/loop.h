/*
 * The event loop: one epoll instance and one thread, on which tasks take turns (see task.h).
 *
 * All functions are for the loop's own thread unless they say otherwise. A turn is: run the tasks
 * that are ready, call the turn hooks, wait for events. Events only mark tasks as ready, so nothing
 * that a task frees can still be named by an event of the same turn.
 */
#pragma once

#include "base/error.h"
#include "base/list.h"
#include "run/timer.h"

#include <stdatomic.h>

struct loop;
struct task;

struct loop *loop_new(unsigned index, struct error *err) MUST_CHECK;
/* All its tasks must have ended. Accepts NULL. */
void loop_free(struct loop *l);

/* Runs on the calling thread until loop_stop() was called and all tasks have ended. */
void loop_run(struct loop *l);
/* Cancels all tasks; the loop ends with the last of them. Any thread. */
void loop_stop(struct loop *l);

/* The loop of the calling thread; NULL outside of one. */
struct loop *loop_current(void);
unsigned loop_index(const struct loop *l);
/* The time at the beginning of this turn: good enough for deadlines and durations of waits. */
int64_t loop_now_ns(void);

/* A scratch area of the loop for what does not outlive the caller's next wait. */
enum { LOOP_SCRATCH_BYTES = 128 * 1024 };
char *loop_scratch(struct loop *l);

/* Calls fn(arg) once a turn, after the ready tasks ran and before the wait. At most 8 hooks, for
 * the loop's life. */
void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg);

/* A message to the loop: fn(message) is called on its thread, once. The sender keeps the memory
 * alive until then. Any thread. */
struct loop_message {
    struct loop_message *next; /* the loop's */
    void (*fn)(struct loop_message *message);
};
void loop_post(struct loop *l, struct loop_message *message);

/* Any thread: numbers for balance, metrics and the watchdog. */
unsigned loop_tasks(const struct loop *l);
size_t loop_stack_high_water(const struct loop *l);
/* How long the running turn has kept the loop from waiting; 0 while it waits. */
int64_t loop_busy_ns(const struct loop *l);

/* A file descriptor under the loop's watch, edge-triggered. */
struct io {
    int fd;
    bool can_read, can_write; /* until a call says EAGAIN (or reads less than asked) */
    bool peer_closed;         /* the peer sent FIN, or the connection broke */
    struct task *reader, *writer;
    struct task *watcher; /* cancelled when the peer closes */
};

/* `io` must stay where it is until io_close(). */
bool io_open(struct io *io, int fd, struct error *err) MUST_CHECK;
/* Closes the descriptor too. No task may wait on it. Harmless for a closed one. */
void io_close(struct io *io);

enum wait_result { WAIT_READY, WAIT_TIMEOUT, WAIT_CANCELLED };
enum wait_result io_wait_readable(struct io *io, int64_t deadline_ns) MUST_CHECK;
enum wait_result io_wait_writable(struct io *io, int64_t deadline_ns) MUST_CHECK;

/* Cancels `task` as soon as the peer of `io` has closed, also when that was before. NULL: stop. */
void io_watch_peer(struct io *io, struct task *task);
