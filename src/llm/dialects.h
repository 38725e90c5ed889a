/* The dialects' rows, and what a dialect has beyond them; llm_dialect() hands the rows out. */
#pragma once

#include "llm/dialect.h"

extern const struct llm_dialect_ops openai_chat_ops;
extern const struct llm_dialect_ops openai_responses_ops;
extern const struct llm_dialect_ops anthropic_ops;
extern const struct llm_dialect_ops ollama_ops;
/* Clients' dialects: nothing is translated into them, so their request_write is NULL where bytes
 * only pass (see llm_asked_in()). /api/generate: one prompt, `response` instead of `message`. */
extern const struct llm_dialect_ops ollama_generate_ops;
/* /v1/completions: a text to go on with. */
extern const struct llm_dialect_ops openai_completions_ops;
/* Embeddings; they have no streams. */
extern const struct llm_dialect_ops openai_embeddings_ops;
extern const struct llm_dialect_ops ollama_embed_ops;
extern const struct llm_dialect_ops ollama_embeddings_ops;

/* POST /v1/messages/count_tokens: a messages request that needs no max_tokens, and its answer. */
bool anthropic_count_tokens_read(struct view body, struct arena *a, struct llm_neutral *ret,
                                 struct error *err) MUST_CHECK;
void anthropic_count_tokens_write(uint32_t tokens, struct buf *out);
/* The event that ends a stream. */
struct view anthropic_end_mark(void);
