/*
 * Inspection: what kind of task a request is and how hard it looks. Text in, facts out; no I/O.
 *
 * Works on the last user message together with the system message and the shape of the whole
 * (few-shot examples, code, schema, tools). Text is looked at up to a fixed number of bytes at
 * head and tail, so the cost does not grow with the prompt; a system message that was seen before
 * is recognised. Tokens are counted once, for all families of tokenizers: what a model's window
 * must hold and what an answer without usage cost is known by the family of that very model.
 */
#pragma once

#include "config/config.h"
#include "llm/request.h"
#include "llm/tokens.h"

struct inspect_facts {
    enum task_kind task;
    double confidence;  /* 0..1, of `task` */
    double complexity;  /* 0..1 */
    uint32_t tokens_in; /* estimate of the whole prompt where the tokenizer is not known */
    uint32_t tokens_by_family[TOKENS_FAMILIES]; /* the same for each; [TOKENS_ANY] is tokens_in */
    uint32_t completion; /* tokens of answer that the request asks for; 0: it does not say */
    unsigned needs;      /* bits of enum llm_need (the same values as enum ability) */
    const char *why;     /* the strongest cue in a few words; static text */
};

/* The last system messages that were seen, and what they add to the judgement: applications send
 * the same ones each time. Bounded; belongs to one thread. */
struct inspect_memory;
struct inspect_memory *inspect_memory_new(void); /* NULL without memory */
void inspect_memory_free(struct inspect_memory *memory);

/* `memory` may be NULL: then nothing is remembered. The facts are the same in either case. */
void inspect_exchange(const struct llm_request *request, struct inspect_memory *memory,
                      struct inspect_facts *ret_facts);

/* Tokens of context that the request needs of a model of this family: prompt and answer. */
uint32_t inspect_window(const struct inspect_facts *facts, enum tokens_family family);
