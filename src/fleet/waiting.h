/*
 * Those who wait for room: requests that only full nodes may answer.
 *
 * There is one queue for the process, as there is of nodes, so it survives a reload; each request
 * waits with the fleet that it began with. When room comes up at a node the next one is of the key
 * that was served least (start-time fair queueing by expected tokens), and of a key the first that
 * came. It is given the seat before anybody else sees that it is free, so nobody is called up in
 * vain. The queue is bounded: for one more the key with the most requests gives up its last one.
 *
 * Any thread may call; who waits is a task.
 */
#pragma once

#include "fleet/fleet.h"

/* A backend and model that will do. `wish` and `tried` are as for fleet_pick(): the nodes that the
 * request began with are those that it waits for, and `wish.arena` keeps them. */
struct waiting_place {
    struct fleet_wish wish;
    struct fleet_tried *tried;
};

struct waiting_ask {
    struct fleet *fleet;
    const struct waiting_place *places;
    unsigned n_places;
    struct view key;     /* whose turn it takes */
    uint64_t cost;       /* of its turn: tokens, at least 1 */
    int64_t deadline_ns; /* monotonic */
};

enum waiting_end {
    WAITING_ROOM,     /* the node has a seat, kept for this request until it returns */
    WAITING_REFUSED,  /* the queue is full */
    WAITING_TOO_LONG, /* the deadline came first */
    WAITING_CANCELLED,
};

/* Waits. With ROOM the node is among the tried of its place, and is to be asked at once. */
enum waiting_end waiting_for_room(const struct waiting_ask *ask, unsigned *ret_place,
                                  struct node **ret_node) MUST_CHECK;

/* Something has become better at the node: a request ended, its engine told so, it came back.
 * Costs a load while nobody waits. No lock may be held. */
void waiting_room_came(struct node *n);
/* The same for all nodes, for what time alone brings. In a task. */
void waiting_look_around(void);

struct waiting_counts {
    unsigned waiting;   /* now */
    uint64_t waits;     /* that are over, however they ended ... */
    uint64_t waited_us; /* ... and how long they took together */
    uint64_t refused;   /* those that were refused or took too long */
};
struct waiting_counts waiting_counts(void);
