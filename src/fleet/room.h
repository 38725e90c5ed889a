/*
 * Room: may a node be given one more request now, or would it have to wait there for too long?
 *
 * Engines queue without end and tell so only when they are asked. What is there, how many of those
 * the engine works on at a time and how long one takes is known of its pace (pace.h); what is there
 * beyond its seats, as its width is called here, is its queue.
 *
 * A request costs this a few loads: all is in atomics of the node, and no lock is taken.
 */
#pragma once

#include "config/config.h"
#include "fleet/load.h"

#include <stdatomic.h>

struct node;

/* What of a node its room is told from, beside its pace. */
struct room {
    atomic_uint most;    /* backends[].max_requests; 0: any number */
    atomic_uint claimed; /* seats that are kept for requests which were just called up */
    atomic_uint kv_use;  /* at the last reading, in 1/10,000; 0 also when it is not known */
    atomic_bool pressed; /* a request passed since the last look, because it is full */
};

/* The engine's reading came. */
void room_read(struct room *r, const struct node_load *load);

/* What one more request would meet at the node. */
struct room_outlook {
    bool full;       /* it should go elsewhere, or wait until there is room */
    unsigned seats;  /* requests that it works on at a time, or is given; 0: not known */
    unsigned taken;  /* requests that are there */
    unsigned ahead;  /* those of them that would wait before it */
    int64_t wait_ns; /* for how long; 0 also when that is not known */
    double kv_use;   /* 0 to 1, while somebody waits; 0 also when it is not known */
};
struct room_outlook room_outlook(const struct node *n, const struct config *c, int64_t now_ns);

/* The outlook's `full`. */
bool room_full(const struct node *n, const struct config *c, int64_t now_ns);

/* How long it takes until a seat is free while all are taken; 0: not known. */
int64_t room_turn_ns(const struct node *n, int64_t now_ns);

/* Whether so much was sent since the last reading, to an engine whose seats are not known, that it
 * is better read again soon. */
bool room_unsure(const struct node *n, const struct config *c, int64_t now_ns);
