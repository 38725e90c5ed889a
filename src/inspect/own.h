/* The organisation's own words and patterns. */
#pragma once

#include "inspect/sensitivity.h"

struct own;
struct own *own_new(const struct sensitivity_own *own, struct error *err);
void own_free(struct own *own); /* accepts NULL */
