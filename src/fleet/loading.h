/* Telling an engine that is still loading its model from one that is dead. */
#pragma once

#include "fleet/fleet.h"

/* Whether the look at the node that failed for `why` found an engine that starts: llama.cpp says so
 * (503, "Loading model"); of vLLM nothing listens before it is ready, so a refused connection, as
 * long as that is no more than ten minutes old and the node was never up: one that was is dead
 * until it answers. `refused_since_ns` is the caller's, one a node, 0 at first. Must run in a
 * task. */
bool loading_found(struct fleet *f, struct node *n, const struct config_backend *backend,
                   const struct error *why, int64_t *refused_since_ns);

/* The host is there, and nothing listens; a host that is gone, or a name that is none, is
 * something else. */
bool loading_refused(const struct error *why);
