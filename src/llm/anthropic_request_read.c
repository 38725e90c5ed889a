#include "llm/anthropic.h"
#include "llm/openai_chat.h"
#include "llm/take.h"

bool anthropic_no_memory(struct error *err)
{
    error_set(err, ERROR_NO_MEMORY, "The request needs more memory than one exchange may use.");
    return error_hint(err, "Send a shorter request.");
}

bool anthropic_missing(struct anthropic_request_reader *x, struct view param, const char *hint)
{
    error_set(x->err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(x->err, "%s", hint);
    return error_param(x->err, param);
}

static bool bad_value(struct anthropic_request_reader *x, struct view param, const char *what,
                      const char *hint)
{
    error_set(x->err, ERROR_BAD_VALUE, "%.*s %s.", VIEW_ARG(param), what);
    error_hint(x->err, "%s", hint);
    return error_param(x->err, param);
}

bool anthropic_take_string(struct anthropic_request_reader *x, struct view param,
                           struct view *ret_text)
{
    struct json_text text;

    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, param, "Write a string.", x->err);
    if (!json_string(&x->r, &text))
        return false;
    *ret_text = json_decode(text, x->a);
    return !arena_failed(x->a) || anthropic_no_memory(x->err);
}

bool anthropic_take_flag(struct anthropic_request_reader *x, struct view param, int *ret_flag)
{
    return llm_take_flag(&x->r, param, ret_flag, x->err);
}

bool anthropic_take_raw(struct anthropic_request_reader *x, struct view *ret_raw)
{
    return json_take_null(&x->r) || json_value(&x->r, ret_raw);
}

static bool take_text_or_null(struct anthropic_request_reader *x, struct view param,
                              struct view *ret_text)
{
    return json_take_null(&x->r) || anthropic_take_string(x, param, ret_text);
}

static bool take_count(struct anthropic_request_reader *x, struct view param, uint32_t *ret_value)
{
    static const char want[] = "Write a whole number of tokens, such as 1024.";
    struct view raw;
    uint64_t value;

    if (json_peek(&x->r) != JSON_NUMBER)
        return openai_chat_bad_type(&x->r, param, want, x->err);
    if (!json_number(&x->r, &raw))
        return false;
    if (!view_to_u64(raw, &value) || value == 0)
        return bad_value(x, param, "is not a whole number above zero", want);
    *ret_value = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

static bool take_number(struct anthropic_request_reader *x, struct view param,
                        struct view *ret_number)
{
    return llm_take_number(&x->r, param, ret_number, x->err);
}

static bool read_model(struct anthropic_request_reader *x)
{
    if (!anthropic_take_string(x, VIEW("model"), &x->n.model))
        return false;
    if (x->n.model.n == 0 || x->n.model.n > LLM_MAX_MODEL)
        return bad_value(x, VIEW("model"),
                         x->n.model.n ? "is longer than 256 bytes" : "is an empty string",
                         "Write a model's name as a string, such as \"auto\".");
    return true;
}

static bool read_stops(struct anthropic_request_reader *x)
{
    struct json_array array;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("stop_sequences"), "Write an array of strings.",
                                    x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        struct view stop;
        if (!anthropic_take_string(x, VIEW("stop_sequences"), &stop))
            return false;
        if (x->n.n_stops == LLM_MAX_STOPS)
            return bad_value(x, VIEW("stop_sequences"), "has more than 16 members",
                             "Send fewer of them.");
        x->n.stops[x->n.n_stops++] = stop;
    }
    return !json_failed(&x->r);
}

