/* GET /nodes: what is known of each node, as JSON for `weir nodes`. POST /nodes/NAME/drain, cordon
 * and resume, for `weir node`. */
#pragma once

#include "gateway/gateway.h"
#include "http/server.h"

/* The nodes of the current fleet in the order of its config, and models that differ. */
void nodes_write(struct gateway *g, struct buf *out);

/* A POST to a path below /nodes/. NAME is percent-encoded: a node's URL as the config has it, its
 * HOST:PORT, or the name of a backend, which stands for all its nodes. Only for who connects from
 * this machine and is no page in a browser. Returns the status; `out` is the JSON to answer. */
int nodes_change(struct gateway *g, const struct http_server *c, const struct http_head *head,
                 struct arena *a, struct buf *out);
