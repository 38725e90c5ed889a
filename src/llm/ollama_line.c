/* One line of an Ollama answer, or a plain one, found in its JSON. */
#include "llm/ollama.h"

bool ollama_protocol(struct error *err, const char *what)
{
    return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer %s.", what);
}

void ollama_take_text(struct json_reader *r, struct json_text *ret_text)
{
    if (json_peek(r) == JSON_STRING)
        json_string(r, ret_text);
    else
        json_skip(r);
}

static void take_count(struct json_reader *r, uint32_t *ret_count, bool *ret_reported)
{
    struct view raw;
    uint64_t value;

    if (json_peek(r) != JSON_NUMBER) {
        json_skip(r);
    } else if (json_number(r, &raw) && view_to_u64(raw, &value)) {
        *ret_count = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
        *ret_reported = true;
    }
}

/* An array's bytes, unless it is empty. */
static void take_array(struct json_reader *r, struct view *ret_raw)
{
    struct json_array array;
    bool any = false;

    if (json_peek(r) != JSON_ARRAY) {
        json_skip(r);
        return;
    }
    uint32_t at = json_offset(r);
    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        any = true;
        json_skip(r);
    }
    if (any && !json_failed(r))
        *ret_raw = view_of(r->start + at, json_offset(r) - at);
}

static void take_message(struct json_reader *r, struct ollama_line *line)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    line->has_text = true;
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "content"))
            ollama_take_text(r, &line->content);
        else if (json_key_is(&o, "thinking"))
            ollama_take_text(r, &line->thinking);
        else if (json_key_is(&o, "tool_calls"))
            take_array(r, &line->calls);
        else
            json_skip(r);
    }
}

static void take_member(struct json_reader *r, const struct json_object *o,
                        struct ollama_line *line)
{
    if (json_key_is(o, "message")) {
        take_message(r, line);
    } else if (json_key_is(o, "response")) {
        line->has_text = true;
        ollama_take_text(r, &line->content);
    } else if (json_key_is(o, "thinking")) {
        ollama_take_text(r, &line->thinking);
    } else if (json_key_is(o, "model")) {
        json_peek(r);
        uint32_t at = json_offset(r);
        ollama_take_text(r, &line->model);
        line->model_value = llm_span_from(r, at);
    } else if (json_key_is(o, "created_at")) {
        ollama_take_text(r, &line->created);
    } else if (json_key_is(o, "done")) {
        line->done = json_peek(r) == JSON_TRUE;
        json_skip(r);
    } else if (json_key_is(o, "done_reason")) {
        ollama_take_text(r, &line->done_reason);
    } else if (json_key_is(o, "prompt_eval_count")) {
        take_count(r, &line->usage.input, &line->usage.reported);
    } else if (json_key_is(o, "eval_count")) {
        take_count(r, &line->usage.output, &line->usage.reported);
    } else if (json_key_is(o, "logprobs")) {
        take_array(r, &line->logprobs);
    } else if (json_key_is(o, "error")) {
        line->failed = json_peek(r) != JSON_NULL;
        json_skip(r);
    } else {
        json_skip(r);
    }
}

bool ollama_line_read(struct view data, struct ollama_line *ret_line, struct error *err)
{
    struct json_reader r;
    struct json_object o;

    *ret_line = (struct ollama_line){.done = false};
    json_begin(&r, data);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o))
        take_member(&r, &o, ret_line);
    if (!json_end(&r))
        return ollama_protocol(err, "is not JSON");
    if (!ret_line->failed && !ret_line->has_text && !ret_line->done)
        return ollama_protocol(err, "has neither a message nor an error");
    return true;
}
