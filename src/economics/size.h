/*
 * How much memory a model takes on a node: weights, KV cache, and what is computed on the way.
 * Pure.
 *
 * Weights and cache follow from the model's shape and are exact to the padding. What is computed on
 * the way is an estimate: for llama.cpp one that was fitted to what llama-server reports (with
 * flash attention, its default), for vLLM one after what it measures at its start. docs/sizing.md
 * has the formulas and how far each was checked.
 */
#pragma once

#include "llm/shape.h"

enum size_engine { SIZE_LLAMACPP, SIZE_VLLM };

/* How the cache stores a number: blocks of `elements` in `bytes`. */
struct size_cache_type {
    const char *name;
    unsigned elements, bytes;
    unsigned engines; /* bits 1 << enum size_engine of those that have it */
};
extern const struct size_cache_type size_cache_types[]; /* the larger before the smaller */
extern const unsigned n_size_cache_types;
/* By name, without case; NULL: no engine has one of that name. */
const struct size_cache_type *size_cache_type_find(struct view name);

enum { SIZE_MAX_CONTEXT = 100000000, SIZE_MAX_PARALLEL = 4096, SIZE_MAX_BATCH = 1 << 20 };

struct size_plan {
    enum size_engine engine;
    unsigned context;  /* tokens of one conversation */
    unsigned parallel; /* conversations at the same time */
    unsigned batch;    /* tokens that are computed together */
    const struct size_cache_type *cache_type;
    const struct weight_type *weight_type; /* NULL: as the file has them */
    uint64_t memory;                       /* of the node; 0: not told */
    double use;                            /* the share of it that the engine may take */
    uint64_t reserve;                      /* and what stays free of that share */
};

struct size_need {
    uint64_t weights, cache, compute, output, total;
    uint64_t available;            /* 0: not told */
    unsigned cells, sliding_cells; /* of one conversation, as the engine rounds them up */
};

/* What an engine does where nobody says otherwise. */
struct size_plan size_plan_default(enum size_engine engine);

/* Sums that would not fit 64 bits are UINT64_MAX. */
struct size_need size_needed(const struct model_shape *s, const struct size_plan *p);
bool size_fits(const struct size_need *need);

/* The most with which all else as it is fits; 0: nothing does. Contexts are multiples of 1,024
 * tokens, or of 256 up to 4,096, and none is longer than the model was trained for. */
unsigned size_most_context(const struct model_shape *s, const struct size_plan *p);
unsigned size_most_parallel(const struct model_shape *s, const struct size_plan *p);

enum size_change { SIZE_CONTEXT, SIZE_PARALLEL, SIZE_CACHE_TYPE, SIZE_WEIGHT_TYPE, SIZE_SEVERAL };
enum { SIZE_CHOICES = SIZE_SEVERAL + 1 };

/* A plan that fits. */
struct size_choice {
    enum size_change change;
    struct size_plan plan;
    struct size_need need;
};

/* What would fit instead of a plan that does not: each change that is enough alone, the mildest of
 * its kind. Where none is, one plan with several changes, for one conversation; where that does not
 * fit either, nothing. Returns how many. */
unsigned size_instead(const struct model_shape *s, const struct size_plan *p,
                      struct size_choice ret_choices[SIZE_CHOICES]);

/* The memory that a node must have for the plan. */
uint64_t size_memory_for(const struct size_plan *p, const struct size_need *need);
