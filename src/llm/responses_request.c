#include "llm/responses_request.h"
#include "llm/openai_chat.h"
#include "llm/take.h"

bool responses_no_memory(struct error *err)
{
    error_set(err, ERROR_NO_MEMORY, "The request needs more memory than one exchange may use.");
    return error_hint(err, "Send a shorter request.");
}

bool responses_bad(struct error *err, struct view param, const char *text, const char *hint)
{
    error_set(err, ERROR_BAD_VALUE, "%.*s %s", VIEW_ARG(param), text);
    error_hint(err, "%s", hint);
    return error_param(err, param);
}

bool responses_string(struct json_reader *r, struct arena *a, struct view param,
                      struct view *ret_text, struct error *err)
{
    struct json_text text;

    if (json_take_null(r))
        return true;
    if (json_peek(r) != JSON_STRING)
        return openai_chat_bad_type(r, param, "Write a string.", err);
    if (!json_string(r, &text))
        return false;
    *ret_text = json_decode(text, a);
    return true;
}

static bool string(struct responses_request_reader *x, struct view param, struct view *ret_text)
{
    return responses_string(&x->r, x->a, param, ret_text, x->err);
}

static bool flag(struct responses_request_reader *x, struct view param, int *ret_value)
{
    return llm_take_flag(&x->r, param, ret_value, x->err);
}

static bool number(struct responses_request_reader *x, struct view param, struct view *ret_raw)
{
    return llm_take_number(&x->r, param, ret_raw, x->err);
}

bool responses_extra(struct responses_request_reader *x, struct view name)
{
    if (x->n.n_extras == LLM_MAX_EXTRAS)
        return responses_bad(x->err, view_first(name, 60), "is one unknown field too many.",
                             "Leave out fields that the Responses API does not have.");
    struct view kept = arena_dup(x->a, name);
    x->n.extras[x->n.n_extras++] = kept;
    return true;
}

/* A field that no other dialect has: it counts unless it says nothing. */
static bool unless_null(struct responses_request_reader *x, struct view name)
{
    return json_take_null(&x->r) || (json_skip(&x->r) && responses_extra(x, name));
}

static bool read_model(struct responses_request_reader *x)
{
    static const char want[] = "Write a model's name as a string, such as \"auto\".";
    struct json_text text;

    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, VIEW("model"), want, x->err);
    if (!json_string(&x->r, &text))
        return false;
    if (text.raw.n == 0 || text.raw.n > LLM_MAX_MODEL)
        return responses_bad(x->err, VIEW("model"),
                             text.raw.n ? "is longer than 256 bytes." : "is an empty string.",
                             want);
    x->n.model = json_decode(text, x->a);
    x->has_model = true;
    return true;
}

static bool read_max_tokens(struct responses_request_reader *x)
{
    struct view raw = VIEW_NONE;
    uint64_t value;

    if (!number(x, VIEW("max_output_tokens"), &raw))
        return false;
    if (!raw.n)
        return true;
    if (!view_to_u64(raw, &value) || value == 0)
        return responses_bad(x->err, VIEW("max_output_tokens"), "is not a positive whole number.",
                             "Write a whole number of tokens, such as 512.");
    x->n.max_tokens = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

static bool read_instructions(struct responses_request_reader *x)
{
    struct view text = VIEW_NONE;

    if (!string(x, VIEW("instructions"), &text) || !text.n)
        return !json_failed(&x->r) && x->err->code == ERROR_NONE;
    struct llm_part *part = arena_new_of(x->a, struct llm_part);
    if (!part)
        return responses_no_memory(x->err);
    part->kind = LLM_PART_TEXT;
    part->text = text;
    x->instructions = (struct llm_turn){.role = LLM_SYSTEM, .parts = part, .n_parts = 1};
    return true;
}

static bool read_format(struct responses_request_reader *x)
{
    struct json_object o;
    struct view type = VIEW_NONE;
    bool ok = true;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("text.format"),
                                    "Write an object such as {\"type\":\"text\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "type"))
            ok = string(x, VIEW("text.format.type"), &type);
        else if (json_key_is(&o, "name"))
            ok = string(x, VIEW("text.format.name"), &x->n.schema_name);
        else if (json_key_is(&o, "description"))
            ok = string(x, VIEW("text.format.description"), &x->n.schema_description);
        else if (json_key_is(&o, "schema") && json_peek(&x->r) == JSON_OBJECT)
            ok = json_value(&x->r, &x->n.schema);
        else if (json_key_is(&o, "strict"))
            ok = flag(x, VIEW("text.format.strict"), &x->n.schema_strict);
        else
            ok = json_skip(&x->r);
    }
    if (!ok || json_failed(&x->r))
        return false;
    if (view_eq(type, VIEW("json_schema"))) {
        x->n.format = LLM_FORMAT_SCHEMA;
        if (!x->n.schema.n)
            return responses_bad(x->err, VIEW("text.format.schema"), "is missing.",
                                 "Write the JSON schema as an object, beside its name.");
    } else if (view_eq(type, VIEW("json_object"))) {
        x->n.format = LLM_FORMAT_JSON;
    } else if (!view_eq(type, VIEW("text"))) {
        return responses_bad(x->err, VIEW("text.format.type"), "is not a format that is known.",
                             "Write \"text\", \"json_object\" or \"json_schema\".");
    }
    return true;
}

