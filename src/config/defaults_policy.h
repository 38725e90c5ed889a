/* The decision matrix that is built in. */
#pragma once

#include "config/config.h"

/* Fills the matrix and the confidence floor; no rules. */
void policy_defaults(struct config_policy *ret_policy);
