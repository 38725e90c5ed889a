/* The dialects' rows, and what a dialect has beyond them; llm_dialect() hands the rows out. */
#pragma once

#include "llm/dialect.h"

extern const struct llm_dialect_ops openai_chat_ops;
extern const struct llm_dialect_ops openai_responses_ops;
extern const struct llm_dialect_ops anthropic_ops;
extern const struct llm_dialect_ops ollama_ops;
/* Ollama's /api/generate for clients: one prompt, `response` instead of `message`. Backends are
 * asked in it only by request_pass; its request_write is NULL, translation takes ollama_ops. */
extern const struct llm_dialect_ops ollama_generate_ops;

/* POST /v1/messages/count_tokens: a messages request that needs no max_tokens, and its answer. */
bool anthropic_count_tokens_read(struct view body, struct arena *a, struct llm_neutral *ret,
                                 struct error *err) MUST_CHECK;
void anthropic_count_tokens_write(uint32_t tokens, struct buf *out);
/* The event that ends a stream. */
struct view anthropic_end_mark(void);
