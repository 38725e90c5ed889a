#include "llm/request.h"

#include "llm/openai_chat.h"

bool llm_request_read(enum llm_dialect dialect, struct view body, struct arena *a,
                      struct llm_request *ret_request, struct error *err)
{
    switch (dialect) {
    case LLM_OPENAI_CHAT:
        return openai_chat_read(body, a, ret_request, err);
    }
    return error_set(err, ERROR_INTERNAL, "The dialect of the request is not known.");
}

bool llm_metadata_get(struct view metadata, struct view name, struct arena *a,
                      struct view *ret_value)
{
    struct json_reader r;
    struct json_object o;
    struct json_text text;

    json_begin(&r, metadata);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!view_eq(o.key, name)) {
            json_skip(&r);
            continue;
        }
        if (json_peek(&r) != JSON_STRING || !json_string(&r, &text))
            return false;
        struct view value = json_decode(text, a);
        if (arena_failed(a))
            return false;
        *ret_value = value;
        return true;
    }
    return false;
}
