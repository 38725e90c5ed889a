/* The calls of tools in an assistant's message. */
#include "llm/openai_chat_turns.h"
#include "json/writer.h"

/* Arguments must be an object for most dialects. A model may have written something else, and the
 * client sends it back: it becomes the one member `arguments`. */
static bool set_arguments(struct neutral_reader *x, struct llm_part *call, struct view text)
{
    struct json_reader r;
    struct buf out = BUF_MAX(64u << 20);

    while (text.n && strchr(" \t\r\n", text.p[0]))
        text = view_skip(text, 1);
    call->arguments = text.n ? text : VIEW("{}");
    if (!text.n)
        return true;
    json_begin(&r, text);
    enum json_type type = json_peek(&r);
    bool json = json_skip(&r) && json_end(&r);
    if (json && type == JSON_OBJECT)
        return true;
    buf_append_lit(&out, "{\"arguments\":");
    if (json)
        buf_append(&out, text);
    else
        json_quote(&out, text);
    buf_append_char(&out, '}');
    call->arguments = buf_ok(&out) ? arena_dup(x->a, buf_view(&out)) : VIEW("");
    buf_done(&out);
    return call->arguments.n || neutral_no_memory(x);
}

static bool read_function(struct turn_reader *t, struct llm_part *call)
{
    struct neutral_reader *x = t->x;
    struct json_object o;
    struct view arguments = VIEW_NONE;
    bool ok = true;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, turn_param(t, "tool_calls.function"),
                                    "Write {\"name\":\"...\",\"arguments\":\"{}\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "name"))
            ok = turn_string(t, "tool_calls.function.name", &call->name);
        else if (!json_key_is(&o, "arguments"))
            ok = json_skip(&x->r);
        else if (json_peek(&x->r) == JSON_OBJECT) /* not by the book, but what else could it be */
            ok = json_value(&x->r, &arguments);
        else
            ok = turn_string(t, "tool_calls.function.arguments", &arguments);
    }
    return ok && !json_failed(&x->r) && set_arguments(x, call, arguments);
}

static struct llm_part *add_call(struct turn_reader *t)
{
    void *calls = t->calls;

    if (!neutral_grow(t->x, &calls, t->n_calls, &t->room_calls, sizeof(struct llm_part)))
        return NULL;
    t->calls = calls;
    struct llm_part *call = &t->calls[t->n_calls++];
    *call = (struct llm_part){.kind = LLM_PART_CALL};
    return call;
}

static bool read_call(struct turn_reader *t)
{
    struct neutral_reader *x = t->x;
    struct llm_part *call = add_call(t);
    struct view type = VIEW_NONE;
    struct json_object o;
    bool ok = true;

    if (!call)
        return false;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(
            &x->r, turn_param(t, "tool_calls"),
            "Write {\"id\":\"...\",\"type\":\"function\",\"function\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "id"))
            ok = turn_string(t, "tool_calls.id", &call->id);
        else if (json_key_is(&o, "type"))
            ok = turn_string(t, "tool_calls.type", &type);
        else if (json_key_is(&o, "function"))
            ok = read_function(t, call);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    if (type.n && !view_eq(type, VIEW("function"))) { /* a custom tool's */
        call->kind = LLM_PART_OTHER;
        call->name = type;
        return true;
    }
    return call->name.n || neutral_bad(x, turn_param(t, "tool_calls.function.name"), "is missing",
                                       "Write the name of the function that was called.");
}

bool turn_calls(struct turn_reader *t)
{
    struct neutral_reader *x = t->x;
    struct json_array array;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, turn_param(t, "tool_calls"), "Write an array of calls.",
                                    x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array))
        if (!read_call(t))
            return false;
    return !json_failed(&x->r);
}

bool turn_function_call(struct turn_reader *t)
{
    if (json_take_null(&t->x->r))
        return true;
    struct llm_part *call = add_call(t);
    return call && read_function(t, call);
}
