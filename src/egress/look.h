/* The gate's own look at a request, for this folder. */
#pragma once

#include "egress/egress.h"

enum look { LOOK_CLEAN, LOOK_FOUND, LOOK_FAILED, LOOK_CANCELLED /* nobody waits any more */ };

/* Everything that would leave, but for the credential. `ret_classes` of all that was found;
 * FOUND when something of it may not leave. A large
 * request is looked through on the CPU pool; waiting ends at the deadline. */
enum look egress_look(const struct http_request_out *request, const struct egress_pass *pass,
                      int64_t deadline_ns, uint32_t *ret_classes, struct error *err);
