#include "llm/take.h"

#include "llm/openai_chat.h"

bool llm_take_flag(struct json_reader *r, struct view param, int *ret_flag, struct error *err)
{
    bool value;

    if (json_take_null(r))
        return true;
    enum json_type type = json_peek(r);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return openai_chat_bad_type(r, param, "Write true or false.", err);
    if (!json_bool(r, &value))
        return false;
    *ret_flag = value;
    return true;
}

bool llm_take_number(struct json_reader *r, struct view param, struct view *ret_raw,
                     struct error *err)
{
    if (json_take_null(r))
        return true;
    if (json_peek(r) != JSON_NUMBER)
        return openai_chat_bad_type(r, param, "Write a number, or leave it out.", err);
    return json_number(r, ret_raw);
}

bool llm_take_object(struct json_reader *r, struct view param, struct view *ret_raw,
                     struct error *err)
{
    if (json_take_null(r))
        return true;
    if (json_peek(r) != JSON_OBJECT)
        return openai_chat_bad_type(r, param, "Write an object, or leave it out.", err);
    return json_value(r, ret_raw);
}

bool llm_take_text(struct json_reader *r, struct json_text *ret_text)
{
    if (json_peek(r) == JSON_STRING)
        return json_string(r, ret_text);
    json_skip(r);
    return false;
}

bool llm_take_count(struct json_reader *r, uint32_t *ret_count)
{
    struct view raw;
    uint64_t value;

    if (json_peek(r) != JSON_NUMBER) {
        json_skip(r);
        return false;
    }
    if (!json_number(r, &raw) || !view_to_u64(raw, &value))
        return false;
    *ret_count = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

bool llm_take_begin(struct json_reader *r, struct json_object *ret_object)
{
    if (json_peek(r) == JSON_OBJECT)
        return json_object_begin(r, ret_object);
    json_skip(r);
    return false;
}
