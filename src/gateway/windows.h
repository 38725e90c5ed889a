/* Which candidates have room for a prompt that did not fit into another one's window. */
#pragma once

#include "gateway/exchange.h"

/* A bit for each candidate that may have room for what does not fit into this one's window: those
 * with a larger window, or where one of the two is not known. */
uint32_t windows_wider(const struct exchange *x, const struct plan_candidate *than);
/* Whether one of them stands behind it in the plan. */
bool windows_wider_behind(const struct exchange *x, const struct plan_candidate *from);
