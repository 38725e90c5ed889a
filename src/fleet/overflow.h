/*
 * Overflow: a backend whose nodes are all full is passed over by requests that may go elsewhere.
 *
 * That is decided for each request, by what its nodes would do with it right now (room.h): as long
 * as they are full requests go on to the next candidate, and as soon as one ends the next may come.
 * So a backend is used up to its limit, and nothing flaps. Any thread may call.
 */
#pragma once

#include "fleet/fleet.h"

/* All nodes of a backend that may be asked, together. */
struct overflow_outlook {
    bool full;           /* there is one that is up, and none of those has room */
    bool relaxed;        /* at most half of what it can take is there */
    unsigned n_up;       /* nodes that are up */
    unsigned ours;       /* requests that Weir has there */
    unsigned ahead;      /* requests that wait in their engines */
    int64_t wait_ns;     /* the shortest; 0 also when it is not known */
    double kv_use;       /* of the emptiest */
    int64_t per_turn_ns; /* how often a seat comes up at one of them; 0: not known */
};
struct overflow_outlook overflow_outlook(const struct fleet *f, unsigned backend, int64_t now_ns);

/* Whether no node of the backend has room, while one is up. */
bool overflow_full(const struct fleet *f, unsigned backend, int64_t now_ns);

/* "lab is full: 6 queued, 2.4 s to wait"; in the arena. */
struct view overflow_reason(const struct fleet *f, unsigned backend, int64_t now_ns,
                            struct arena *a);

/* Whether a node of the backend would be asked if it had room. A request that finds so goes on to
 * somebody else or waits, which overflow_take_pressed() tells of. */
bool overflow_passes(const struct fleet *f, const struct fleet_wish *wish,
                     struct fleet_tried *tried);
/* The same, where the plan has it pass. */
void overflow_press(const struct fleet *f, unsigned backend);
/* Whether a request passed since this was last asked. */
bool overflow_take_pressed(const struct fleet *f, unsigned backend);
