#include "llm/request.h"

#include "llm/dialect.h"
#include "llm/openai_chat.h"

static bool unknown_dialect(struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "The dialect of the request is not known.");
}

static const struct llm_neutral *read_whole(enum llm_dialect dialect, struct view body,
                                            struct arena *a, struct error *err)
{
    const struct llm_dialect_ops *ops = llm_dialect(dialect);
    struct llm_neutral *neutral = arena_new_of(a, struct llm_neutral);

    if (!ops) {
        unknown_dialect(err);
        return NULL;
    }
    if (!neutral) {
        error_set(err, ERROR_NO_MEMORY, "The request needs more memory than one exchange may use.");
        return NULL;
    }
    return ops->request_read(body, a, neutral, err) ? neutral : NULL;
}

bool llm_request_read(enum llm_dialect dialect, struct view body, struct arena *a,
                      struct llm_request *ret_request, struct error *err)
{
    if (dialect == LLM_OPENAI_CHAT) /* the quick reader */
        return openai_chat_read(body, a, ret_request, err);
    const struct llm_neutral *neutral = read_whole(dialect, body, a, err);
    return neutral &&
           llm_request_from_neutral(dialect, body, neutral, VIEW_NONE, a, ret_request, err);
}

const struct llm_neutral *llm_request_neutral(struct llm_request *request, struct arena *a,
                                              struct error *err)
{
    if (!request->neutral)
        request->neutral = read_whole(request->dialect, request->body, a, err);
    return request->neutral;
}

bool llm_request_write(const struct llm_request *request, const struct llm_rewrite *rewrite,
                       struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                       struct error *err)
{
    const struct llm_dialect_ops *ops = llm_dialect(request->dialect);

    return ops ? ops->request_pass(request, rewrite, a, ret_body, ret_notes, err)
               : unknown_dialect(err);
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
