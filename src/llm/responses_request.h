/* What the files that read a Responses request share; private to llm/. */
#pragma once

#include "llm/responses.h"

struct responses_request_reader {
    struct json_reader r;
    struct arena *a;
    struct error *err;
    struct llm_neutral n;
    struct responses_input input;
    struct llm_turn instructions;
    struct view allowed; /* raw: the only tools that may be called */
    bool has_model, has_input, has_prompt;
};

/* A field that nothing neutral holds; `name` is copied. */
bool responses_extra(struct responses_request_reader *x, struct view name);

/* responses_request_tools.c */
bool responses_read_tools(struct responses_request_reader *x);
bool responses_read_choice(struct responses_request_reader *x);
/* allowed_tools asks the same as fewer tools do: when all is read the others go. */
void responses_keep_allowed(struct responses_request_reader *x);
