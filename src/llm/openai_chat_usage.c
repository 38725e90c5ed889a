#include "llm/openai_chat.h"

/* Reads a count; what is no whole number is passed over. */
static bool read_count(struct json_reader *r, uint32_t *ret_value)
{
    struct view raw;
    uint64_t value;

    if (json_peek(r) != JSON_NUMBER) {
        json_skip(r);
        return false;
    }
    if (!json_number(r, &raw) || !view_to_u64(raw, &value))
        return false;
    *ret_value = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

/* One count out of a details object, which may be null. */
static void read_detail(struct json_reader *r, struct view name, uint32_t *ret_value)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (view_eq(o.key, name))
            read_count(r, ret_value);
        else
            json_skip(r);
    }
}

void openai_chat_usage(struct json_reader *r, struct llm_usage *ret_usage)
{
    struct json_object o;
    struct llm_usage usage = {.reported = false};

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "prompt_tokens"))
            usage.reported |= read_count(r, &usage.input);
        else if (json_key_is(&o, "completion_tokens"))
            usage.reported |= read_count(r, &usage.output);
        else if (json_key_is(&o, "prompt_tokens_details"))
            read_detail(r, VIEW("cached_tokens"), &usage.cached);
        else if (json_key_is(&o, "completion_tokens_details"))
            read_detail(r, VIEW("reasoning_tokens"), &usage.reasoning);
        else
            json_skip(r);
    }
    if (usage.reported)
        *ret_usage = usage;
}
