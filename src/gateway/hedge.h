/*
 * Hedging: a stream whose first token is late gets a second attempt at another node, and whoever is
 * first with content answers the client (race.h). Off unless `hedge.share` is set.
 *
 * Late is what is later than 95 of 100 first tokens of that node lately. Only a request's first
 * attempt is hedged, and only streams: how late a plain answer is depends on its length, and what
 * it has cost by then nobody knows.
 */
#pragma once

#include "fleet/fleet.h"
#include "gateway/attempt_node.h"

/* As attempt_node(), of the plan's candidate `i`. `tried` has the nodes tried of each candidate;
 * the second one joins them. */
enum attempt_outcome hedge_attempt(struct exchange *x, unsigned i, struct node *node,
                                   struct fleet_tried *tried);
