/* Asking the running gateway over its admin address. */
#pragma once

#include "cli/common.h"

/* One request; the body of the answer, at most 16 MiB, lies in the arena, whatever its status was.
 * False: nobody answers there. Runs a loop of its own. */
bool admin_call(const struct config *config, const char *method, struct view path, struct arena *a,
                int *ret_status, struct view *ret_body, struct error *err) MUST_CHECK;
