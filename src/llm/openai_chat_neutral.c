/* A chat request, read in full. Only translation needs it; openai_chat_request.c reads what Weir
 * itself must know. */
#include "llm/openai_chat_neutral.h"
#include "llm/take.h"

bool neutral_no_memory(struct neutral_reader *x)
{
    return error_set(x->err, ERROR_NO_MEMORY,
                     "The request needs more memory than one exchange may use.");
}

bool neutral_bad(struct neutral_reader *x, struct view param, const char *what, const char *want)
{
    error_set(x->err, ERROR_BAD_VALUE, "%.*s %s.", VIEW_ARG(param), what);
    error_hint(x->err, "%s", want);
    return error_param(x->err, param);
}

bool neutral_grow(struct neutral_reader *x, void **array, unsigned n, unsigned *room, size_t size)
{
    if (n < *room)
        return true;
    unsigned more = *room ? *room * 2 : 4;
    void *grown = arena_alloc(x->a, more * size);
    if (!grown)
        return neutral_no_memory(x);
    if (n)
        memcpy(grown, *array, n * size);
    *array = grown;
    *room = more;
    return true;
}

bool neutral_string(struct neutral_reader *x, struct view param, struct view *ret_text)
{
    struct json_text text;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, param, "Write a string.", x->err);
    if (!json_string(&x->r, &text))
        return false;
    *ret_text = json_decode(text, x->a);
    return !arena_failed(x->a) || neutral_no_memory(x);
}

bool neutral_number(struct neutral_reader *x, struct view param, struct view *ret_raw)
{
    return llm_take_number(&x->r, param, ret_raw, x->err);
}

bool neutral_flag(struct neutral_reader *x, struct view param, int *ret_value)
{
    return llm_take_flag(&x->r, param, ret_value, x->err);
}

bool neutral_object(struct neutral_reader *x, struct view param, struct view *ret_raw)
{
    return llm_take_object(&x->r, param, ret_raw, x->err);
}

static bool read_bool(struct neutral_reader *x, struct view param, bool *ret_value)
{
    int value = *ret_value;

    if (!neutral_flag(x, param, &value))
        return false;
    *ret_value = value;
    return true;
}

static bool read_model(struct neutral_reader *x)
{
    static const char want[] = "Write a model's name as a string, such as \"auto\".";

    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, VIEW("model"), want, x->err);
    if (!neutral_string(x, VIEW("model"), &x->out->model))
        return false;
    if (x->out->model.n == 0 || x->out->model.n > LLM_MAX_MODEL)
        return neutral_bad(x, VIEW("model"),
                           x->out->model.n ? "is longer than 256 bytes" : "is an empty string",
                           want);
    return true;
}

/* A negative limit, which engines take for "no limit", counts as not said. */
static bool read_limit(struct neutral_reader *x, struct view param, uint32_t *ret_value)
{
    struct view raw = VIEW_NONE;
    uint64_t value;

    if (!neutral_number(x, param, &raw))
        return false;
    if (raw.n == 0)
        return true;
    bool negative = raw.p[0] == '-';
    if (!view_to_u64(view_skip(raw, negative), &value))
        return neutral_bad(x, param, "is not a whole number",
                           "Write a whole number of tokens, such as 512.");
    if (!negative)
        *ret_value = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

static bool add_stop(struct neutral_reader *x)
{
    struct view stop = VIEW_NONE;

    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, VIEW("stop"), "Write a string, or an array of strings.",
                                    x->err);
    if (!neutral_string(x, VIEW("stop"), &stop))
        return false;
    if (stop.n == 0)
        return true;
    if (x->out->n_stops == LLM_MAX_STOPS)
        return neutral_bad(x, VIEW("stop"), "has too many entries", "Write at most 16.");
    x->out->stops[x->out->n_stops++] = stop;
    return true;
}

static bool read_stop(struct neutral_reader *x)
{
    struct json_array array;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return add_stop(x);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array))
        if (!add_stop(x))
            return false;
    return !json_failed(&x->r);
}

static bool read_stream_options(struct neutral_reader *x)
{
    struct json_object o;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("stream_options"),
                                    "Write an object such as {\"include_usage\":true}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        if (!json_key_is(&o, "include_usage"))
            json_skip(&x->r); /* how the stream is padded */
        else if (!read_bool(x, VIEW("stream_options.include_usage"), &x->out->include_usage))
            return false;
    }
    return !json_failed(&x->r);
}

static bool read_metadata(struct neutral_reader *x)
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
    x->out->metadata = view_of(x->r.start + at, json_offset(&x->r) - at);
    return true;
}

/* A value that asks for nothing beyond what happens anyway. */
static bool says_nothing(struct view key, struct view raw)
{
    if (view_eq(raw, VIEW("null")) || view_eq(raw, VIEW("{}")) || view_eq(raw, VIEW("[]")))
        return true;
    return view_eq(key, VIEW("modalities")) && view_find(raw, VIEW("audio")) == VIEW_NPOS;
}

