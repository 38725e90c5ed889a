#include "llm/openai_chat.h"

struct chunk_reader {
    struct json_reader r;
    struct view part;
    struct openai_chat_chunk chunk;
};

/* Passes over a value and says how much text it holds: a string's length as it stands, and the
 * whole of what some engines send instead of one. */
static size_t take_text(struct json_reader *r)
{
    struct json_text text;
    struct view raw;

    switch ((int)json_peek(r)) {
    case JSON_STRING:
        return json_string(r, &text) ? text.raw.n : 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return json_value(r, &raw) && raw.n > 2 ? raw.n : 0;
    default:
        json_skip(r);
        return 0;
    }
}

/* {"name":...,"arguments":...}, or {"name":...,"input":...} of a custom tool. */
static size_t take_function(struct json_reader *r)
{
    struct json_object o;
    size_t n = 0;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return 0;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "arguments") || json_key_is(&o, "name") || json_key_is(&o, "input"))
            n += take_text(r);
        else
            json_skip(r);
    }
    return n;
}

static void read_tool_calls(struct chunk_reader *x)
{
    struct json_reader *r = &x->r;
    struct json_array calls;
    struct json_object o;

    if (json_peek(r) != JSON_ARRAY) {
        json_skip(r);
        return;
    }
    json_array_begin(r, &calls);
    while (json_array_next(r, &calls)) {
        x->chunk.events |= LLM_EVENT_CONTENT;
        x->chunk.more = true;
        if (json_peek(r) != JSON_OBJECT) {
            json_skip(r);
            continue;
        }
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            if (json_key_is(&o, "function") || json_key_is(&o, "custom"))
                x->chunk.text_bytes += take_function(r);
            else
                json_skip(r);
        }
    }
}

/* A choice's `delta` or `message`. */
static void read_part(struct chunk_reader *x)
{
    struct json_reader *r = &x->r;
    struct json_object o;
    size_t text = 0, reasoning = 0, n;
    struct json_text content = {.escaped = false};

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "content") && json_peek(r) == JSON_STRING) {
            json_string(r, &content);
        } else if (json_key_is(&o, "content") || json_key_is(&o, "refusal")) {
            text += take_text(r);
        } else if (json_key_is(&o, "reasoning") || json_key_is(&o, "reasoning_content")) {
            n = take_text(r); /* some engines send both, with the same text */
            reasoning = n > reasoning ? n : reasoning;
        } else if (json_key_is(&o, "tool_calls")) {
            read_tool_calls(x);
        } else if (json_key_is(&o, "function_call")) {
            if (json_peek(r) == JSON_OBJECT) {
                x->chunk.events |= LLM_EVENT_CONTENT;
                x->chunk.more = true;
            }
            text += take_function(r);
        } else if (json_key_is(&o, "audio")) {
            if (take_text(r) > 0) {
                x->chunk.events |= LLM_EVENT_CONTENT;
                x->chunk.more = true;
            }
        } else {
            json_skip(r);
        }
    }
    x->chunk.more |= text + reasoning > 0 || x->chunk.content.raw.n > 0;
    if (content.raw.n > 0)
        x->chunk.content = content;
    text += content.raw.n;
    if (text + reasoning > 0)
        x->chunk.events |= LLM_EVENT_CONTENT;
    x->chunk.text_bytes += text + reasoning;
}

static void read_text(struct chunk_reader *x)
{
    size_t n = take_text(&x->r);

    if (n > 0)
        x->chunk.events |= LLM_EVENT_CONTENT;
    x->chunk.text_bytes += n;
}

static void read_finish(struct chunk_reader *x)
{
    struct json_text reason;
    size_t n;

    if (json_take_null(&x->r) || !json_string(&x->r, &reason))
        return;
    x->chunk.events |= LLM_EVENT_FINISH;
    n = json_decode_prefix(x->chunk.finish, sizeof(x->chunk.finish) - 1, reason);
    x->chunk.finish[n] = '\0';
}

static void read_choices(struct chunk_reader *x)
{
    struct json_array choices;
    struct json_object o;

    if (json_take_null(&x->r))
        return;
    x->chunk.has_choices = true;
    json_array_begin(&x->r, &choices);
    while (json_array_next(&x->r, &choices)) {
        x->chunk.n_choices++;
        json_object_begin(&x->r, &o);
        while (json_object_next(&x->r, &o)) {
            if (view_eq(o.key, x->part))
                read_part(x);
            else if (json_key_is(&o, "finish_reason"))
                read_finish(x);
            else if (json_key_is(&o, "text")) /* of /v1/completions */
                read_text(x);
            else
                json_skip(&x->r);
        }
    }
}

static void read_member(struct chunk_reader *x, const struct json_object *o)
{
    struct json_reader *r = &x->r;
    struct json_text kind;

    if (json_key_is(o, "choices")) {
        read_choices(x);
    } else if (json_key_is(o, "model")) {
        json_peek(r);
        uint32_t at = json_offset(r);
        json_skip(r);
        x->chunk.model_value = llm_span_from(r, at);
    } else if (json_key_is(o, "usage")) {
        uint32_t at = o->key_at;
        openai_usage(r, &x->chunk.usage);
        x->chunk.usage_member = llm_span_from(r, at);
    } else if (json_key_is(o, "error")) {
        if (!json_take_null(r)) {
            json_skip(r);
            x->chunk.events |= LLM_EVENT_ERROR;
        }
    } else if (json_key_is(o, "object") && json_peek(r) == JSON_STRING) {
        /* {"object":"error","message":...}: older vLLM */
        if (json_string(r, &kind) && json_text_eq(kind, VIEW("error")))
            x->chunk.events |= LLM_EVENT_ERROR;
    } else {
        json_skip(r);
    }
}

bool openai_chat_chunk_read(struct view data, struct view part, struct openai_chat_chunk *ret_chunk,
                            struct error *err)
{
    struct chunk_reader x = {.part = part};
    struct json_object o;

    json_begin(&x.r, data);
    json_object_begin(&x.r, &o);
    while (json_object_next(&x.r, &o))
        read_member(&x, &o);
    if (!json_end(&x.r))
        return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                         "The backend's answer is not a chat completion: %s (byte %u).",
                         x.r.problem, json_offset(&x.r));
    if (x.chunk.usage.reported)
        x.chunk.events |= LLM_EVENT_USAGE;
    *ret_chunk = x.chunk;
    return true;
}
