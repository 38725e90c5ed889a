/* What the two tools of the bench share: options, time, sockets on the loopback. They use nothing
 * of Weir's library, so that a change there cannot change the yardstick. */
#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints the sentence to standard error and exits with 2. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One row a command line option; exactly one of the three targets is set. */
struct option_row {
    const char *name; /* "--port" */
    long *number;
    const char **text;
    bool *flag;
};

/* Fills the targets from `argv`; dies at an unknown option or a bad number. */
void options_read(int argc, char **argv, const struct option_row *rows, size_t n_rows);

/* Runs on this core only (nothing when it is negative), wakes up on time instead of up to 50 us
 * late, allows as many files as the system does, and ends with its parent. */
void process_setup(long core);

/* Memory or the end: a bench has nothing better to do. */
void *must_alloc(size_t n);
void *must_grow(void *p, size_t n);

void socket_tune(int fd);
int socket_listen(long port);
/* Blocking until it is connected, non-blocking from then on; -1 when nobody listens. */
int socket_connect(long port);

/* Waits like epoll_wait() but to the nanosecond; `until_ns` 0: without an end. */
struct epoll_event;
int epoll_wait_until(int epoll_fd, struct epoll_event *events, int max, int64_t until_ns);
