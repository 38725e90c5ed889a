/* The lists of models that clients read: a model as all of them tell it, and OpenAI's and
 * Anthropic's lists; Ollama's are in ollama_lists.h. */
#pragma once

#include "base/buf.h"
#include "config/config.h"

struct llm_listed {
    struct view name;
    struct view owner;  /* the backend's name, or "weir" */
    uint32_t window;    /* tokens; 0: not known */
    bool loaded;        /* some engine has it in memory now */
    unsigned abilities; /* bits of enum ability; none are told of a name that stands for others */
};

void openai_model_write(const struct llm_listed *model, struct buf *out);
void openai_models_write(const struct llm_listed *models, size_t n, struct buf *out);

void anthropic_model_write(const struct llm_listed *model, struct buf *out);
/* At least one. */
void anthropic_models_write(const struct llm_listed *models, size_t n, struct buf *out);
