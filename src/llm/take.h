/* Plain values out of JSON, as the readers of all dialects take them; private to llm/. */
#pragma once

#include "base/error.h"
#include "json/reader.h"

/* ---- of requests: null is "not said", another type is refused under the name `param` --------- */

bool llm_take_flag(struct json_reader *r, struct view param, int *ret_flag, struct error *err);
bool llm_take_number(struct json_reader *r, struct view param, struct view *ret_raw,
                     struct error *err);
/* An object, raw. */
bool llm_take_object(struct json_reader *r, struct view param, struct view *ret_raw,
                     struct error *err);

/* ---- of answers: what is of another type is passed over, and false --------------------------- */

bool llm_take_text(struct json_reader *r, struct json_text *ret_text);
/* A whole number. */
bool llm_take_count(struct json_reader *r, uint32_t *ret_count);
/* The beginning of an object. */
bool llm_take_begin(struct json_reader *r, struct json_object *ret_object);
