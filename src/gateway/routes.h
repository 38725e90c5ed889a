/* The table of paths, and the small endpoints that need no plan and leave no record. */
#pragma once

#include "gateway/exchange.h"

/* Serves the request whose head was read. False: the connection cannot be used again. */
bool route_serve(struct exchange *x);
/* Answers `x->error` in the dialect of the path. */
bool route_refuse(struct exchange *x);
/* kept.c: GET and DELETE of /v1/responses/ID. */
bool route_kept(struct exchange *x, struct view id);
