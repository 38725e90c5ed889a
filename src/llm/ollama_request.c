/* Requests in Ollama's native dialect: /api/chat and /api/generate. */
#include "llm/ollama.h"
#include "llm/take.h"

static bool refuse(struct ollama_in *x, struct view param, const char *text, const char *hint)
{
    error_set(x->err, ERROR_BAD_VALUE, "%.*s %s.", VIEW_ARG(param), text);
    error_hint(x->err, "%s", hint);
    return error_param(x->err, param);
}

static bool add_extra(struct ollama_in *x, const char *prefix, struct view key)
{
    if (x->n.n_extras == LLM_MAX_EXTRAS)
        return refuse(x, VIEW("options"), "and the fields beside it hold too many unknown names",
                      "Leave out the fields that Ollama does not document.");
    struct view name = arena_printf(x->a, "%s%.*s", prefix, VIEW_ARG(key));
    if (!name.n)
        return ollama_no_memory(x->err);
    x->n.extras[x->n.n_extras++] = name;
    return true;
}

/* A field that nothing neutral holds. What equals its default is as good as not said; and nobody
 * but Ollama cuts a prompt or forgets it (truncate, shift), so that others need not be told. */
static bool take_extra(struct ollama_in *x, const struct json_object *o)
{
    bool cuts = json_key_is(o, "truncate") || json_key_is(o, "shift");
    struct view key = arena_dup(x->a, o->key), raw;

    if (!json_value(&x->r, &raw))
        return false;
    bool usual = cuts || view_eq(raw, VIEW("null")) || view_eq(raw, VIEW("false")) ||
                 view_eq(raw, VIEW("\"\"")) || view_eq(raw, VIEW("[]"));
    return usual || add_extra(x, "", key);
}

static bool take_number(struct ollama_in *x, struct view param, struct view *ret_raw)
{
    return llm_take_number(&x->r, param, ret_raw, x->err);
}

static bool take_flag(struct ollama_in *x, struct view param, bool *ret_value)
{
    if (json_take_null(&x->r))
        return true;
    enum json_type type = json_peek(&x->r);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return openai_chat_bad_type(&x->r, param, "Write true or false.", x->err);
    return json_bool(&x->r, ret_value);
}

static bool take_stops(struct ollama_in *x)
{
    struct json_array array;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("options.stop"), "Write an array of strings.",
                                    x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        struct view text;
        if (!ollama_take_string(x, VIEW("options.stop"), &text))
            return false;
        if (x->n.n_stops == LLM_MAX_STOPS)
            return refuse(x, VIEW("options.stop"), "holds more than 16 sequences",
                          "Name at most 16.");
        if (text.n)
            x->n.stops[x->n.n_stops++] = text;
    }
    return !json_failed(&x->r);
}