static bool read_text(struct responses_request_reader *x)
{
    struct json_object o;
    bool ok = true;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("text"),
                                    "Write an object such as {\"format\":{...}}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "format"))
            ok = read_format(x);
        else if (json_key_is(&o, "verbosity"))
            ok = unless_null(x, VIEW("verbosity"));
        else
            ok = json_skip(&x->r);
    }
    return ok && !json_failed(&x->r);
}

static bool read_reasoning(struct responses_request_reader *x)
{
    struct json_object o;
    bool ok = true;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("reasoning"),
                                    "Write an object such as {\"effort\":\"low\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "effort"))
            ok = string(x, VIEW("reasoning.effort"), &x->n.effort);
        else
            ok = json_skip(&x->r);
    }
    if (x->n.effort.n)
        x->n.thinking = !view_eq(x->n.effort, VIEW("none"));
    return ok && !json_failed(&x->r);
}

/* What the answer shall hold beyond its text; other dialects have logprobs only. */
static bool read_include(struct responses_request_reader *x)
{
    struct json_array array;
    struct json_text text;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("include"), "Write an array of strings.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        if (json_peek(&x->r) != JSON_STRING)
            return openai_chat_bad_type(&x->r, VIEW("include"), "Write strings.", x->err);
        if (!json_string(&x->r, &text))
            continue;
        x->n.logprobs |= json_text_eq(text, VIEW("message.output_text.logprobs"));
        x->n.keep_proof |= json_text_eq(text, VIEW("reasoning.encrypted_content"));
    }
    return !json_failed(&x->r);
}

static bool read_metadata(struct responses_request_reader *x)
{
    struct json_object o;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("metadata"), "Write an object with string values.",
                                    x->err);
    uint32_t at = json_offset(&x->r);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o))
        json_skip(&x->r);
    if (json_failed(&x->r))
        return false;
    x->n.metadata = view_of(x->r.start + at, json_offset(&x->r) - at);
    return true;
}

/* Answers are not stored, so nothing can go on from one. */
static bool read_stored(struct responses_request_reader *x, struct view name, const char *hint)
{
    return json_take_null(&x->r) ||
           (json_skip(&x->r) &&
            responses_bad(x->err, name, "needs stored answers, and none are stored here.", hint));
}

static bool read_background(struct responses_request_reader *x)
{
    int background = 0;

    if (!flag(x, VIEW("background"), &background))
        return false;
    return !background || responses_bad(x->err, VIEW("background"),
                                        "is true, and answers are not made in the background here.",
                                        "Leave it out and wait, or set \"stream\": true.");
}

static bool read_flags(struct responses_request_reader *x, const struct json_object *o)
{
    int value = 0;

    if (json_key_is(o, "stream")) {
        bool ok = flag(x, VIEW("stream"), &value);
        x->n.stream = value > 0;
        return ok;
    }
    return flag(x, VIEW("store"), &value) && (!value || responses_extra(x, VIEW("store")));
}

