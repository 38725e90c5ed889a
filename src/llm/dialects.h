/* The dialects' rows; llm_dialect() hands them out by number. */
#pragma once

#include "llm/dialect.h"

extern const struct llm_dialect_ops ollama_ops;
/* Ollama's /api/generate for clients: one prompt, `response` instead of `message`. Backends are
 * asked in it only by request_pass; its request_write is NULL, translation takes ollama_ops. */
extern const struct llm_dialect_ops ollama_generate_ops;
