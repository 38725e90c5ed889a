/*
 * Weir's own requests to nodes: which models they have, and whether a node whose breaker is open
 * has come back. Runs as one task a node, on the loop that called prober_start().
 *
 * A list of models costs nothing. The half-open probe of an inside node is one real completion of
 * one token, because an engine that lists its models may still not answer; outside nodes are asked
 * for their list only, so that a probe never costs money.
 */
#pragma once

#include "fleet/fleet.h"

struct prober;

/* What the prober tells, on its loop. */
struct prober_ears {
    void (*changed)(struct node *n, void *arg); /* its models or its availability */
    void (*not_inside)(struct node *n, const struct error *why, void *arg); /* at each such look */
    void *arg;
};

/* Holds a reference to the fleet until it stopped. */
struct prober *prober_start(struct fleet *f, const struct prober_ears *ears);
/* Begins to look at nodes that have come, and leaves alone those that have gone. */
void prober_follow(struct prober *p);
/* Ends its tasks; returns at once, they finish by themselves. Accepts NULL. */
void prober_stop(struct prober *p);

/* One look at a node of the fleet: its models. For the prober and for `weir check`. Must run in a
 * task. */
struct node_models *probe_models(struct fleet *f, struct node *n,
                                 const struct config_backend *backend, int64_t timeout_ms,
                                 struct error *err) MUST_CHECK;

/* One token of a real completion; of a model that `embeds` the vector of a word. */
bool probe_completion(struct fleet *f, struct node *n, const struct config_backend *backend,
                      struct view model, bool embeds, int64_t timeout_ms,
                      struct error *err) MUST_CHECK;
