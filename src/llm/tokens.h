/*
 * How many tokens a text will be, without a tokenizer: one pass over the bytes, classes of
 * characters and runs, weights fitted to real tokenizers (see train/tokens/README.md).
 */
#pragma once

#include "base/view.h"
#include "llm/request.h"

/* Tokenizers differ by a factor of up to four outside English, so each current family has weights
 * of its own. TOKENS_ANY is fitted to the mean of the six current ones (all but CL100K and CLAUDE):
 * good for European languages and code, off by a third or more for, say, Hindi. */
enum tokens_family {
    TOKENS_ANY,
    TOKENS_O200K,    /* GPT-4o and later, gpt-oss */
    TOKENS_CL100K,   /* GPT-4, GPT-3.5 */
    TOKENS_LLAMA3,   /* Llama 3 and later */
    TOKENS_QWEN,     /* Qwen 2 to 3 */
    TOKENS_DEEPSEEK, /* DeepSeek V2 to V3, R1 */
    TOKENS_GEMMA,    /* Gemma 2 and 3, Gemini */
    TOKENS_TEKKEN,   /* Mistral since Nemo */
    TOKENS_CLAUDE,   /* the one tokenizer that its maker has published (Claude 2) */
    TOKENS_FAMILIES
};

/* By the name of a model, with or without the part before a last '/'; TOKENS_ANY when the name
 * says nothing. */
enum tokens_family tokens_family(struct view model);

/* The sum of an estimate for every family: counting costs, weighing once more for each family does
 * not. Starts as zeros. */
#define TOKENS_COLUMNS 12 /* whole registers */
struct tokens {
    float of[TOKENS_COLUMNS]; /* the first TOKENS_FAMILIES count */
};

void tokens_add(struct tokens *sum, struct view text);
/* All of a request but its messages' texts: the frame that chat templates put around each message,
 * images, tools, the schema. */
void tokens_add_frame(struct tokens *sum, const struct llm_request *request);
uint32_t tokens_count(const struct tokens *sum, enum tokens_family family);

/* An estimate for the byte-pair tokenizers of current models; 0 for an empty text. */
uint32_t tokens_estimate(struct view text);
uint32_t tokens_estimate_for(enum tokens_family family, struct view text);

/* A whole request: its texts and all around them. */
uint32_t tokens_estimate_request(const struct llm_request *request);
uint32_t tokens_estimate_request_for(enum tokens_family family, const struct llm_request *request);

/* From the bytes of a completion, when an upstream reported no usage. */
uint32_t tokens_estimate_bytes(uint64_t bytes);
