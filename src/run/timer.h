/*
 * Deadlines in a binary heap. Moving a deadline later is free: the heap keeps the earlier time and
 * looks again when that comes (streams move theirs with each event).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "No deadline": later than any clock. */
#define TIMER_NEVER INT64_MAX

struct timer {
    int64_t deadline_ns; /* what the owner wants; TIMER_NEVER: nothing */
    int64_t heap_ns;     /* where it stands in the heap; never later than `deadline_ns` */
    size_t index;        /* its place in the heap, from 1; 0: not in it */
};

struct timer_heap {
    struct timer **items; /* from 1 */
    size_t n, cap;
};

/* False without memory: the timer is then not armed. */
bool timer_arm(struct timer_heap *h, struct timer *t, int64_t deadline_ns);
/* Wants nothing; stays in the heap until its time comes or timer_remove(). */
void timer_disarm(struct timer *t);
void timer_remove(struct timer_heap *h, struct timer *t);

/* The next timer whose deadline has passed, removed; NULL when there is none. */
struct timer *timer_pop_due(struct timer_heap *h, int64_t now_ns);
/* When timer_pop_due() should be asked next. */
int64_t timer_next(const struct timer_heap *h);
void timer_heap_done(struct timer_heap *h);
