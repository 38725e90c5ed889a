/*
 * What is known about models by name: the data file is models.def, one row a pattern, dated.
 */
#pragma once

#include "base/view.h"
#include "config/config.h"

struct llm_model_facts {
    uint32_t window;            /* tokens; 0: unknown */
    unsigned abilities;         /* bits of enum ability */
    bool known;                 /* false: the name matched nothing, all else is zero */
    bool max_completion_tokens; /* refuses max_tokens */
    bool drop_sampling;         /* refuses temperature and top_p */
    bool no_chat;               /* answers no chat; one that embeds has ABILITY_EMBEDDINGS */
    bool goes_on;               /* with the assistant's last turn, where a request ends with one */
};

/* The first row whose pattern (`*` stands for anything) matches the name, without the part before
 * a last '/' and without the `ft:` of a fine-tuned one, compared without case. */
struct llm_model_facts llm_model_facts(struct view model);

/* Whether the name says that an engine passes the model on to its maker's servers: Ollama's tags
 * `cloud` and `120b-cloud`. */
bool llm_model_is_remote(struct view model);
/* Bits of enum ability: what the config says, else what is known by name, else all that a chat may
 * need. */
unsigned llm_model_abilities(const struct config_model *model);
