/* Inside the folder: how a node begins and ends. All else goes through node_get() and node_unref().
 */
#pragma once

#include "fleet/node.h"

/* In no list yet. */
struct node *node_new(const struct config_backend *b, const struct config_url *u,
                      struct error *err) MUST_CHECK;
void node_destroy(struct node *n);
