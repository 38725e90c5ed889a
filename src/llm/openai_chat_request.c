#include "llm/openai_chat.h"

struct request_reader {
    struct json_reader r;
    struct arena *a;
    struct error *err;
    struct llm_request req;
    uint32_t key_at; /* of the member that is read */
    struct view functions;
    uint32_t max_tokens, max_completion_tokens;
    bool has_messages;
};

bool openai_chat_bad_type(struct json_reader *r, struct view param, const char *want,
                          struct error *err)
{
    enum json_type type = json_peek(r);

    if (type == JSON_NONE) /* no value at all: let the reader say so */
        return json_skip(r);
    /* What is refused for its type must still be JSON, or "it ends too early" is the true answer.
     */
    if (!json_skip(r))
        return false;
    error_set(err, ERROR_BAD_VALUE, "%.*s is %s.", VIEW_ARG(param), json_type_name(type));
    error_hint(err, "%s", want);
    return error_param(err, param);
}

static bool read_model(struct request_reader *x)
{
    static const char want[] = "Write a model's name as a string, such as \"auto\".";
    struct json_text text;

    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, VIEW("model"), want, x->err);
    uint32_t at = json_offset(&x->r);
    if (!json_string(&x->r, &text))
        return false;
    if (text.raw.n == 0 || text.raw.n > LLM_MAX_MODEL) {
        error_set(x->err, ERROR_BAD_VALUE, "model is %s.",
                  text.raw.n ? "longer than 256 bytes" : "an empty string");
        error_hint(x->err, "%s", want);
        return error_param(x->err, VIEW("model"));
    }
    x->req.model = json_decode(text, x->a);
    x->req.model_value = llm_span_from(&x->r, at);
    return true;
}

static bool read_flag(struct request_reader *x, struct view param, bool *ret_value)
{
    if (json_take_null(&x->r))
        return true;
    enum json_type type = json_peek(&x->r);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return openai_chat_bad_type(&x->r, param, "Write true or false.", x->err);
    return json_bool(&x->r, ret_value);
}

static bool read_stream_options(struct request_reader *x)
{
    struct json_object o;

    enum json_type type = json_peek(&x->r);
    uint32_t from = json_offset(&x->r);
    if (type == JSON_OBJECT) {
        json_object_begin(&x->r, &o);
        while (json_object_next(&x->r, &o)) {
            if (!json_key_is(&o, "include_usage")) {
                json_skip(&x->r);
                continue;
            }
            json_peek(&x->r);
            uint32_t at = json_offset(&x->r);
            if (!read_flag(x, VIEW("stream_options.include_usage"), &x->req.include_usage))
                return false;
            x->req.usage_value = llm_span_from(&x->r, at);
        }
    } else if (type == JSON_NULL) {
        json_skip(&x->r);
    } else {
        return openai_chat_bad_type(&x->r, VIEW("stream_options"),
                                    "Write an object such as {\"include_usage\":true}.", x->err);
    }
    x->req.stream_options = llm_span_from(&x->r, from);
    return !json_failed(&x->r);
}

/* A limit of tokens; a negative one, which engines take for "no limit", counts as not said. */
static bool read_limit(struct request_reader *x, struct view param, uint32_t *ret_value,
                       struct llm_span *ret_member)
{
    struct view raw;
    uint64_t value;

    if (json_peek(&x->r) == JSON_NUMBER) {
        if (!json_number(&x->r, &raw))
            return false;
        bool negative = raw.p[0] == '-';
        if (!view_to_u64(view_skip(raw, negative), &value)) {
            error_set(x->err, ERROR_BAD_VALUE, "%.*s is not a whole number.", VIEW_ARG(param));
            error_hint(x->err, "Write a whole number of tokens, such as 512.");
            return error_param(x->err, param);
        }
        *ret_value = negative ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    } else if (!json_take_null(&x->r)) {
        return openai_chat_bad_type(&x->r, param, "Write a whole number of tokens, such as 512.",
                                    x->err);
    }
    *ret_member = llm_span_from(&x->r, x->key_at);
    return true;
}

/* A number that Weir does not look at but may have to take out. */
static bool read_sampling(struct request_reader *x, struct view param, struct llm_span *ret_member)
{
    enum json_type type = json_peek(&x->r);

    if (type != JSON_NUMBER && type != JSON_NULL)
        return openai_chat_bad_type(&x->r, param, "Write a number, or leave it out.", x->err);
    if (!json_skip(&x->r))
        return false;
    *ret_member = llm_span_from(&x->r, x->key_at);
    return true;
}

/* `tools` and `functions`: empty when the array is. */
static bool read_tools(struct request_reader *x, struct view param, struct view *ret_tools)
{
    struct json_array array;
    bool any = false;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, param, "Write an array of tools, or leave it out.",
                                    x->err);
    uint32_t at = json_offset(&x->r);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        any = true;
        json_skip(&x->r);
    }
    if (json_failed(&x->r))
        return false;
    if (any)
        *ret_tools = view_of(x->r.start + at, json_offset(&x->r) - at);
    return true;
}

