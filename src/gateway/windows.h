/* Which candidates, and which of their nodes, have room for a prompt that did not fit into another
 * one's window. */
#pragma once

#include "gateway/exchange.h"

/* A bit for each candidate that may have room for what does not fit into this one's window: those
 * with a larger window, or where one of the two is not known. */
uint32_t windows_wider(const struct exchange *x, const struct plan_candidate *than);
/* Whether one of them stands behind it in the plan. */
bool windows_wider_behind(const struct exchange *x, const struct plan_candidate *from);

/* What the window of a node must hold for this candidate, as fleet_pick() wants it: 0 where the
 * config's word for the window stands, or where it does not matter. */
uint32_t windows_needed(const struct exchange *x, const struct plan_candidate *c);
/* Whether other nodes of the candidate's backend have a larger window than this one. */
bool windows_wider_node(const struct exchange *x, const struct plan_candidate *c, struct node *n);
/* The node found the prompt too long for its window: only larger ones are picked from now on. */
void windows_exceeded(struct exchange *x, const struct plan_candidate *c, struct node *n);
