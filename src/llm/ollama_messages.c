/* The `messages` and `tools` of an Ollama request. */
#include "llm/ollama.h"

#include <stdio.h>

/* So far back a tool's result looks for its call. */
#define MAX_LOOK_BACK 1024

struct call_ref {
    struct view id, name;
    bool answered;
};

struct message_in {
    unsigned index;
    struct view role, content, thinking, tool_name, tool_call_id;
    struct llm_part *images, *calls;
    unsigned n_images, n_calls;
};

struct messages_in {
    struct ollama_in *x;
    struct call_ref *calls; /* of all messages so far */
    unsigned n_calls, open; /* calls before `open` are answered */
    unsigned n_made;        /* ids made up */
};

struct param {
    char text[64];
};

static struct view param_of(struct param *p, unsigned index, const char *field)
{
    int n = snprintf(p->text, sizeof(p->text), "messages[%u]%s%s", index, *field ? "." : "", field);
    return view_of(p->text, (size_t)n);
}

void *ollama_grow(struct arena *a, void *items, unsigned n, size_t size)
{
    if (items && (n < 4 || (n & (n - 1)) != 0))
        return items;
    void *grown = arena_alloc(a, size * (n < 4 ? 4 : 2 * (size_t)n));
    if (grown && n)
        memcpy(grown, items, size * n);
    return grown;
}

bool ollama_no_memory(struct error *err)
{
    error_set(err, ERROR_NO_MEMORY, "The request needs more memory than one exchange may use.");
    return error_hint(err, "Send a shorter request.");
}

bool ollama_take_string(struct ollama_in *x, struct view param, struct view *ret_text)
{
    struct json_text text;

    if (json_take_null(&x->r)) {
        *ret_text = VIEW_NONE;
        return true;
    }
    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, param, "Write a string.", x->err);
    if (!json_string(&x->r, &text))
        return false;
    *ret_text = json_decode(text, x->a);
    return !arena_failed(x->a) || ollama_no_memory(x->err);
}

/* Only the base64 alphabet counts; the decoder's own strictness is the backend's affair. */
static bool is_base64(struct view data)
{
    static const unsigned char known[256] = {
        ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1,
        ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1,
        ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
        ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
        ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1,
        ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1,
        ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1,
        ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['+'] = 1, ['/'] = 1,
        ['='] = 1,
    };
    unsigned char all = 1;

    for (size_t i = 0; i < data.n; i++)
        all &= known[(unsigned char)data.p[i]];
    return all && data.n > 0;
}

/* Line breaks in base64 are allowed, and left out. */
static struct view without_breaks(struct view data, struct arena *a)
{
    if (!memchr(data.p, '\n', data.n) && !memchr(data.p, '\r', data.n))
        return data;
    char *to = arena_bytes(a, data.n);
    size_t n = 0;
    for (size_t i = 0; to && i < data.n; i++)
        if (data.p[i] != '\n' && data.p[i] != '\r')
            to[n++] = data.p[i];
    return view_of(to, n);
}

/* The dialect does not say what an image is; its first bytes do. */
static struct view media_type(struct view data)
{
    static const struct {
        struct view begin, type;
    } known[] = {
        {VIEW_LIT("iVBORw0KGgo"), VIEW_LIT("image/png")},
        {VIEW_LIT("/9j/"), VIEW_LIT("image/jpeg")},
        {VIEW_LIT("R0lGOD"), VIEW_LIT("image/gif")},
        {VIEW_LIT("UklGR"), VIEW_LIT("image/webp")},
        {VIEW_LIT("Qk"), VIEW_LIT("image/bmp")},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (view_starts(data, known[i].begin))
            return known[i].type;
    return VIEW("image/png");
}

bool ollama_take_images(struct ollama_in *x, struct view param, struct llm_part **ret_parts,
                        unsigned *ret_n)
{
    struct json_array array;
    struct llm_part *parts = NULL;
    unsigned n = 0;
    struct view data;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, param, "Write an array of base64 strings.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        if (!ollama_take_string(x, param, &data))
            return false;
        data = data.n ? without_breaks(data, x->a) : data;
        if (!is_base64(data)) {
            error_set(x->err, ERROR_BAD_VALUE, "%.*s[%u] is not base64.", VIEW_ARG(param), n);
            error_hint(x->err, "Send the image's bytes as a base64 string, without \"data:\".");
            return error_param(x->err, param);
        }
        parts = ollama_grow(x->a, parts, n, sizeof(*parts));
        if (!parts)
            return ollama_no_memory(x->err);
        parts[n++] =
            (struct llm_part){.kind = LLM_PART_IMAGE, .media_type = media_type(data), .data = data};
    }
    *ret_parts = parts;
    *ret_n = n;
    return !json_failed(&x->r);
}

