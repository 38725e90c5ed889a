/*
 * Embeddings in no dialect's words, and in three: OpenAI's /v1/embeddings, Ollama's /api/embed and
 * its older /api/embeddings (one text, one vector). Numbers pass as they were written; only base64
 * is decoded or made.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "llm/answer.h"

#define LLM_EMBED_MAX    8192 /* inputs of a request */
#define LLM_EMBED_EXTRAS 16

enum llm_embed_form { LLM_EMBED_OPENAI, LLM_EMBED_OLLAMA, LLM_EMBED_OLLAMA_OLD };

struct llm_embed_request {
    struct view model;
    struct view *inputs; /* decoded texts */
    unsigned n_inputs;
    struct view tokens;     /* OpenAI: `input` as token numbers, raw; then there are no inputs */
    struct view dimensions; /* raw number; empty: not said */
    bool base64;            /* the client wants base64 */
    int truncate; /* what is too long: 1 cut, 0 refused (as OpenAI does); -1: Ollama, not said */
    struct view user, keep_alive, options; /* the last two raw, Ollama's */
    struct view extras[LLM_EMBED_EXTRAS];  /* other fields, by name: see llm_loss_of() */
    unsigned n_extras;
};

struct llm_embed_vector {
    struct view numbers; /* raw JSON array; or */
    struct view base64;  /* little-endian 32-bit floats */
};

struct llm_embed_answer {
    struct llm_embed_vector *vectors; /* in the order of the inputs */
    unsigned n_vectors;
    struct llm_usage usage;
};

bool llm_embed_request_read(enum llm_embed_form form, struct view body, struct arena *a,
                            struct llm_embed_request *ret, struct error *err) MUST_CHECK;
/* For `model`; as llm_dialect_ops.request_write: dropped fields go to `notes`, and what cannot be
 * said fails with BAD_VALUE and err.param. */
bool llm_embed_request_write(enum llm_embed_form form, const struct llm_embed_request *request,
                             struct view model, struct buf *out, struct buf *notes,
                             struct error *err) MUST_CHECK;

/* An error object inside a 200 fails with UPSTREAM_STATUS, other JSON with UPSTREAM_PROTOCOL. */
bool llm_embed_answer_read(enum llm_embed_form form, struct view body, struct arena *a,
                           struct llm_embed_answer *ret, struct error *err) MUST_CHECK;
/* `model` is the name that the client asked for; `total_ns` is told to Ollama's clients. */
bool llm_embed_answer_write(enum llm_embed_form form, const struct llm_embed_request *request,
                            const struct llm_embed_answer *answer, struct view model,
                            int64_t total_ns, struct buf *out, struct error *err) MUST_CHECK;
