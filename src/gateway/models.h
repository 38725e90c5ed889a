/* GET /v1/models: what a client may ask for. */
#pragma once

#include "fleet/fleet.h"

/* OpenAI's list: `auto`, the aliases without `*`, and the models of both sides as
 * "inside/NAME" and "outside/NAME" and by their plain names. `only` not empty: that one object, or
 * UNKNOWN_MODEL. `anthropic`: in Anthropic's shape. Answers from what is known, whether nodes are
 * up or down. */
bool models_write(struct fleet *f, bool anthropic, struct view only, struct arena *a,
                  struct buf *out, struct error *err) MUST_CHECK;