static struct view made_id(struct messages_in *m)
{
    return arena_printf(m->x->a, "call_%u", m->n_made++);
}

static bool take_function(struct messages_in *m, unsigned index, struct llm_part *call)
{
    struct json_reader *r = &m->x->r;
    struct json_object o;
    struct param p;
    struct view param = param_of(&p, index, "tool_calls.function");

    if (json_peek(r) != JSON_OBJECT)
        return openai_chat_bad_type(r, param, "Write {\"name\":...,\"arguments\":{...}}.",
                                    m->x->err);
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "name"))
            ok = ollama_take_string(m->x, param, &call->name);
        else if (!json_key_is(&o, "arguments") || json_take_null(r))
            json_skip(r);
        else if (json_peek(r) != JSON_OBJECT)
            ok = openai_chat_bad_type(r, param_of(&p, index, "tool_calls.function.arguments"),
                                      "Write the arguments as an object.", m->x->err);
        else
            json_value(r, &call->arguments);
        if (!ok)
            return false;
    }
    return !json_failed(r);
}

static bool take_call(struct messages_in *m, unsigned index, struct llm_part *ret_call)
{
    struct json_reader *r = &m->x->r;
    struct json_object o;
    struct param p;
    struct view param = param_of(&p, index, "tool_calls");
    struct llm_part call = {.kind = LLM_PART_CALL, .arguments = VIEW("{}")};

    if (json_peek(r) != JSON_OBJECT)
        return openai_chat_bad_type(r, param, "Write {\"function\":{...}}.", m->x->err);
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "function"))
            ok = take_function(m, index, &call);
        else if (json_key_is(&o, "id"))
            ok = ollama_take_string(m->x, param, &call.id);
        else
            json_skip(r);
        if (!ok)
            return false;
    }
    if (json_failed(r))
        return false;
    if (!call.name.n) {
        error_set(m->x->err, ERROR_MISSING_VALUE, "%.*s has a call without function.name.",
                  VIEW_ARG(param));
        return error_param(m->x->err, param);
    }
    if (!call.id.n)
        call.id = made_id(m);
    *ret_call = call;
    return true;
}

static bool take_calls(struct messages_in *m, struct message_in *msg)
{
    struct ollama_in *x = m->x;
    struct json_array array;
    struct param p;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, param_of(&p, msg->index, "tool_calls"),
                                    "Write an array of calls.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        msg->calls = ollama_grow(x->a, msg->calls, msg->n_calls, sizeof(*msg->calls));
        m->calls = ollama_grow(x->a, m->calls, m->n_calls, sizeof(*m->calls));
        if (!msg->calls || !m->calls)
            return ollama_no_memory(x->err);
        struct llm_part *call = &msg->calls[msg->n_calls];
        if (!take_call(m, msg->index, call))
            return false;
        msg->n_calls++;
        m->calls[m->n_calls++] = (struct call_ref){.id = call->id, .name = call->name};
    }
    return !json_failed(&x->r);
}

