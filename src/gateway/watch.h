/* The eyes of a gateway: the prober, the search for nodes, and what the log says of both. */
#pragma once

#include "gateway/gateway.h"

/* Turns them to the fleet that is about to be the gateway's. On loop 0. */
bool watch_begin(struct gateway *g, struct fleet *f, struct error *err) MUST_CHECK;
void watch_end(struct gateway *g);

/* Gives the ledger the node's hours up to now, where they cost something. */
void watch_hours(struct gateway *g, const struct config_backend *b, struct node *n);

/* A task of loop 0, which ends with it: those who wait for room that comes with time alone, and
 * which backends overflow. */
void watch_room(void *gateway);
