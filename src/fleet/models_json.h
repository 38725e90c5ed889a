/* What engines say of their models, read from their JSON. Embedding models are left out. */
#pragma once

#include "fleet/node.h"

/* OpenAI's list with what vLLM (`max_model_len`) and llama.cpp (`meta.n_ctx`) add; `props` is
 * llama.cpp's /props or empty. Fills `out` in its own arena. */
bool models_from_openai(struct view list, struct view props, struct node_models *out,
                        struct error *err) MUST_CHECK;

/* Ollama's /api/tags and /api/ps. A loaded model's window is its `context_length`; one that is not
 * loaded counts with 4,096, the engine's default: a longer prompt would be cut silently. A model
 * with a `remote_host` or `remote_model`, or a `cloud` tag, is remote. */
bool models_from_ollama(struct view tags, struct view ps, struct node_models *out,
                        struct error *err) MUST_CHECK;