/* The call that a result answers: named by its id, else the first open one of that name, else the
 * first open one. */
static void match_call(struct messages_in *m, struct llm_part *result)
{
    struct call_ref *hit = NULL;
    unsigned to = m->n_calls;

    while (m->open < to && m->calls[m->open].answered)
        m->open++;
    unsigned from = to - m->open > MAX_LOOK_BACK ? to - MAX_LOOK_BACK : m->open;
    for (unsigned i = from; i < to && !hit; i++) {
        struct call_ref *c = &m->calls[i];
        bool same = result->id.n ? view_eq(c->id, result->id)
                                 : !result->name.n || view_eq(c->name, result->name);
        if (same && !c->answered)
            hit = c;
    }
    if (hit) {
        hit->answered = true;
        result->id = hit->id;
        if (!result->name.n)
            result->name = hit->name;
    } else if (!result->id.n) {
        result->id = made_id(m);
    }
}

static bool role_of(struct view role, enum llm_role *ret_role)
{
    if (view_eq_nocase(role, VIEW("user")))
        *ret_role = LLM_USER;
    else if (view_eq_nocase(role, VIEW("assistant")))
        *ret_role = LLM_ASSISTANT;
    else if (view_eq_nocase(role, VIEW("system")))
        *ret_role = LLM_SYSTEM;
    else if (view_eq_nocase(role, VIEW("tool")))
        *ret_role = LLM_TOOL;
    else
        return false;
    return true;
}

static bool fill_turn(struct messages_in *m, const struct message_in *msg, struct llm_turn *turn)
{
    unsigned room = msg->n_images + msg->n_calls + 2, n = 0;
    struct llm_part *parts;

    if (turn->role == LLM_TOOL) {
        turn->parts = parts = arena_new_of(m->x->a, struct llm_part);
        if (!parts)
            return ollama_no_memory(m->x->err);
        *parts = (struct llm_part){.kind = LLM_PART_RESULT,
                                   .text = msg->content,
                                   .id = msg->tool_call_id,
                                   .name = msg->tool_name,
                                   .images = msg->images,
                                   .n_images = msg->n_images};
        match_call(m, parts);
        turn->n_parts = 1;
        return true;
    }
    turn->parts = parts = arena_new_array(m->x->a, struct llm_part, room);
    if (!parts)
        return ollama_no_memory(m->x->err);
    if (msg->thinking.n)
        parts[n++] = (struct llm_part){.kind = LLM_PART_THINKING, .text = msg->thinking};
    if (msg->n_images)
        memcpy(parts + n, msg->images, msg->n_images * sizeof(*parts));
    n += msg->n_images;
    if (msg->content.n || n + msg->n_calls == 0)
        parts[n++] = (struct llm_part){.kind = LLM_PART_TEXT, .text = msg->content};
    if (msg->n_calls)
        memcpy(parts + n, msg->calls, msg->n_calls * sizeof(*parts));
    turn->n_parts = n + msg->n_calls;
    return true;
}

static bool take_message_member(struct messages_in *m, struct message_in *msg,
                                const struct json_object *o)
{
    struct ollama_in *x = m->x;
    struct param p;

    if (json_key_is(o, "role"))
        return ollama_take_string(x, param_of(&p, msg->index, "role"), &msg->role);
    if (json_key_is(o, "content"))
        return ollama_take_string(x, param_of(&p, msg->index, "content"), &msg->content);
    if (json_key_is(o, "thinking"))
        return ollama_take_string(x, param_of(&p, msg->index, "thinking"), &msg->thinking);
    if (json_key_is(o, "tool_name"))
        return ollama_take_string(x, param_of(&p, msg->index, "tool_name"), &msg->tool_name);
    if (json_key_is(o, "tool_call_id"))
        return ollama_take_string(x, param_of(&p, msg->index, "tool_call_id"), &msg->tool_call_id);
    if (json_key_is(o, "images"))
        return ollama_take_images(x, param_of(&p, msg->index, "images"), &msg->images,
                                  &msg->n_images);
    if (json_key_is(o, "tool_calls"))
        return take_calls(m, msg);
    return json_skip(&x->r);
}