static bool read_thinking(struct anthropic_request_reader *x)
{
    static const char want[] = "Write an object such as {\"type\":\"adaptive\"}.";
    struct json_object o;
    struct view type = VIEW_NONE;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("thinking"), want, x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = json_key_is(&o, "type") ? anthropic_take_string(x, VIEW("thinking.type"), &type)
                  : json_key_is(&o, "budget_tokens")
                      ? take_count(x, VIEW("thinking.budget_tokens"), &x->n.thinking_budget)
                      : json_skip(&x->r);
        if (!ok)
            return false;
    }
    if (json_failed(&x->r))
        return false;
    if (view_eq(type, VIEW("disabled"))) {
        x->n.thinking = 0;
        x->n.thinking_budget = 0;
    } else if (view_eq(type, VIEW("enabled"))) {
        if (!x->n.thinking_budget)
            return anthropic_missing(x, VIEW("thinking.budget_tokens"),
                                     "Write a whole number of tokens, such as 1024.");
        x->n.thinking = 1;
    } else if (view_eq(type, VIEW("adaptive")) || view_eq(type, VIEW("between_tools"))) {
        x->n.thinking = 1;
    } else {
        return bad_value(x, VIEW("thinking.type"), "is not a kind of thinking that is known",
                         "Write \"enabled\", \"disabled\" or \"adaptive\".");
    }
    return true;
}

/* {"type":"json_schema","schema":{...}} */
static bool read_format(struct anthropic_request_reader *x)
{
    static const char want[] =
        "Write an object such as {\"type\":\"json_schema\",\"schema\":{...}}.";
    struct json_object o;
    struct view type = VIEW_NONE, schema = VIEW_NONE;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("output_config.format"), want, x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = json_key_is(&o, "type")
                      ? anthropic_take_string(x, VIEW("output_config.format.type"), &type)
                  : json_key_is(&o, "schema") ? anthropic_take_raw(x, &schema)
                                              : json_skip(&x->r);
        if (!ok)
            return false;
    }
    if (json_failed(&x->r))
        return false;
    if (!view_eq(type, VIEW("json_schema")))
        return bad_value(x, VIEW("output_config.format.type"), "is not \"json_schema\"", want);
    if (!schema.n || schema.p[0] != '{')
        return anthropic_missing(x, VIEW("output_config.format.schema"),
                                 "Write a JSON schema as an object.");
    x->n.format = LLM_FORMAT_SCHEMA;
    x->n.schema = schema;
    x->n.schema_strict = 1; /* the dialect knows no other */
    return true;
}

static bool read_output_config(struct anthropic_request_reader *x)
{
    struct json_object o;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("output_config"),
                                    "Write an object such as {\"effort\":\"high\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = json_key_is(&o, "format") ? read_format(x)
                  : json_key_is(&o, "effort")
                      ? take_text_or_null(x, VIEW("output_config.effort"), &x->n.effort)
                      : json_skip(&x->r);
        if (!ok)
            return false;
    }
    return !json_failed(&x->r);
}

/* Only user_id is official; more is kept whole, for rules may look at it. */
static bool read_metadata(struct anthropic_request_reader *x)
{
    struct json_object o;
    bool more = false;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("metadata"),
                                    "Write an object such as {\"user_id\":\"...\"}.", x->err);
    uint32_t at = json_offset(&x->r);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "user_id")) {
            if (!take_text_or_null(x, VIEW("metadata.user_id"), &x->n.user))
                return false;
        } else {
            more = true;
            json_skip(&x->r);
        }
    }
    if (json_failed(&x->r))
        return false;
    if (more)
        x->n.metadata = view_of(x->r.start + at, json_offset(&x->r) - at);
    return true;
}

/* In OpenAI's words, which the neutral form uses: "default" is never the priority tier. */
static bool read_service_tier(struct anthropic_request_reader *x)
{
    if (!take_text_or_null(x, VIEW("service_tier"), &x->n.service_tier))
        return false;
    if (view_eq(x->n.service_tier, VIEW("standard_only")))
        x->n.service_tier = VIEW("default");
    return true;
}

static bool read_stream(struct anthropic_request_reader *x)
{
    int flag = 0;

    if (!anthropic_take_flag(x, VIEW("stream"), &flag))
        return false;
    x->n.stream = flag == 1;
    return true;
}

