#include "llm/anthropic.h"
#include "llm/openai_chat.h"

#include <stdio.h>

#define MAX_TOOLS 4096

/* "tools[2].name" */
struct param {
    char text[64];
};

static struct view param_of(struct param *p, unsigned index, const char *field)
{
    snprintf(p->text, sizeof(p->text), "tools[%u].%s", index, field);
    return view_str(p->text);
}

static bool bad_type(struct anthropic_request_reader *x, unsigned index, const char *field)
{
    struct param p;

    return openai_chat_bad_type(&x->r, param_of(&p, index, field), "Write a string.", x->err);
}

/* A string, or null where it may be left out. */
static bool take(struct anthropic_request_reader *x, unsigned index, const char *field,
                 struct view *ret_text)
{
    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_STRING)
        return bad_type(x, index, field);
    return anthropic_take_string(x, VIEW_NONE, ret_text);
}

static bool read_tool(struct anthropic_request_reader *x, unsigned index, struct llm_tool *tool)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    struct param p;

    *tool = (struct llm_tool){.strict = -1};
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(
            &x->r, VIEW("tools"), "Write tools such as {\"name\":\"...\",\"input_schema\":{...}}.",
            x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "name"))
            ok = take(x, index, "name", &tool->name);
        else if (json_key_is(&o, "type"))
            ok = take(x, index, "type", &type);
        else if (json_key_is(&o, "description"))
            ok = take(x, index, "description", &tool->description);
        else if (json_key_is(&o, "input_schema"))
            ok = anthropic_take_raw(x, &tool->parameters);
        else if (json_key_is(&o, "cache_control"))
            ok = anthropic_take_raw(x, &tool->cache_control);
        else if (json_key_is(&o, "strict"))
            ok = anthropic_take_flag(x, param_of(&p, index, "strict"), &tool->strict);
        else
            ok = json_skip(&x->r);
        if (!ok)
            return false;
    }
    if (json_failed(&x->r))
        return false;
    if (type.n && !view_eq(type, VIEW("custom"))) {
        tool->foreign = true;
        tool->name = type;
        return true;
    }
    if (!tool->name.n)
        return anthropic_missing(x, param_of(&p, index, "name"), "Write the tool's name.");
    if (!tool->parameters.n || tool->parameters.p[0] != '{')
        return anthropic_missing(x, param_of(&p, index, "input_schema"),
                                 "Write a JSON schema such as {\"type\":\"object\"}.");
    return true;
}

bool anthropic_read_tools(struct anthropic_request_reader *x)
{
    struct json_array array;
    unsigned room = 0;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("tools"),
                                    "Write an array of tools, or leave it out.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        unsigned n = x->n.n_tools;
        if (n == MAX_TOOLS) {
            error_set(x->err, ERROR_BAD_VALUE, "tools has more than %d members.", MAX_TOOLS);
            error_hint(x->err, "Send fewer of them.");
            return error_param(x->err, VIEW("tools"));
        }
        if (n == room) {
            room = room ? room * 2 : 8;
            struct llm_tool *grown = arena_new_array(x->a, struct llm_tool, room);
            if (!grown)
                return anthropic_no_memory(x->err);
            if (n)
                memcpy(grown, x->n.tools, n * sizeof(*grown));
            x->n.tools = grown;
        }
        if (!read_tool(x, n, &x->n.tools[n]))
            return false;
        x->n.n_tools++;
    }
    return !json_failed(&x->r);
}

static bool set_choice(struct anthropic_request_reader *x, struct view type)
{
    static const struct {
        struct view name;
        enum llm_choice choice;
    } rows[] = {
        {VIEW_LIT("auto"), LLM_CHOICE_AUTO},
        {VIEW_LIT("any"), LLM_CHOICE_ANY},
        {VIEW_LIT("tool"), LLM_CHOICE_NAMED},
        {VIEW_LIT("none"), LLM_CHOICE_NONE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (view_eq(type, rows[i].name))
            x->n.choice = rows[i].choice;
    if (x->n.choice == LLM_CHOICE_UNSAID) {
        error_set(x->err, ERROR_BAD_VALUE, "tool_choice.type is not a choice that is known.");
        error_hint(x->err, "Write \"auto\", \"any\", \"tool\" or \"none\".");
        return error_param(x->err, VIEW("tool_choice.type"));
    }
    if (x->n.choice == LLM_CHOICE_NAMED && !x->n.choice_name.n)
        return anthropic_missing(x, VIEW("tool_choice.name"), "Write the tool's name.");
    return true;
}

bool anthropic_read_choice(struct anthropic_request_reader *x)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    int disabled = -1;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tool_choice"),
                                    "Write an object such as {\"type\":\"auto\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "type"))
            ok = anthropic_take_string(x, VIEW("tool_choice.type"), &type);
        else if (json_key_is(&o, "name"))
            ok = anthropic_take_string(x, VIEW("tool_choice.name"), &x->n.choice_name);
        else if (json_key_is(&o, "disable_parallel_tool_use"))
            ok = anthropic_take_flag(x, VIEW("tool_choice.disable_parallel_tool_use"), &disabled);
        else
            ok = json_skip(&x->r);
        if (!ok)
            return false;
    }
    if (json_failed(&x->r))
        return false;
    if (disabled >= 0)
        x->n.parallel_calls = !disabled;
    return set_choice(x, type);
}
