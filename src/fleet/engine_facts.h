/* Asking an engine for what its list of models does not say. */
#pragma once

#include "fleet/fleet.h"

/* Its version, and of Ollama what each model can do. What the node said before of a model with the
 * same digest is not asked again. What is not answered stays as it is. Must run in a task. */
void engine_facts_ask(struct fleet *f, struct node *n, const struct config_backend *backend,
                      int64_t timeout_ms, struct arena *scratch, struct node_models *models);