static bool read_rest(struct responses_request_reader *x, const struct json_object *o)
{
    struct json_text text;

    if (json_key_is(o, "previous_response_id"))
        return read_stored(x, VIEW("previous_response_id"),
                           "Send the whole conversation in \"input\", or set responses.store: "
                           "memory in Weir's configuration.");
    if (json_key_is(o, "conversation"))
        return read_stored(x, VIEW("conversation"),
                           "Send the whole conversation in \"input\" instead.");
    if (json_key_is(o, "background"))
        return read_background(x);
    if (json_key_is(o, "prompt")) {
        x->has_prompt = json_peek(&x->r) == JSON_OBJECT;
        return unless_null(x, o->key);
    }
    if (json_key_is(o, "truncation") && json_peek(&x->r) == JSON_STRING)
        return json_string(&x->r, &text) &&
               (json_text_eq(text, VIEW("disabled")) || responses_extra(x, o->key));
    if (json_key_is(o, "stream_options")) /* obfuscation: padding of events */
        return json_skip(&x->r);
    return unless_null(x, o->key);
}

static bool read_member(struct responses_request_reader *x, const struct json_object *o)
{
    struct llm_neutral *n = &x->n;

    if (json_key_is(o, "model"))
        return read_model(x);
    if (json_key_is(o, "input")) {
        x->has_input = !json_take_null(&x->r);
        return !x->has_input || responses_input_read(&x->input, &x->r);
    }
    if (json_key_is(o, "instructions"))
        return read_instructions(x);
    if (json_key_is(o, "stream") || json_key_is(o, "store"))
        return read_flags(x, o);
    if (json_key_is(o, "tools"))
        return responses_read_tools(x);
    if (json_key_is(o, "tool_choice"))
        return responses_read_choice(x);
    if (json_key_is(o, "parallel_tool_calls"))
        return flag(x, VIEW("parallel_tool_calls"), &n->parallel_calls);
    if (json_key_is(o, "text"))
        return read_text(x);
    if (json_key_is(o, "max_output_tokens"))
        return read_max_tokens(x);
    if (json_key_is(o, "temperature"))
        return number(x, VIEW("temperature"), &n->temperature);
    if (json_key_is(o, "top_p"))
        return number(x, VIEW("top_p"), &n->top_p);
    if (json_key_is(o, "top_logprobs"))
        return number(x, VIEW("top_logprobs"), &n->top_logprobs);
    if (json_key_is(o, "include"))
        return read_include(x);
    if (json_key_is(o, "reasoning"))
        return read_reasoning(x);
    if (json_key_is(o, "metadata"))
        return read_metadata(x);
    if (json_key_is(o, "user"))
        return string(x, VIEW("user"), &n->user);
    if (json_key_is(o, "service_tier"))
        return string(x, VIEW("service_tier"), &n->service_tier);
    return read_rest(x, o);
}

static bool missing(struct error *err, struct view param, const char *hint)
{
    error_set(err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(err, "%s", hint);
    return error_param(err, param);
}

/* The instructions stand before all else, wherever the member stood. */
static bool prepend_instructions(struct responses_request_reader *x)
{
    if (!x->instructions.n_parts)
        return true;
    struct llm_turn *turns = arena_new_array(x->a, struct llm_turn, x->n.n_turns + 1);
    if (!turns)
        return responses_no_memory(x->err);
    turns[0] = x->instructions;
    if (x->n.n_turns)
        memcpy(turns + 1, x->n.turns, x->n.n_turns * sizeof(*turns));
    x->n.turns = turns;
    x->n.n_turns++;
    return true;
}

static bool finish(struct responses_request_reader *x)
{
    if (!x->has_model)
        return missing(x->err, VIEW("model"), "Write \"model\": \"auto\" or a model's name.");
    if (!x->has_input && !x->has_prompt)
        return missing(x->err, VIEW("input"), "Write a string or an array of items.");
    if (!prepend_instructions(x))
        return false;
    if (x->allowed.n)
        responses_keep_allowed(x);
    if (!x->n.logprobs)
        x->n.top_logprobs = VIEW_NONE;
    if (arena_failed(x->a))
        return responses_no_memory(x->err);
    return true;
}

bool responses_request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                            struct error *err)
{
    struct responses_request_reader x = {.a = a, .err = err};
    struct json_object o;
    bool ok = true;

    err->code = ERROR_NONE;
    x.n.parallel_calls = x.n.schema_strict = x.n.thinking = -1;
    x.n.include_usage = true; /* an answer of this dialect always tells it */
    x.input = (struct responses_input){.a = a, .err = err, .n = &x.n};
    json_begin(&x.r, body);
    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o))
        ok = read_member(&x, &o);
    if (json_failed(&x.r) || (ok && !json_end(&x.r)))
        return json_error(&x.r, err);
    if (!ok || !finish(&x))
        return false;
    *ret = x.n;
    return true;
}
