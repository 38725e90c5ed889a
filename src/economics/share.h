/*
 * A node's hours, shared among the requests that ran on it: each moment is divided by the requests
 * in flight at that moment. What no request used is idle time, a line of its own.
 *
 * S(t) is the integral of dt / in_flight(t); a request's share of the node is S(end) - S(begin),
 * so both ends are O(1) and the shares of all requests add up to the busy time exactly.
 * Not thread-safe: the owner (a node of the fleet) holds its lock.
 */
#pragma once

#include <stdint.h>

struct share_meter {
    int64_t since_ns;   /* when the node was first metered */
    int64_t last_ns;    /* up to here all is accounted */
    int64_t busy_ns;    /* moments with at least one request */
    double integral_ns; /* S */
    unsigned in_flight;
};

void share_start(struct share_meter *m, int64_t now_ns);
/* Returns S at the beginning, to be handed back to share_end(). */
double share_begin(struct share_meter *m, int64_t now_ns);
/* Returns the request's share of the node in ns. */
int64_t share_end(struct share_meter *m, double begin, int64_t now_ns);
int64_t share_idle_ns(const struct share_meter *m, int64_t now_ns);

/* Nano-dollars for `share_ns` on a node that costs so much an hour. */
int64_t share_cost_nano(int64_t share_ns, int64_t cost_per_hour_nano);
