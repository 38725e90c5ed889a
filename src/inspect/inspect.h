/*
 * Inspection: what kind of task a request is and how hard it looks. Text in, facts out; no I/O.
 *
 * Works on the last user message together with the system message and the shape of the whole
 * (few-shot examples, code, schema, tools). Text is looked at up to a fixed number of bytes at
 * head and tail, so the cost does not grow with the prompt.
 */
#pragma once

#include "config/config.h"
#include "llm/request.h"

struct inspect_facts {
    enum task_kind task;
    double confidence;  /* 0..1, of `task` */
    double complexity;  /* 0..1 */
    uint32_t tokens_in; /* estimate of the whole prompt */
    unsigned needs;     /* bits of enum llm_need (the same values as enum ability) */
    uint32_t window;    /* tokens of context that the request needs: prompt and completion asked */
    const char *why;    /* the strongest cue in a few words; static text */
};

void inspect_exchange(const struct llm_request *request, struct inspect_facts *ret_facts);
