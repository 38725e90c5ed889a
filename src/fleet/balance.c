#include "fleet/balance.h"

#include <stdbool.h>

/* A node within this of the best one's time is as good. */
static const double TOLERANCE = 1.2;
/* Answers differ in length, so the time of one is not known better: within this of the fastest
 * node's, and below what anybody notices, a node is as fast. */
static const double ALIKE = 1.5;
static const double NOTICED_NS = 20e6;
static const double UNMEASURED_NS = 1e9;

/* What stands in where a node has not shown it, and what it is seen against. */
struct usual {
    double fastest_ns, service_ns, weight;
    unsigned width;
};

static struct usual usual_of(const struct balance_node *nodes, unsigned n)
{
    struct usual u = {.width = 0};
    double sum_ns = 0;
    unsigned measured = 0;

    for (unsigned i = 0; i < n; i++) {
        double ns = (double)nodes[i].service_ns;
        u.weight += nodes[i].weight / n;
        u.width = nodes[i].width > u.width ? nodes[i].width : u.width;
        if (ns <= 0)
            continue;
        u.fastest_ns = measured == 0 || ns < u.fastest_ns ? ns : u.fastest_ns;
        sum_ns += ns;
        measured++;
    }
    u.service_ns = measured ? sum_ns / measured : UNMEASURED_NS;
    u.width = u.width ? u.width : 1;
    return u;
}

static double expected_ns(const struct balance_node *b, const struct usual *u)
{
    double service_ns = b->service_ns > 0 ? (double)b->service_ns : u->service_ns;
    double width = b->width > 0 ? b->width : u->width;

    if (service_ns <= u->fastest_ns * ALIKE || service_ns <= NOTICED_NS)
        service_ns = u->fastest_ns;
    return service_ns * (1 + b->jobs / (width * b->weight / u->weight)) + (double)b->loading_ns;
}

unsigned balance_choose(const struct balance_node *nodes, unsigned n, unsigned keeper,
                        double margin, uint64_t draw)
{
    struct usual u = usual_of(nodes, n);
    double best_ns = expected_ns(&nodes[0], &u), weights = 0;
    unsigned chosen = 0;

    for (unsigned i = 1; i < n; i++) {
        double ns = expected_ns(&nodes[i], &u);
        best_ns = ns < best_ns ? ns : best_ns;
    }
    if (keeper < n && expected_ns(&nodes[keeper], &u) <= best_ns * (1 + margin))
        return keeper;
    for (unsigned i = 0; i < n; i++)
        if (expected_ns(&nodes[i], &u) <= best_ns * TOLERANCE)
            weights += nodes[i].weight;
    double ticket = (double)(draw >> 11) * 0x1p-53 * weights;
    for (unsigned i = 0; i < n; i++) {
        if (expected_ns(&nodes[i], &u) > best_ns * TOLERANCE)
            continue;
        chosen = i;
        ticket -= nodes[i].weight;
        if (ticket < 0)
            break;
    }
    return chosen;
}
