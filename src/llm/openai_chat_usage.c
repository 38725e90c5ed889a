#include "llm/openai_chat.h"
#include "llm/take.h"

/* One count out of a details object, which may be null. */
static void read_detail(struct json_reader *r, struct view name, uint32_t *ret_value)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (view_eq(o.key, name))
            llm_take_count(r, ret_value);
        else
            json_skip(r);
    }
}

void openai_usage(struct json_reader *r, struct llm_usage *ret_usage)
{
    struct json_object o;
    struct llm_usage usage = {.reported = false};

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "prompt_tokens") || json_key_is(&o, "input_tokens"))
            usage.reported |= llm_take_count(r, &usage.input);
        else if (json_key_is(&o, "completion_tokens") || json_key_is(&o, "output_tokens"))
            usage.reported |= llm_take_count(r, &usage.output);
        else if (json_key_is(&o, "prompt_tokens_details") ||
                 json_key_is(&o, "input_tokens_details"))
            read_detail(r, VIEW("cached_tokens"), &usage.cached);
        else if (json_key_is(&o, "completion_tokens_details") ||
                 json_key_is(&o, "output_tokens_details"))
            read_detail(r, VIEW("reasoning_tokens"), &usage.reasoning);
        else
            json_skip(r);
    }
    if (usage.reported)
        *ret_usage = usage;
}