static bool read_extra(struct neutral_reader *x, const struct json_object *o)
{
    struct view raw;

    if (!json_value(&x->r, &raw))
        return false;
    return says_nothing(o->key, raw) || neutral_extra(x, o->key);
}

bool neutral_extra(struct neutral_reader *x, struct view key)
{
    if (x->out->n_extras == LLM_MAX_EXTRAS)
        return neutral_bad(x, key, "is one unknown field too many",
                           "Leave out fields that the API does not have.");
    struct view name = arena_dup(x->a, key);
    if (arena_failed(x->a))
        return neutral_no_memory(x);
    x->out->extras[x->out->n_extras++] = name;
    return true;
}

/* Members that are one plain value. */
struct simple {
    struct view name;
    enum { STRING, NUMBER } type;
    size_t at;
};

static const struct simple simples[] = {
#define AT(member) offsetof(struct llm_neutral, member)
    {VIEW_LIT("temperature"), NUMBER, AT(temperature)},
    {VIEW_LIT("top_p"), NUMBER, AT(top_p)},
    {VIEW_LIT("top_k"), NUMBER, AT(top_k)},
    {VIEW_LIT("min_p"), NUMBER, AT(min_p)},
    {VIEW_LIT("seed"), NUMBER, AT(seed)},
    {VIEW_LIT("presence_penalty"), NUMBER, AT(presence_penalty)},
    {VIEW_LIT("frequency_penalty"), NUMBER, AT(frequency_penalty)},
    {VIEW_LIT("n"), NUMBER, AT(n)},
    {VIEW_LIT("top_logprobs"), NUMBER, AT(top_logprobs)},
    {VIEW_LIT("reasoning_effort"), STRING, AT(effort)},
    {VIEW_LIT("user"), STRING, AT(user)},
    {VIEW_LIT("service_tier"), STRING, AT(service_tier)},
#undef AT
};

static bool read_simple(struct neutral_reader *x, const struct json_object *o)
{
    for (size_t i = 0; i < sizeof(simples) / sizeof(simples[0]); i++) {
        const struct simple *s = &simples[i];
        if (!view_eq(s->name, o->key))
            continue;
        struct view *to = (struct view *)((char *)x->out + s->at);
        return s->type == NUMBER ? neutral_number(x, s->name, to) : neutral_string(x, s->name, to);
    }
    return read_extra(x, o);
}

bool neutral_member(struct neutral_reader *x, const struct json_object *o, uint32_t *max_tokens)
{
    if (json_key_is(o, "messages"))
        return neutral_messages(x);
    if (json_key_is(o, "model"))
        return read_model(x);
    if (json_key_is(o, "stream"))
        return read_bool(x, VIEW("stream"), &x->out->stream);
    if (json_key_is(o, "stream_options"))
        return read_stream_options(x);
    if (json_key_is(o, "max_tokens"))
        return read_limit(x, VIEW("max_tokens"), max_tokens);
    if (json_key_is(o, "max_completion_tokens"))
        return read_limit(x, VIEW("max_completion_tokens"), &x->out->max_tokens);
    if (json_key_is(o, "tools"))
        return neutral_tools(x, false);
    if (json_key_is(o, "functions"))
        return neutral_tools(x, true);
    if (json_key_is(o, "tool_choice"))
        return neutral_choice(x, false);
    if (json_key_is(o, "function_call"))
        return neutral_choice(x, true);
    if (json_key_is(o, "parallel_tool_calls"))
        return neutral_flag(x, VIEW("parallel_tool_calls"), &x->out->parallel_calls);
    if (json_key_is(o, "response_format"))
        return neutral_format(x);
    if (json_key_is(o, "stop"))
        return read_stop(x);
    if (json_key_is(o, "logprobs"))
        return read_bool(x, VIEW("logprobs"), &x->out->logprobs);
    if (json_key_is(o, "metadata"))
        return read_metadata(x);
    return read_simple(x, o);
}

static bool missing(struct error *err, struct view param, const char *hint)
{
    error_set(err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(err, "%s", hint);
    return error_param(err, param);
}

bool openai_chat_request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                              struct error *err)
{
    struct llm_neutral *out = arena_new_of(a, struct llm_neutral);
    struct neutral_reader x = {.a = a, .err = err, .out = out};
    struct json_object o;
    uint32_t max_tokens = 0;
    bool ok = true;

    if (!out)
        return neutral_no_memory(&x);
    out->parallel_calls = out->schema_strict = out->thinking = -1;
    json_begin(&x.r, body);
    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o))
        ok = neutral_member(&x, &o, &max_tokens);
    if (json_failed(&x.r) || (ok && !json_end(&x.r)))
        return json_error(&x.r, err);
    if (!ok)
        return false;
    if (!out->model.n)
        return missing(err, VIEW("model"), "Write \"model\": \"auto\" or a model's name.");
    if (!out->n_turns)
        return missing(err, VIEW("messages"), "Write an array with at least one message.");
    if (arena_failed(a))
        return neutral_no_memory(&x);
    if (!out->max_tokens)
        out->max_tokens = max_tokens;
    if (view_eq(out->effort, VIEW("none")))
        out->thinking = 0;
    *ret = *out;
    return true;
}