static bool take_message(struct messages_in *m, struct llm_turn *ret_turn)
{
    struct ollama_in *x = m->x;
    struct message_in msg = {.index = x->n.n_turns};
    struct json_object o;
    struct param p;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, param_of(&p, msg.index, ""),
                                    "Write {\"role\":\"user\",\"content\":\"...\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o))
        if (!take_message_member(m, &msg, &o))
            return false;
    if (json_failed(&x->r))
        return false;
    if (!role_of(msg.role, &ret_turn->role)) {
        error_set(x->err, msg.role.n ? ERROR_BAD_VALUE : ERROR_MISSING_VALUE,
                  "messages[%u].role is %s.", msg.index, msg.role.n ? "not known" : "missing");
        error_hint(x->err, "Write system, user, assistant or tool.");
        return error_param(x->err, param_of(&p, msg.index, "role"));
    }
    return fill_turn(m, &msg, ret_turn);
}

bool ollama_read_messages(struct ollama_in *x)
{
    struct messages_in m = {.x = x};
    struct json_array array;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("messages"), "Write an array of messages.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        x->n.turns = ollama_grow(x->a, x->n.turns, x->n.n_turns, sizeof(*x->n.turns));
        if (!x->n.turns)
            return ollama_no_memory(x->err);
        struct llm_turn *turn = &x->n.turns[x->n.n_turns];
        *turn = (struct llm_turn){.role = LLM_USER};
        if (!take_message(&m, turn))
            return false;
        x->n.n_turns++;
    }
    return !json_failed(&x->r);
}

static bool take_tool_function(struct ollama_in *x, struct llm_tool *tool)
{
    struct json_object o;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tools.function"),
                                    "Write {\"name\":...,\"parameters\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "name"))
            ok = ollama_take_string(x, VIEW("tools.function.name"), &tool->name);
        else if (json_key_is(&o, "description"))
            ok = ollama_take_string(x, VIEW("tools.function.description"), &tool->description);
        else if (!json_key_is(&o, "parameters"))
            json_skip(&x->r);
        else if (!json_take_null(&x->r))
            json_value(&x->r, &tool->parameters);
        if (!ok)
            return false;
    }
    return !json_failed(&x->r);
}

static bool take_tool(struct ollama_in *x, struct llm_tool *ret_tool)
{
    struct llm_tool tool = {.strict = -1};
    struct view type = VIEW_NONE;
    struct json_object o;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("tools"),
                                    "Write {\"type\":\"function\",\"function\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "type"))
            ok = ollama_take_string(x, VIEW("tools.type"), &type);
        else if (json_key_is(&o, "function"))
            ok = take_tool_function(x, &tool);
        else
            json_skip(&x->r);
        if (!ok)
            return false;
    }
    if (json_failed(&x->r))
        return false;
    tool.foreign = type.n && !view_eq(type, VIEW("function"));
    if (tool.foreign)
        tool.name = type;
    if (!tool.name.n) {
        error_set(x->err, ERROR_MISSING_VALUE, "tools[%u].function.name is missing.", x->n.n_tools);
        return error_param(x->err, VIEW("tools"));
    }
    *ret_tool = tool;
    return true;
}

bool ollama_read_tools(struct ollama_in *x)
{
    struct json_array array;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("tools"), "Write an array of tools.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        x->n.tools = ollama_grow(x->a, x->n.tools, x->n.n_tools, sizeof(*x->n.tools));
        if (!x->n.tools)
            return ollama_no_memory(x->err);
        if (!take_tool(x, &x->n.tools[x->n.n_tools]))
            return false;
        x->n.n_tools++;
    }
    return !json_failed(&x->r);
}
