/* What the files that read the messages of a chat request share; private to llm/. */
#pragma once

#include "llm/openai_chat_neutral.h"

/* The parts of one message as they are found. */
struct turn_reader {
    struct neutral_reader *x;
    struct llm_turn *turn;
    unsigned room;
    struct view tool_call_id, refusal, reasoning, name;
    struct llm_part *calls; /* they stand behind the content, wherever they came */
    unsigned n_calls, room_calls;
    bool function; /* the role of before tools */
    bool has_role, has_content, has_audio;
};

/* "messages[3].content", in the reader. */
struct view turn_param(struct turn_reader *t, const char *field);
/* The field's name is put together only when it is needed: for an error. */
bool turn_string(struct turn_reader *t, const char *field, struct view *ret_text);

/* openai_chat_calls.c: `tool_calls`, and the `function_call` of before tools */
bool turn_calls(struct turn_reader *t);
bool turn_function_call(struct turn_reader *t);
