/* The parts of a decision, for the files of this folder only. */
#pragma once

#include "policy/policy.h"

/* What the asked model comes to. */
struct target {
    struct view model; /* empty: any */
    bool one_side;     /* only `side` */
    enum side side;
    struct view because; /* for pinned ones; empty for auto */
};

/* A copy of the parts one behind the other, in the arena. */
struct view concat(struct arena *a, const struct view *parts, unsigned n);
#define CONCAT(a, ...)                              \
    concat((a), (const struct view[]){__VA_ARGS__}, \
           sizeof((const struct view[]){__VA_ARGS__}) / sizeof(struct view))

/* Fills plan->alias and plan->pinned too. Vectors of two models cannot be compared, so a request
 * for embeddings always has one model: an alias that names none is passed over, and `auto` or a
 * bare side mean the first model with that ability, inside before outside. */
bool resolve_target(const struct config *config, const struct policy_question *question,
                    const struct policy_fleet *fleet, struct arena *a, struct plan *plan,
                    struct target *ret_target, struct error *err) MUST_CHECK;
/* What the request needs and the model lacks; bits of enum ability. A model that embeds lacks all
 * that a chat is: then the bit is ABILITY_EMBEDDINGS too. */
unsigned lacking(const struct inspect_facts *facts, const struct policy_model *model);
/* Whether the backend has the model; an Ollama tag `:latest` may be left out. */
bool model_matches(const struct policy_backend *backend, const struct policy_model *model,
                   struct view name);

/* Fills plan->task, placement and because. */
bool place_task(const struct config *config, const struct policy_question *question,
                struct arena *a, struct plan *plan, struct error *err) MUST_CHECK;

/* Fills plan->modes, profile and modes_because; after the task. */
void place_modes(const struct config *config, const struct policy_question *question,
                 struct arena *a, struct plan *plan);

/* Fills plan->may_continue; after the task. */
void place_continuing(const struct config *config, const struct policy_question *question,
                      struct arena *a, struct plan *plan);

/* Fills candidates and skipped. */
bool collect_candidates(const struct policy_question *question, const struct policy_fleet *fleet,
                        const struct target *target, struct arena *a, struct plan *plan,
                        struct error *err) MUST_CHECK;
