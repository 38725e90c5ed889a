/* The tools of a Responses request, and which of them may be called. */
#include "llm/openai_chat.h"
#include "llm/responses_request.h"
#include "llm/take.h"

static bool read_tool(struct responses_request_reader *x, struct llm_tool *tool)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    bool ok = true;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tools"), "Write an array of objects.", x->err);
    tool->strict = -1;
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "type"))
            ok = responses_string(&x->r, x->a, VIEW("tools.type"), &type, x->err);
        else if (json_key_is(&o, "name") && json_peek(&x->r) == JSON_STRING)
            ok = responses_string(&x->r, x->a, VIEW("tools.name"), &tool->name, x->err);
        else if (json_key_is(&o, "description") && json_peek(&x->r) == JSON_STRING)
            ok = responses_string(&x->r, x->a, VIEW("tools.description"), &tool->description,
                                  x->err);
        else if (json_key_is(&o, "parameters") && json_peek(&x->r) == JSON_OBJECT)
            ok = json_value(&x->r, &tool->parameters);
        else if (json_key_is(&o, "strict"))
            ok = llm_take_flag(&x->r, VIEW("tools.strict"), &tool->strict, x->err);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    if (!view_eq(type, VIEW("function"))) {
        if (!type.n)
            return responses_bad(x->err, VIEW("tools.type"), "is missing.", "Write \"function\".");
        *tool = (struct llm_tool){.name = type, .strict = -1, .foreign = true};
        return true;
    }
    if (!tool->name.n)
        return responses_bad(x->err, VIEW("tools.name"), "is missing.",
                             "Write the function's name beside its type, not in an object.");
    return true;
}

bool responses_read_tools(struct responses_request_reader *x)
{
    struct json_array array;
    unsigned room = 0;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("tools"), "Write an array of tools.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        if (x->n.n_tools == room) {
            unsigned more = room ? room * 2 : 4;
            struct llm_tool *grown = arena_new_array(x->a, struct llm_tool, more);
            if (!grown)
                return responses_no_memory(x->err);
            if (room)
                memcpy(grown, x->n.tools, room * sizeof(*grown));
            x->n.tools = grown;
            room = more;
        }
        if (!read_tool(x, &x->n.tools[x->n.n_tools]))
            return false;
        x->n.n_tools++;
    }
    return !json_failed(&x->r);
}

static bool choice_mode(struct responses_request_reader *x, struct view mode)
{
    if (view_eq(mode, VIEW("auto")))
        x->n.choice = LLM_CHOICE_AUTO;
    else if (view_eq(mode, VIEW("none")))
        x->n.choice = LLM_CHOICE_NONE;
    else if (view_eq(mode, VIEW("required")))
        x->n.choice = LLM_CHOICE_ANY;
    else
        return responses_bad(x->err, VIEW("tool_choice"), "is not a choice that is known.",
                             "Write \"auto\", \"none\", \"required\" or a function's name.");
    return true;
}

bool responses_read_choice(struct responses_request_reader *x)
{
    struct json_object o;
    struct view type = VIEW_NONE, name = VIEW_NONE, mode = VIEW_NONE;
    bool ok = true;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) == JSON_STRING)
        return responses_string(&x->r, x->a, VIEW("tool_choice"), &mode, x->err) &&
               choice_mode(x, mode);
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tool_choice"),
                                    "Write \"auto\", \"none\", \"required\" or an object.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "type"))
            ok = responses_string(&x->r, x->a, VIEW("tool_choice.type"), &type, x->err);
        else if (json_key_is(&o, "name"))
            ok = responses_string(&x->r, x->a, VIEW("tool_choice.name"), &name, x->err);
        else if (json_key_is(&o, "mode"))
            ok = responses_string(&x->r, x->a, VIEW("tool_choice.mode"), &mode, x->err);
        else if (json_key_is(&o, "tools") && json_peek(&x->r) == JSON_ARRAY)
            ok = json_value(&x->r, &x->allowed);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    if (view_eq(type, VIEW("allowed_tools")))
        return choice_mode(x, mode);
    x->allowed = VIEW_NONE;
    if (!view_eq(type, VIEW("function"))) /* a tool of the provider's own */
        return responses_extra(x, VIEW("tool_choice"));
    if (!name.n)
        return responses_bad(x->err, VIEW("tool_choice.name"), "is missing.",
                             "Write the name of the function.");
    x->n.choice = LLM_CHOICE_NAMED;
    x->n.choice_name = name;
    return true;
}

static bool is_allowed(struct responses_request_reader *x, const struct llm_tool *tool)
{
    struct json_reader r;
    struct json_array array;
    struct json_object o;
    struct json_text text;
    bool found = false;

    json_begin(&r, x->allowed);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array)) {
        if (json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        json_object_begin(&r, &o);
        while (json_object_next(&r, &o)) {
            bool names = json_key_is(&o, "name") || (tool->foreign && json_key_is(&o, "type"));
            if (!names || json_peek(&r) != JSON_STRING)
                json_skip(&r);
            else if (json_string(&r, &text))
                found |= json_text_eq(text, tool->name);
        }
    }
    return found;
}

void responses_keep_allowed(struct responses_request_reader *x)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < x->n.n_tools; i++)
        if (is_allowed(x, &x->n.tools[i]))
            x->n.tools[kept++] = x->n.tools[i];
    x->n.n_tools = kept;
}
