/* The rows of the dialects, one each. */
#pragma once

#include "llm/dialect.h"

extern const struct llm_dialect_ops openai_chat_ops;
extern const struct llm_dialect_ops openai_responses_ops;
extern const struct llm_dialect_ops anthropic_ops;
extern const struct llm_dialect_ops ollama_ops;

/* POST /v1/messages/count_tokens: a messages request that needs no max_tokens, and its answer. */
bool anthropic_count_tokens_read(struct view body, struct arena *a, struct llm_neutral *ret,
                                 struct error *err) MUST_CHECK;
void anthropic_count_tokens_write(uint32_t tokens, struct buf *out);
