/*
 * How many tokens a text will be, without a tokenizer: one pass over the bytes, classes of
 * characters and runs, weights fitted to real tokenizers (see train/tokens/README.md).
 */
#pragma once

#include "base/view.h"
#include "llm/request.h"

/* An estimate for the byte-pair tokenizers of current models; 0 for an empty text. */
uint32_t tokens_estimate(struct view text);

/* A whole request: texts, the frame that chat templates put around each message, tools, images. */
uint32_t tokens_estimate_request(const struct llm_request *request);

/* From the bytes of a completion, when an upstream reported no usage. */
uint32_t tokens_estimate_bytes(uint64_t bytes);
