/* The models that a client may ask for: one list behind those of all dialects (lists.c). */
#pragma once

#include "fleet/fleet.h"
#include "llm/model_lists.h"

#define MODELS_MAX 2048

/* Lives in the arena that it was made in. */
struct models {
    struct llm_listed *all;
    unsigned n; /* at least one: `auto` */
};

/* `auto`, the aliases without `*` and the models of both sides, each name once, at most MODELS_MAX
 * of them; with `pins` also "inside/NAME" and "outside/NAME". Told from what is known, whether
 * nodes are up or down. */
bool models_collect(struct fleet *f, bool pins, struct arena *a, struct models *ret_models,
                    struct error *err) MUST_CHECK;
/* NULL: there is none of that name. */
const struct llm_listed *models_find(const struct models *m, struct view name);
