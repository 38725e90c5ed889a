/* The prober of a gateway, and what the log says of its nodes. */
#pragma once

#include "gateway/gateway.h"

/* For the fleet that is the gateway's, or is about to be. NULL without memory. On loop 0. */
struct prober *watch_nodes(struct gateway *g, struct fleet *f);
