/* A request that only full nodes may answer waits in the fleet's queue (fleet/waiting.h). */
#pragma once

#include "fleet/waiting.h"
#include "gateway/exchange.h"

/* Waits until one of the places has room, and gives that node, which is to be asked at once. Each
 * exchange waits for `queue.wait` in all. False: x->error says why, and how long the client had
 * better wait. */
bool queue_for_room(struct exchange *x, const struct waiting_place *places, unsigned n_places,
                    unsigned *ret_place, struct node **ret_node) MUST_CHECK;
