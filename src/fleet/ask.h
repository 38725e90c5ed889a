/* One small request of Weir's own to a node, by the same way that requests of clients take: the
 * gate for what is outside, the node's pooled connections, its networks. */
#pragma once

#include "fleet/fleet.h"

/* `body` may be empty; what is answered, at most 4 MiB, lies in the arena. Must run in a task. */
bool node_ask_any(struct fleet *f, struct node *n, const struct config_backend *b,
                  const char *method, const char *path, struct view body, int64_t timeout_ms,
                  struct arena *a, int *ret_status, struct view *ret_body,
                  struct error *err) MUST_CHECK;

/* The same, and false for any status but 2xx: NOT_FOUND for 404, else UPSTREAM_STATUS. */
bool node_ask(struct fleet *f, struct node *n, const struct config_backend *b, const char *method,
              const char *path, struct view body, int64_t timeout_ms, struct arena *a,
              struct view *ret_body, struct error *err) MUST_CHECK;