/* Zero and less mean "no limit". */
static bool take_num_predict(struct ollama_in *x)
{
    struct view raw = VIEW_NONE;
    double value = 0;

    if (!take_number(x, VIEW("options.num_predict"), &raw))
        return false;
    if (raw.n && !view_to_double(raw, &value))
        return refuse(x, VIEW("options.num_predict"), "is not a plain number",
                      "Write a whole number of tokens, such as 512.");
    x->n.max_tokens = value < 1 ? 0 : value >= UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

static bool read_option(struct ollama_in *x, const struct json_object *o)
{
    struct llm_neutral *n = &x->n;

    if (json_key_is(o, "temperature"))
        return take_number(x, VIEW("options.temperature"), &n->temperature);
    if (json_key_is(o, "num_ctx"))
        return take_number(x, VIEW("options.num_ctx"), &n->num_ctx);
    if (json_key_is(o, "num_predict"))
        return take_num_predict(x);
    if (json_key_is(o, "top_p"))
        return take_number(x, VIEW("options.top_p"), &n->top_p);
    if (json_key_is(o, "top_k"))
        return take_number(x, VIEW("options.top_k"), &n->top_k);
    if (json_key_is(o, "min_p"))
        return take_number(x, VIEW("options.min_p"), &n->min_p);
    if (json_key_is(o, "seed"))
        return take_number(x, VIEW("options.seed"), &n->seed);
    if (json_key_is(o, "presence_penalty"))
        return take_number(x, VIEW("options.presence_penalty"), &n->presence_penalty);
    if (json_key_is(o, "frequency_penalty"))
        return take_number(x, VIEW("options.frequency_penalty"), &n->frequency_penalty);
    if (json_key_is(o, "stop"))
        return take_stops(x);
    if (json_take_null(&x->r))
        return true;
    return add_extra(x, "options.", o->key) && json_skip(&x->r);
}

static bool read_options(struct ollama_in *x)
{
    struct json_object o;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, VIEW("options"), "Write an object.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o))
        if (!read_option(x, &o))
            return false;
    return !json_failed(&x->r);
}

static bool read_format(struct ollama_in *x)
{
    static const char want[] = "Write \"json\" or a JSON schema.";
    struct view text;

    if (json_peek(&x->r) == JSON_OBJECT) {
        x->n.format = LLM_FORMAT_SCHEMA;
        return json_value(&x->r, &x->n.schema);
    }
    enum json_type type = json_peek(&x->r);
    if (type != JSON_STRING && type != JSON_NULL)
        return openai_chat_bad_type(&x->r, VIEW("format"), want, x->err);
    if (!ollama_take_string(x, VIEW("format"), &text))
        return false;
    if (view_eq(text, VIEW("json")))
        x->n.format = LLM_FORMAT_JSON;
    else if (text.n)
        return refuse(x, VIEW("format"), "is not known", want);
    return true;
}

static bool read_think(struct ollama_in *x)
{
    enum json_type type = json_peek(&x->r);
    bool on = false;

    if (type == JSON_STRING) {
        if (!ollama_take_string(x, VIEW("think"), &x->n.effort))
            return false;
        x->n.thinking = x->n.effort.n ? 1 : -1;
        return true;
    }
    if (type == JSON_NULL)
        return json_skip(&x->r);
    if (!take_flag(x, VIEW("think"), &on))
        return false;
    x->n.thinking = on;
    return true;
}

static bool read_keep_alive(struct ollama_in *x)
{
    enum json_type type = json_peek(&x->r);

    if (json_take_null(&x->r))
        return true;
    if (type != JSON_NUMBER && type != JSON_STRING)
        return openai_chat_bad_type(&x->r, VIEW("keep_alive"),
                                    "Write seconds, or a duration such as \"10m\".", x->err);
    return json_value(&x->r, &x->n.keep_alive);
}

static bool read_model(struct ollama_in *x)
{
    if (!ollama_take_string(x, VIEW("model"), &x->n.model))
        return false;
    if (x->n.model.n > LLM_MAX_MODEL)
        return refuse(x, VIEW("model"), "is longer than 256 bytes", "Write a model's name.");
    return true;
}

bool ollama_read_member(struct ollama_in *x, const struct json_object *o)
{
    if (json_key_is(o, "model"))
        return read_model(x);
    if (json_key_is(o, "stream"))
        return take_flag(x, VIEW("stream"), &x->n.stream);
    if (json_key_is(o, "options"))
        return read_options(x);
    if (json_key_is(o, "format"))
        return read_format(x);
    if (json_key_is(o, "think"))
        return read_think(x);
    if (json_key_is(o, "keep_alive"))
        return read_keep_alive(x);
    if (json_key_is(o, "logprobs"))
        return take_flag(x, VIEW("logprobs"), &x->n.logprobs);
    if (json_key_is(o, "top_logprobs"))
        return take_number(x, VIEW("top_logprobs"), &x->n.top_logprobs);
    return take_extra(x, o);
}

/* 0, "0s", "0m": what a duration of nothing looks like. */
static bool is_zero(struct view raw)
{
    bool digit = false;

    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] >= '1' && raw.p[i] <= '9')
            return false;
        digit |= raw.p[i] == '0';
    }
    return digit;
}

