/*
 * The shape of a model, as far as it says how much memory the model takes: how many weights of
 * which types, and what one token leaves in the KV cache. Read from a GGUF file (gguf.h) or from
 * the config.json of a model on Hugging Face (hf_config.h); economics/size.h counts with it.
 */
#pragma once

#include "base/error.h"

enum {
    SHAPE_MAX_LAYERS = 1024,
    SHAPE_MAX_HEADS = 4096,
    SHAPE_MAX_WIDTH = 1 << 20,
    SHAPE_PARTS = 40
};

#define SHAPE_MAX_PARAMS (UINT64_C(1) << 50)

/* What one token takes in the KV cache, in elements, all layers of one kind together. */
struct shape_cache {
    unsigned layers;
    uint64_t keys, values;
};

/* How weights may be stored: weight_types.def. */
struct weight_type {
    const char *name;
    unsigned millibits; /* of a weight, with its share of the scales, in thousandths of a bit */
    bool gguf;          /* a file of llama.cpp: its embeddings are made smaller too */
};
extern const struct weight_type weight_types[];
extern const unsigned n_weight_types;

/* By name, without case; NULL: there is none of that name. */
const struct weight_type *weight_type_find(struct view name);
uint64_t weight_type_bytes(const struct weight_type *type, uint64_t params);

/* The weights of one type. */
struct shape_weights {
    const char *type; /* "Q4_1", "bf16"; static */
    uint64_t params, bytes;
};

struct model_shape {
    char name[96];
    char arch[48]; /* "llama" */
    unsigned layers, hidden, vocab;
    unsigned inner;  /* the widest row between a layer's matrices, of the experts asked together */
    unsigned query;  /* the row of all heads */
    unsigned spread; /* rows of the width of a layer that narrow experts leave; else 0 */
    unsigned window; /* tokens that it was trained for; 0: not told */
    unsigned experts, experts_used;

    /* Keys and values of a layer, where all layers with a cache have the same; else 0. */
    unsigned kv_heads, key_size, value_size;
    struct shape_cache full;    /* of layers that look back over all tokens */
    struct shape_cache sliding; /* of those that see the last `sliding_window` tokens */
    unsigned sliding_window;

    uint64_t params, bytes;
    uint64_t matrix_params; /* those between the embeddings: all that vLLM's formats make smaller */
    struct shape_weights parts[SHAPE_PARTS];
    unsigned n_parts;

    unsigned files; /* the model lies in as many, and this is one of them */
    unsigned file;  /* from 0 */
};

/* Adds weights of a type. False when there are more than can be, or too many types. */
bool shape_add_weights(struct model_shape *s, const char *type, uint64_t params, uint64_t bytes);

/* What the weights would take if they were all of that type, but for those that stay as they are.
 */
uint64_t shape_bytes_as(const struct model_shape *s, const struct weight_type *type);

/* Says how wide the rows between a layer's matrices are: `inner` of a dense layer, `expert` of one
 * expert. Needs the experts and the width of a layer. False: they are wider than can be. */
bool shape_set_rows(struct model_shape *s, unsigned inner, unsigned expert, uint64_t query);

/* Adds a layer's keys and values. */
void shape_add_layer(struct model_shape *s, bool sliding, unsigned kv_heads, unsigned key_size,
                     unsigned value_size);
