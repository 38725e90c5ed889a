/*
 * How busy an engine says it is, read from its own answers; no I/O.
 *
 * Engines differ in what they tell: vLLM all but what is loaded, llama.cpp what its operator left
 * switched on, Ollama only what is in memory. What is not said stays unknown, which is not zero.
 */
#pragma once

#include "base/error.h"
#include "base/view.h"

/* -1 in any field: not known. */
struct node_load {
    int64_t running, queued; /* requests */
    double kv_use;           /* how full the KV cache is, 0 to 1 */
    int64_t prefix_asked;    /* prompt tokens looked up in the prefix cache since its start ... */
    int64_t prefix_hit;      /* ... and found there */
    int64_t loaded;          /* models in memory */
    int64_t vram_bytes;      /* what of them lies in the GPU's memory */
};

#define LOAD_UNKNOWN ((struct node_load){-1, -1, -1, -1, -1, -1, -1})

/* Each fills in what its answer says and leaves the rest as it is, so that an engine's answers add
 * up. False: nothing of it could be used; `load` is as it was. */

/* vLLM's /metrics. Several engines behind one address (data parallel) count together, and the
 * fullest cache speaks for all. */
bool load_from_vllm(struct view metrics, struct node_load *load) MUST_CHECK;

/* llama.cpp's /metrics. */
bool load_from_llamacpp(struct view metrics, struct node_load *load) MUST_CHECK;

/* llama.cpp's /slots: who works, and how much of their windows those fill. */
bool load_from_slots(struct view slots, struct node_load *load, struct error *err) MUST_CHECK;

/* Ollama's /api/ps. */
bool load_from_ps(struct view ps, struct node_load *load, struct error *err) MUST_CHECK;