bool ollama_read_finish(struct ollama_in *x, bool ok, struct llm_neutral *ret, struct error *err)
{
    if (json_failed(&x->r) || (ok && !json_end(&x->r)))
        return json_error(&x->r, err);
    if (!ok)
        return false;
    if (arena_failed(x->a))
        return ollama_no_memory(err);
    if (!x->n.model.n) {
        error_set(err, ERROR_MISSING_VALUE, "model is missing.");
        error_hint(err, "Write \"model\": \"auto\" or a model's name.");
        return error_param(err, VIEW("model"));
    }
    if (x->n.n_turns == 0) { /* answered whole, also where a stream was asked for */
        x->n.load = is_zero(x->n.keep_alive) ? LLM_LOAD_END : LLM_LOAD_BEGIN;
        x->n.stream = false;
    }
    *ret = x->n;
    return true;
}

/* Streams unless told otherwise; a stream's last line always has the usage. */
static struct ollama_in begin(struct view body, struct arena *a, struct error *err)
{
    struct ollama_in x = {.a = a, .err = err};

    x.n.stream = x.n.include_usage = true;
    x.n.thinking = x.n.parallel_calls = x.n.schema_strict = -1;
    json_begin(&x.r, body);
    return x;
}

bool ollama_chat_read(struct view body, struct arena *a, struct llm_neutral *ret, struct error *err)
{
    struct ollama_in x = begin(body, a, err);
    struct json_object o;
    bool ok = true;

    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o)) {
        if (json_key_is(&o, "messages"))
            ok = ollama_read_messages(&x);
        else if (json_key_is(&o, "tools"))
            ok = ollama_read_tools(&x);
        else
            ok = ollama_read_member(&x, &o);
    }
    return ollama_read_finish(&x, ok, ret, err);
}

/* One system turn and one of the user; without a prompt it only loads the model: no turns. */
static bool set_turns(struct ollama_in *x, struct view system, struct view prompt,
                      struct llm_part *images, unsigned n_images)
{
    struct llm_turn *turns = arena_new_array(x->a, struct llm_turn, 2);
    struct llm_part *parts = arena_new_array(x->a, struct llm_part, (size_t)n_images + 2);
    unsigned n = 0;

    if (!turns || !parts)
        return ollama_no_memory(x->err);
    if (!prompt.n && !n_images)
        return true;
    if (system.n) {
        parts[0] = (struct llm_part){.kind = LLM_PART_TEXT, .text = system};
        turns[n++] = (struct llm_turn){.role = LLM_SYSTEM, .parts = parts++, .n_parts = 1};
    }
    if (n_images)
        memcpy(parts, images, n_images * sizeof(*parts));
    if (prompt.n)
        parts[n_images] = (struct llm_part){.kind = LLM_PART_TEXT, .text = prompt};
    turns[n++] =
        (struct llm_turn){.role = LLM_USER, .parts = parts, .n_parts = n_images + (prompt.n > 0)};
    x->n.turns = turns;
    x->n.n_turns = n;
    return true;
}

bool ollama_generate_read(struct view body, struct arena *a, struct llm_neutral *ret,
                          struct error *err)
{
    struct ollama_in x = begin(body, a, err);
    struct view prompt = VIEW_NONE, system = VIEW_NONE;
    struct llm_part *images = NULL;
    unsigned n_images = 0;
    struct json_object o;
    bool ok = true;

    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o)) {
        if (json_key_is(&o, "prompt"))
            ok = ollama_take_string(&x, VIEW("prompt"), &prompt);
        else if (json_key_is(&o, "system"))
            ok = ollama_take_string(&x, VIEW("system"), &system);
        else if (json_key_is(&o, "images"))
            ok = ollama_take_images(&x, VIEW("images"), &images, &n_images);
        else
            ok = ollama_read_member(&x, &o);
    }
    ok = ok && !json_failed(&x.r) && set_turns(&x, system, prompt, images, n_images);
    return ollama_read_finish(&x, ok, ret, err);
}
