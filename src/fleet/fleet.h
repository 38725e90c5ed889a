/*
 * The fleet: the backends of one configuration and their nodes.
 *
 * A fleet belongs to one config snapshot and is reference-counted with it: each exchange holds the
 * fleet it began with. What changes while it lives (models that nodes report, breakers, load) is
 * in the nodes and in a view that the prober renews. Any thread may call.
 */
#pragma once

#include "fleet/affinity.h"
#include "fleet/node.h"

#define FLEET_MAX_NODES 256 /* of one backend */

struct fleet;

/* A node as this fleet's configuration has it: where it stands and what it is given may change with
 * a reload, the node stays. */
struct fleet_node {
    struct node *node;
    struct view zone; /* empty: in none */
    unsigned weight;  /* 1 to 1000 */
    bool near;        /* in the zone of this gateway, or the gateway is in none */
};

/* Takes a reference to `config`. The nodes' models are not known yet. */
struct fleet *fleet_new(struct config *config, struct error *err) MUST_CHECK;
struct fleet *fleet_ref(struct fleet *f);
/* Accepts NULL. */
void fleet_unref(struct fleet *f);

struct config *fleet_config(const struct fleet *f);
/* The gate of its configuration; lives as long as the fleet. */
struct egress *fleet_gate(const struct fleet *f);
const struct fleet_node *fleet_nodes(const struct fleet *f, unsigned backend, unsigned *ret_n);

/* The backends as policy_decide() wants them, right now. `ret_fleet` and all it names live in the
 * arena. False: no memory. */
bool fleet_view(struct fleet *f, struct arena *a, struct policy_fleet *ret_fleet) MUST_CHECK;

/* Makes the view again from what the nodes say now. */
void fleet_refresh(struct fleet *f);

/* Two inside nodes that have a model of one name with different digests, which answer the same
 * request with different weights. */
struct fleet_difference {
    struct node *a, *b;
    struct view model, digest_a, digest_b;
};

/* Calls `told`, if there is one, for each such pair, in the order of the config; the views live as
 * long as the call. Returns 0 when there is none, else a number that stands for all that was found,
 * for whoever tells news only. */
typedef void fleet_difference_fn(const struct fleet_difference *d, void *arg);
uint64_t fleet_each_difference(const struct fleet *f, fleet_difference_fn *told, void *arg);

/* Until the first answers (or failures) of all nodes are in, a backend without named models has
 * none: true when that is over, and whoever waits may go on. */
bool fleet_known(const struct fleet *f);
void fleet_set_known(struct fleet *f);

/* Nodes that one exchange has asked at a backend: bit i is node i. Zero it at first. */
struct fleet_tried {
    uint64_t bits[FLEET_MAX_NODES / 64];
};

/* What an attempt is looking for. */
struct fleet_wish {
    unsigned backend;
    struct view model;
    /* Also nodes whose breaker is open or that refused Weir's key, but never one that asked for
     * patience, that loads, or that is out of service. */
    bool desperate;
    /* What the model's window must hold; of several nodes those with a smaller one are passed over.
     * 0: it does not matter. */
    uint32_t tokens;
    struct affinity *affinity; /* NULL: whose cache has the prompt does not matter */
    const struct affinity_prompt *prompt;
};

/* The next node for an attempt, which is then among the tried: of those that are available, have
 * the model and were not tried one of this gateway's zone, unless all of those are full; the one
 * that has the prompt in its cache, unless it is too busy; else the one where it takes least long
 * (balance.h). NULL: none. */
struct node *fleet_pick(struct fleet *f, const struct fleet_wish *wish, struct fleet_tried *tried);

/* The window of that model at the node, as its engine says; 0: not known. */
uint32_t fleet_window(struct node *n, struct view model);

/* Its retry budget (budget.h): a request came; one is to be asked again, which is false where the
 * budget is used up. */
void fleet_count_request(struct fleet *f);
bool fleet_take_retry(struct fleet *f) MUST_CHECK;

/* How many nodes of that backend load their engines, and the least that one of them still needs;
 * `ret_rest_ns` is untouched with none. */
unsigned fleet_loading(const struct fleet *f, unsigned backend, int64_t *ret_rest_ns);
/* Some node of that backend may be asked now. */
bool fleet_available(const struct fleet *f, unsigned backend);

/* The earliest time (monotonic) at which a node of that backend that only asked us to wait may be
 * asked; TIMER_NEVER when there is none. */
int64_t fleet_retry_at(const struct fleet *f, unsigned backend);