static bool read_extra(struct anthropic_request_reader *x, const struct json_object *o)
{
    struct view name = arena_dup(x->a, o->key);

    if (arena_failed(x->a))
        return anthropic_no_memory(x->err);
    if (json_take_null(&x->r))
        return true;
    if (x->n.n_extras == LLM_MAX_EXTRAS)
        return bad_value(x, name, "is one unknown field too many", "Send fewer fields.");
    x->n.extras[x->n.n_extras++] = name;
    return json_skip(&x->r);
}

static bool read_sampling(struct anthropic_request_reader *x, const struct json_object *o,
                          bool *ret_known)
{
    *ret_known = true;
    if (json_key_is(o, "temperature"))
        return take_number(x, VIEW("temperature"), &x->n.temperature);
    if (json_key_is(o, "top_p"))
        return take_number(x, VIEW("top_p"), &x->n.top_p);
    if (json_key_is(o, "top_k"))
        return take_number(x, VIEW("top_k"), &x->n.top_k);
    if (json_key_is(o, "stop_sequences"))
        return read_stops(x);
    if (json_key_is(o, "thinking"))
        return read_thinking(x);
    if (json_key_is(o, "output_config"))
        return read_output_config(x);
    if (json_key_is(o, "output_format")) /* its name in beta days */
        return read_format(x);
    *ret_known = false;
    return true;
}

static bool read_member(struct anthropic_request_reader *x, const struct json_object *o)
{
    bool known;

    if (json_key_is(o, "messages"))
        return anthropic_read_messages(x);
    if (json_key_is(o, "model"))
        return read_model(x);
    if (json_key_is(o, "system"))
        return anthropic_read_system(x);
    if (json_key_is(o, "max_tokens")) {
        x->has_max_tokens = true;
        return take_count(x, VIEW("max_tokens"), &x->n.max_tokens);
    }
    if (json_key_is(o, "tools"))
        return anthropic_read_tools(x);
    if (json_key_is(o, "tool_choice"))
        return anthropic_read_choice(x);
    if (json_key_is(o, "stream"))
        return read_stream(x);
    if (json_key_is(o, "metadata"))
        return read_metadata(x);
    if (json_key_is(o, "service_tier"))
        return read_service_tier(x);
    bool ok = read_sampling(x, o, &known);
    return known ? ok : read_extra(x, o);
}

static bool finish(struct anthropic_request_reader *x, bool count_only)
{
    if (!x->n.model.n)
        return anthropic_missing(x, VIEW("model"), "Write \"model\": \"auto\" or a model's name.");
    if (!x->has_max_tokens && !count_only)
        return anthropic_missing(x, VIEW("max_tokens"),
                                 "Write a whole number of tokens, such as 1024.");
    if (!x->has_messages)
        return anthropic_missing(x, VIEW("messages"),
                                 "Write an array with at least one message, such as "
                                 "[{\"role\":\"user\",\"content\":\"...\"}].");
    if (x->system.n_parts) {
        x->n.turns[0] = x->system;
    } else {
        x->n.turns++;
        x->n.n_turns--;
    }
    x->n.keep_proof = true;
    x->n.include_usage = true; /* an answer without usage is none */
    return true;
}

static bool read_request(struct view body, struct arena *a, bool count_only,
                         struct llm_neutral *ret, struct error *err)
{
    struct anthropic_request_reader x = {.a = a, .err = err};
    struct json_object o;
    bool ok = true;

    x.n.parallel_calls = x.n.schema_strict = x.n.thinking = -1;
    json_begin(&x.r, body);
    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o))
        ok = read_member(&x, &o);
    if (json_failed(&x.r) || (ok && !json_end(&x.r)))
        return json_error(&x.r, err);
    if (!ok || !finish(&x, count_only))
        return false;
    *ret = x.n;
    return true;
}

bool anthropic_request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                            struct error *err)
{
    return read_request(body, a, false, ret, err);
}

bool anthropic_count_tokens_read(struct view body, struct arena *a, struct llm_neutral *ret,
                                 struct error *err)
{
    return read_request(body, a, true, ret, err);
}
