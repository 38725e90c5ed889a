/* What a response object and an event say, as far as Weir must know. */
#include "llm/openai_chat.h"
#include "llm/responses.h"
#include "llm/take.h"

bool responses_protocol(const struct json_reader *r, struct error *err)
{
    return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                     "The backend's answer is not a response: %s (byte %u).", r->problem,
                     json_offset(r));
}

static void take_reason(struct json_reader *r, struct responses_object *ret)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "reason"))
            llm_take_text(r, &ret->reason);
        else
            json_skip(r);
    }
}

/* Unix time, by some with a fraction. */
static void take_time(struct json_reader *r, int64_t *ret_s)
{
    struct view raw;
    uint64_t value;

    if (json_peek(r) != JSON_NUMBER) {
        json_skip(r);
        return;
    }
    if (!json_number(r, &raw))
        return;
    raw = view_cut(&raw, '.');
    if (view_to_u64(raw, &value) && value < INT64_MAX / 2)
        *ret_s = (int64_t)value;
}

static void take_object_member(struct json_reader *r, const struct json_object *o,
                               struct responses_object *ret)
{
    struct json_text text;

    if (json_key_is(o, "id")) {
        llm_take_text(r, &ret->id);
    } else if (json_key_is(o, "model")) {
        json_peek(r);
        const char *at = r->at;
        llm_take_text(r, &ret->model);
        ret->model_raw = view_of(at, (size_t)(r->at - at));
    } else if (json_key_is(o, "status")) {
        llm_take_text(r, &ret->status);
    } else if (json_key_is(o, "created_at")) {
        take_time(r, &ret->created_s);
    } else if (json_key_is(o, "incomplete_details")) {
        take_reason(r, ret);
    } else if (json_key_is(o, "usage")) {
        openai_usage(r, &ret->usage);
    } else if (json_key_is(o, "max_output_tokens")) {
        llm_take_count(r, &ret->max_output_tokens);
    } else if (json_key_is(o, "output") && json_peek(r) == JSON_ARRAY) {
        json_value(r, &ret->output);
    } else if (json_key_is(o, "error")) {
        if (!json_take_null(r))
            json_value(r, &ret->error);
    } else if (json_key_is(o, "object")) {
        if (llm_take_text(r, &text))
            ret->is_response = json_text_eq(text, VIEW("response"));
    } else {
        json_skip(r);
    }
}

bool responses_object_read(struct json_reader *r, struct responses_object *ret)
{
    struct json_object o;

    json_object_begin(r, &o);
    while (json_object_next(r, &o))
        take_object_member(r, &o, ret);
    return !json_failed(r);
}

bool responses_failed(const struct responses_object *o)
{
    return o->error.n || json_text_eq(o->status, VIEW("failed")) ||
           json_text_eq(o->status, VIEW("cancelled"));
}

enum llm_finish responses_finish(const struct responses_object *o, bool calls)
{
    if (json_text_eq(o->reason, VIEW("content_filter")))
        return LLM_FINISH_FILTER;
    if (o->reason.raw.n || json_text_eq(o->status, VIEW("incomplete")))
        return LLM_FINISH_LENGTH;
    if (calls)
        return LLM_FINISH_CALLS;
    /* Ollama says "completed" also of an answer that it cut. */
    bool full = o->max_output_tokens && o->usage.output >= o->max_output_tokens;
    return full ? LLM_FINISH_LENGTH : LLM_FINISH_STOP;
}

static void take_event_member(struct json_reader *r, const struct json_object *o,
                              struct responses_event *ev)
{
    if (json_key_is(o, "type")) {
        llm_take_text(r, &ev->type);
    } else if (json_key_is(o, "delta")) {
        ev->has_delta = llm_take_text(r, &ev->delta);
    } else if (json_key_is(o, "text") || json_key_is(o, "arguments") || json_key_is(o, "refusal")) {
        ev->has_text = llm_take_text(r, &ev->text);
    } else if (json_key_is(o, "item_id")) {
        llm_take_text(r, &ev->item_id);
    } else if (json_key_is(o, "output_index")) {
        ev->has_output_index = llm_take_count(r, &ev->output_index);
    } else if (json_key_is(o, "summary_index")) {
        llm_take_count(r, &ev->summary_index);
    } else if (json_key_is(o, "item") && json_peek(r) == JSON_OBJECT) {
        json_value(r, &ev->item);
    } else if (json_key_is(o, "response") && json_peek(r) == JSON_OBJECT) {
        json_value(r, &ev->response);
    } else if (json_key_is(o, "logprobs") && json_peek(r) == JSON_ARRAY) {
        json_value(r, &ev->logprobs);
    } else if (json_key_is(o, "error") && !json_take_null(r)) {
        ev->has_error = json_skip(r);
    } else if (!json_key_is(o, "error")) {
        json_skip(r);
    }
}

bool responses_event_parse(struct view data, struct view name, struct responses_event *ret,
                           struct error *err)
{
    struct responses_event ev = {.has_delta = false};
    struct json_reader r;
    struct json_object o;

    json_begin(&r, data);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o))
        take_event_member(&r, &o, &ev);
    if (!json_end(&r))
        return responses_protocol(&r, err);
    if (!ev.type.raw.n)
        ev.type = (struct json_text){.raw = name};
    *ret = ev;
    return true;
}
