/* Looking for the node to ask: who may be asked, and of those the one that balance.h chooses. */
#pragma once

#include "fleet/fleet.h"

/* What fleet_pick() looks among. */
struct pick {
    const struct config *config;
    const struct config_backend *backend;
    const struct fleet_node *nodes;
    unsigned n;
    const struct fleet_wish *wish;
    const struct fleet_tried *tried;
    uint64_t draw; /* a random number */
};

/* The index of the node to ask; BALANCE_NONE when there is none. It is booked as the one that has
 * the prompt in its cache, and where it must load the model that is noted. */
unsigned pick_node(const struct pick *p);

/* Whether node `i` may be asked, however full it is. */
bool pick_may_ask(const struct pick *p, unsigned i);
