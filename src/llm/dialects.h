/* The rows of the dialects, one each. */
#pragma once

#include "llm/dialect.h"

extern const struct llm_dialect_ops openai_chat_ops;
extern const struct llm_dialect_ops openai_responses_ops;
extern const struct llm_dialect_ops anthropic_ops;
extern const struct llm_dialect_ops ollama_ops;
