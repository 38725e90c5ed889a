/* Finding a model by its name: in one list, and which of hundreds of nodes may have it. */
#pragma once

#include "policy/policy.h"

#include <stdatomic.h>

/* The model of that name; NULL: it is not there. Ollama lists a model that was pulled without a tag
 * as NAME:latest, so that is found too where there is no other. */
struct policy_model *model_names_find(struct policy_model *models, unsigned n, struct view name);

/* What a list holds in a few bits, two for each name: who lacks one of them has not the model. Read
 * without a lock while it changes. */
#define MODEL_NAMES_WORDS 4
struct model_names {
    _Atomic(uint64_t) words[MODEL_NAMES_WORDS];
};

/* Anything may be there. */
void model_names_forget(struct model_names *m);
void model_names_note(struct model_names *m, const struct policy_model *models, unsigned n);
/* False: no model whose name has this hash (hash_bytes()) is there. */
bool model_names_may_have(const struct model_names *m, uint64_t hash);