static bool read_response_format(struct request_reader *x)
{
    static const char want[] =
        "Write an object such as {\"type\":\"json_schema\",\"json_schema\":{...}}.";
    struct json_object o;
    struct json_text type;
    bool binds = false;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("response_format"), want, x->err);
    uint32_t at = json_offset(&x->r);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        if (!json_key_is(&o, "type")) {
            json_skip(&x->r);
            continue;
        }
        if (json_peek(&x->r) != JSON_STRING)
            return openai_chat_bad_type(&x->r, VIEW("response_format.type"),
                                        "Write \"text\", \"json_object\" or \"json_schema\".",
                                        x->err);
        if (!json_string(&x->r, &type))
            return false;
        binds = json_text_eq(type, VIEW("json_schema"));
    }
    if (json_failed(&x->r))
        return false;
    if (binds) {
        x->req.schema = view_of(x->r.start + at, json_offset(&x->r) - at);
        x->req.needs |= LLM_NEED_SCHEMA;
    }
    return true;
}

static bool read_user(struct request_reader *x)
{
    struct json_text text;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, VIEW("user"), "Write a string.", x->err);
    if (!json_string(&x->r, &text))
        return false;
    x->req.user = json_decode(text, x->a);
    return true;
}

/* Its keys are read, for rules look at them: none may stand twice. */
static bool read_metadata(struct request_reader *x)
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
    x->req.metadata = view_of(x->r.start + at, json_offset(&x->r) - at);
    return true;
}

static bool read_member(struct request_reader *x, const struct json_object *o)
{
    struct llm_request *req = &x->req;

    x->key_at = o->key_at;
    if (json_key_is(o, "messages")) {
        x->has_messages = true;
        return openai_chat_messages(&x->r, x->a, req, x->err);
    }
    if (json_key_is(o, "model"))
        return read_model(x);
    if (json_key_is(o, "stream"))
        return read_flag(x, VIEW("stream"), &req->stream);
    if (json_key_is(o, "stream_options"))
        return read_stream_options(x);
    if (json_key_is(o, "max_tokens"))
        return read_limit(x, VIEW("max_tokens"), &x->max_tokens, &req->max_tokens_member);
    if (json_key_is(o, "max_completion_tokens"))
        return read_limit(x, VIEW("max_completion_tokens"), &x->max_completion_tokens,
                          &req->max_completion_tokens_member);
    if (json_key_is(o, "temperature"))
        return read_sampling(x, VIEW("temperature"), &req->temperature_member);
    if (json_key_is(o, "top_p"))
        return read_sampling(x, VIEW("top_p"), &req->top_p_member);
    if (json_key_is(o, "tools"))
        return read_tools(x, VIEW("tools"), &req->tools);
    if (json_key_is(o, "functions"))
        return read_tools(x, VIEW("functions"), &x->functions);
    if (json_key_is(o, "response_format"))
        return read_response_format(x);
    if (json_key_is(o, "user"))
        return read_user(x);
    if (json_key_is(o, "metadata"))
        return read_metadata(x);
    return json_skip(&x->r);
}

static bool missing(struct error *err, struct view param, const char *hint)
{
    error_set(err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(err, "%s", hint);
    return error_param(err, param);
}

static bool finish(struct request_reader *x)
{
    struct llm_request *req = &x->req;

    if (arena_failed(x->a))
        return error_set(x->err, ERROR_NO_MEMORY,
                         "The request needs more memory than one exchange may use.");
    if (!req->model.n)
        return missing(x->err, VIEW("model"), "Write \"model\": \"auto\" or a model's name.");
    if (!x->has_messages)
        return missing(x->err, VIEW("messages"),
                       "Write an array with at least one message, such as "
                       "[{\"role\":\"user\",\"content\":\"...\"}].");
    if (!req->tools.n)
        req->tools = x->functions;
    if (req->tools.n)
        req->needs |= LLM_NEED_TOOLS;
    req->max_tokens = x->max_completion_tokens ? x->max_completion_tokens : x->max_tokens;
    return true;
}

bool openai_chat_read(struct view body, struct arena *a, struct llm_request *ret_request,
                      struct error *err)
{
    struct request_reader x = {.a = a, .err = err, .req = {.dialect = LLM_OPENAI_CHAT}};
    struct json_object o;
    bool ok = true;

    x.req.body = body;
    json_begin(&x.r, body);
    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o))
        ok = read_member(&x, &o);
    if (json_failed(&x.r) || (ok && !json_end(&x.r)))
        return json_error(&x.r, err);
    if (!ok || !finish(&x))
        return false;
    *ret_request = x.req;
    return true;
}
