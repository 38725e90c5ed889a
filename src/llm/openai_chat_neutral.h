/* What the files that read a chat request into the neutral form share; private to llm/. */
#pragma once

#include "llm/openai_chat.h"

struct neutral_reader {
    struct json_reader r;
    struct arena *a;
    struct error *err;
    struct llm_neutral *out;
    unsigned room_turns, room_tools;
    char param[64]; /* the field that is read, for errors */
};

/* A growing array in the arena; false, and the error set, without memory. */
bool neutral_grow(struct neutral_reader *x, void **array, unsigned n, unsigned *room, size_t size);
bool neutral_no_memory(struct neutral_reader *x);
bool neutral_bad(struct neutral_reader *x, struct view param, const char *what, const char *want);

/* Each takes null for "not said", and refuses another type under the name `param`. */
bool neutral_string(struct neutral_reader *x, struct view param, struct view *ret_text);
bool neutral_number(struct neutral_reader *x, struct view param, struct view *ret_raw);
bool neutral_flag(struct neutral_reader *x, struct view param, int *ret_value);
bool neutral_object(struct neutral_reader *x, struct view param, struct view *ret_raw);

/* Any member of a chat request's outermost object, which completions share. */
bool neutral_member(struct neutral_reader *x, const struct json_object *o, uint32_t *max_tokens);
/* Keeps the name of a field that nothing neutral holds. */
bool neutral_extra(struct neutral_reader *x, struct view key);

/* openai_chat_turns.c */
bool neutral_messages(struct neutral_reader *x);
/* openai_chat_tools.c */
bool neutral_tools(struct neutral_reader *x, bool functions);
bool neutral_choice(struct neutral_reader *x, bool function_call);
bool neutral_format(struct neutral_reader *x);
