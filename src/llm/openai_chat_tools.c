/* The tools of a chat request, which of them may be called, and the answer's format. */
#include "llm/openai_chat_neutral.h"

static bool read_function(struct neutral_reader *x, struct llm_tool *tool)
{
    struct json_object o;
    bool ok = true;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tools"),
                                    "Write {\"name\":\"...\",\"parameters\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "name"))
            ok = neutral_string(x, VIEW("tools.function.name"), &tool->name);
        else if (json_key_is(&o, "description"))
            ok = neutral_string(x, VIEW("tools.function.description"), &tool->description);
        else if (json_key_is(&o, "parameters"))
            ok = neutral_object(x, VIEW("tools.function.parameters"), &tool->parameters);
        else if (json_key_is(&o, "strict"))
            ok = neutral_flag(x, VIEW("tools.function.strict"), &tool->strict);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    return tool->name.n ||
           neutral_bad(x, VIEW("tools.function.name"), "is missing", "Write the function's name.");
}

static bool read_tool(struct neutral_reader *x, struct llm_tool *tool)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    bool ok = true, function = false;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tools"),
                                    "Write {\"type\":\"function\",\"function\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "type"))
            ok = neutral_string(x, VIEW("tools.type"), &type);
        else if (json_key_is(&o, "function"))
            ok = function = read_function(x, tool);
        else if (json_key_is(&o, "cache_control"))
            ok = json_value(&x->r, &tool->cache_control);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    if (function)
        return true;
    if (type.n == 0 || view_eq(type, VIEW("function")))
        return neutral_bad(x, VIEW("tools.function"), "is missing",
                           "Write {\"type\":\"function\",\"function\":{...}}.");
    tool->foreign = true;
    tool->name = type;
    return true;
}

bool neutral_tools(struct neutral_reader *x, bool functions)
{
    struct json_array array;
    void *tools = x->out->tools;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, functions ? VIEW("functions") : VIEW("tools"),
                                    "Write an array of tools, or leave it out.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        if (!neutral_grow(x, &tools, x->out->n_tools, &x->room_tools, sizeof(struct llm_tool)))
            return false;
        x->out->tools = tools;
        struct llm_tool *tool = &x->out->tools[x->out->n_tools++];
        *tool = (struct llm_tool){.strict = -1};
        if (functions ? !read_function(x, tool) : !read_tool(x, tool))
            return false;
    }
    return !json_failed(&x->r);
}

/* ---- the choice among them ------------------------------------------------------------------- */

static bool choice_word(struct neutral_reader *x, struct view param)
{
    static const struct {
        struct view word;
        enum llm_choice choice;
    } words[] = {
        {VIEW_LIT("auto"), LLM_CHOICE_AUTO},
        {VIEW_LIT("none"), LLM_CHOICE_NONE},
        {VIEW_LIT("required"), LLM_CHOICE_ANY},
    };
    struct json_text text;

    if (!json_string(&x->r, &text))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (json_text_eq(text, words[i].word)) {
            x->out->choice = words[i].choice;
            return true;
        }
    return neutral_bad(x, param, "is not a choice that is known",
                       "Write \"auto\", \"none\", \"required\" or a function's name in an object.");
}

/* {"type":"function","function":{"name":...}}, and the older {"name":...}; depth 2 at most. */
static bool choice_object(struct neutral_reader *x, struct view param, bool outermost)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    bool ok = true;

    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "name"))
            ok = neutral_string(x, param, &x->out->choice_name);
        else if (json_key_is(&o, "type"))
            ok = neutral_string(x, param, &type);
        else if (outermost && json_key_is(&o, "function") && json_peek(&x->r) == JSON_OBJECT)
            ok = choice_object(x, param, false);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    if (!outermost)
        return true;
    x->out->choice = LLM_CHOICE_NAMED;
    return x->out->choice_name.n ||
           neutral_bad(x, param, "names no function",
                       "Write {\"type\":\"function\",\"function\":{\"name\":\"...\"}}.");
}

bool neutral_choice(struct neutral_reader *x, bool function_call)
{
    struct view param = function_call ? VIEW("function_call") : VIEW("tool_choice");

    switch ((int)json_peek(&x->r)) {
    case JSON_NULL:
        return json_skip(&x->r);
    case JSON_STRING:
        return choice_word(x, param);
    case JSON_OBJECT:
        return choice_object(x, param, true);
    default:
        return openai_chat_bad_type(&x->r, param, "Write a string or an object.", x->err);
    }
}

/* ---- the answer's format --------------------------------------------------------------------- */

static bool read_schema(struct neutral_reader *x)
{
    struct llm_neutral *out = x->out;
    struct json_object o;
    bool ok = true;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("response_format.json_schema"),
                                    "Write {\"name\":\"...\",\"schema\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "name"))
            ok = neutral_string(x, VIEW("response_format.json_schema.name"), &out->schema_name);
        else if (json_key_is(&o, "description"))
            ok = neutral_string(x, VIEW("response_format.json_schema.description"),
                                &out->schema_description);
        else if (json_key_is(&o, "schema"))
            ok = neutral_object(x, VIEW("response_format.json_schema.schema"), &out->schema);
        else if (json_key_is(&o, "strict"))
            ok = neutral_flag(x, VIEW("response_format.json_schema.strict"), &out->schema_strict);
        else
            ok = json_skip(&x->r);
    }
    return ok && !json_failed(&x->r);
}

static bool set_format(struct neutral_reader *x, struct view type)
{
    if (type.n == 0 || view_eq(type, VIEW("text")))
        x->out->format = LLM_FORMAT_TEXT;
    else if (view_eq(type, VIEW("json_object")))
        x->out->format = LLM_FORMAT_JSON;
    else if (view_eq(type, VIEW("json_schema")))
        x->out->format = LLM_FORMAT_SCHEMA;
    else
        return neutral_bad(x, VIEW("response_format.type"), "is not a format that is known",
                           "Write \"text\", \"json_object\" or \"json_schema\".");
    if (x->out->format == LLM_FORMAT_SCHEMA && !x->out->schema.n)
        x->out->schema = VIEW("{}");
    return true;
}

bool neutral_format(struct neutral_reader *x)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    bool ok = true;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(
            &x->r, VIEW("response_format"),
            "Write an object such as {\"type\":\"json_schema\",\"json_schema\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "type"))
            ok = neutral_string(x, VIEW("response_format.type"), &type);
        else if (json_key_is(&o, "json_schema"))
            ok = read_schema(x);
        else
            ok = json_skip(&x->r);
    }
    return ok && !json_failed(&x->r) && set_format(x, type);
}
