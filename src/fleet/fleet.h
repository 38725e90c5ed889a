/*
 * The fleet: the backends of one configuration and their nodes.
 *
 * A fleet belongs to one config snapshot and is reference-counted with it: each exchange holds the
 * fleet it began with. What changes while it lives (models that nodes report, breakers, load) is
 * in the nodes and in a view that the prober renews. Any thread may call.
 */
#pragma once

#include "fleet/affinity.h"
#include "fleet/membership.h"

#define FLEET_MAX_NODES CONFIG_MAX_NODES /* of one backend */

struct fleet;

/* Takes a reference to `config`. The nodes' models are not known yet. */
struct fleet *fleet_new(struct config *config, struct error *err) MUST_CHECK;
struct fleet *fleet_ref(struct fleet *f);
/* Accepts NULL. */
void fleet_unref(struct fleet *f);

struct config *fleet_config(const struct fleet *f);
/* The gate of its configuration; lives as long as the fleet. */
struct egress *fleet_gate(const struct fleet *f);
/* The nodes of a backend as they are now: the caller's to fleet_set_unref(). A node that stands in
 * a set that is held lives as long as that. */
struct fleet_set *fleet_set_ref(const struct fleet *f, unsigned backend);

/* The backends as policy_decide() wants them, right now. `ret_fleet` and all it names live in the
 * arena. False: no memory. */
bool fleet_view(struct fleet *f, struct arena *a, struct policy_fleet *ret_fleet) MUST_CHECK;

/* Makes the view again from what the nodes say now. */
void fleet_refresh(struct fleet *f);

/* A backend whose nodes are looked up has these now, as membership_change() says; on loop 0. */
bool fleet_found(struct fleet *f, unsigned backend, const struct config_node *found, unsigned n,
                 struct fleet_set **ret_before, struct error *err) MUST_CHECK;
/* How the looks for a backend's nodes went, for /metrics and for whoever waits for the first one.
 * Atomic; any thread. */
struct fleet_lookups {
    atomic_bool looked; /* the first look is over */
    _Atomic(uint64_t) failures;
    _Atomic(int64_t) good_ms; /* when the last one succeeded, Unix time; 0: none did */
};
struct fleet_lookups *fleet_lookups(const struct fleet *f, unsigned backend);
/* The first looks of all backends that need one are over. */
bool fleet_looked_up(const struct fleet *f);
/* Begins with the nodes that `before` had found, for backends that look them up as they did there.
 */
void fleet_inherit(struct fleet *f, const struct fleet *before);

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

/* Nodes that one exchange has asked at a backend: bit i is node i of the set that it began with.
 * Zero it at first. */
struct fleet_tried {
    const struct fleet_set *set;
    uint64_t bits[FLEET_MAX_NODES / 64];
};

/* What an attempt is looking for. */
struct fleet_wish {
    unsigned backend;
    struct view model;
    /* Also nodes whose breaker is open or that refused Weir's key, but never one that asked for
     * patience, that loads, or that is out of service. */
    bool desperate;
    /* Only nodes that are not full (room.h); else those come last. */
    bool roomy;
    /* What the model's window must hold; of several nodes those with a smaller one are passed over.
     * 0: it does not matter. */
    uint32_t tokens;
    struct affinity *affinity;            /* NULL: whose cache has the prompt does not matter */
    const struct affinity_prompt *prompt; /* so too */
    /* As long as it lives, so do the nodes that were picked. May be NULL where all nodes stand in
     * the config: those live as long as the fleet. */
    struct arena *arena;
};

/* The nodes among which an exchange looks at the backend: those that there are when it first does.
 */
const struct fleet_set *fleet_begin(const struct fleet *f, const struct fleet_wish *wish,
                                    struct fleet_tried *tried);

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

/* That node, where the backend has it, counts as tried. */
void fleet_set_tried(struct fleet *f, const struct fleet_wish *wish, const struct node *node,
                     struct fleet_tried *tried);

/* Whether an attempt may be made at node `i` of those that it began with, whatever that has to do.
 */
bool fleet_may_ask(const struct fleet *f, const struct fleet_wish *wish,
                   const struct fleet_tried *tried, unsigned i);
/* For who asks node `i` without fleet_pick(). */
void fleet_mark_tried(struct fleet_tried *tried, unsigned i);

/* The earliest time (monotonic) at which a node of that backend that only asked us to wait may be
 * asked; TIMER_NEVER when there is none. */
int64_t fleet_retry_at(const struct fleet *f, unsigned backend);
