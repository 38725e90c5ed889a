/*
 * Which of several nodes is asked: pure, from what is known of each.
 *
 * The measure is how long one more request would take there: the time of a request that does not
 * wait, longer by those that are there already for each that the engine works on at a time, and the
 * time to load its model where it must be loaded. Weights make a node wider or narrower beside the
 * others. Times are not known better than to a fifth, so nodes within that of the best count as
 * equal, and a draw decides among them in proportion to their weights.
 */
#pragma once

#include <stdint.h>

struct balance_node {
    int64_t service_ns; /* of a request that does not wait; 0: not known, as the others' */
    int64_t loading_ns; /* until its model is in memory; 0: it is */
    unsigned jobs;      /* requests there */
    unsigned width;     /* so many at a time; 0: not known, as the widest of the others */
    double weight;      /* above 0 */
};

#define BALANCE_NONE UINT32_MAX

/* The index of the one to ask. The keeper (or BALANCE_NONE) is the node that has the request's
 * prefix in its cache; it is asked as long as it takes no longer than the best one by more than
 * `margin` of the best one's time. `draw` is a random number. `n` is 1 or more. */
unsigned balance_choose(const struct balance_node *nodes, unsigned n, unsigned keeper,
                        double margin, uint64_t draw);
