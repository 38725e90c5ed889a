/* A client's connection: requests one after the other, each to its route. */
#pragma once

#include "gateway/gateway.h"

/* For the listener: serves `fd` until it ends. `arg` is the gateway. */
void connection_serve(int fd, void *arg);

/* Ends the idle connections of the calling loop; with `all` also those that serve a request. */
void connection_cancel(struct gateway *g, bool all);
