#include "llm/embeddings.h"

#include "llm/ollama.h"

static bool refuse(struct error *err, struct view param, const char *text, const char *hint)
{
    error_set(err, ERROR_BAD_VALUE, "%.*s %s.", VIEW_ARG(param), text);
    error_hint(err, "%s", hint);
    return error_param(err, param);
}

struct reading {
    struct ollama_in x;
    struct llm_embed_request q;
    enum llm_embed_form form;
};

static struct view input_name(const struct reading *in)
{
    return in->form == LLM_EMBED_OLLAMA_OLD ? VIEW("prompt") : VIEW("input");
}

static bool add_input(struct reading *in)
{
    struct llm_embed_request *q = &in->q;

    if (q->n_inputs == LLM_EMBED_MAX)
        return refuse(in->x.err, input_name(in), "holds too many texts", "Send 8192 at most.");
    q->inputs = ollama_grow(in->x.a, q->inputs, q->n_inputs, sizeof(*q->inputs));
    if (!q->inputs)
        return ollama_no_memory(in->x.err);
    return ollama_take_string(&in->x, input_name(in), &q->inputs[q->n_inputs]) && ++q->n_inputs;
}

/* A text, an array of texts; for OpenAI also token numbers and arrays of them. */
static bool read_input(struct reading *in)
{
    struct json_reader *r = &in->x.r;
    enum json_type type = json_peek(r);
    struct json_array array;

    if (type == JSON_STRING)
        return add_input(in);
    if (type != JSON_ARRAY || in->form == LLM_EMBED_OLLAMA_OLD)
        return openai_chat_bad_type(r, input_name(in), "Write a string.", in->x.err);
    uint32_t at = json_offset(r);
    bool texts = false, tokens = false;
    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        type = json_peek(r);
        if (type == JSON_STRING && !tokens) {
            texts = true;
            if (!add_input(in))
                return false;
        } else if (in->form == LLM_EMBED_OPENAI && !texts &&
                   (type == JSON_NUMBER || type == JSON_ARRAY)) {
            tokens = true;
            json_skip(r);
        } else {
            return openai_chat_bad_type(r, VIEW("input"), "Write an array of strings.", in->x.err);
        }
    }
    if (tokens && !json_failed(r))
        in->q.tokens = view_of(r->start + at, json_offset(r) - at);
    return !json_failed(r);
}

static bool take_raw(struct reading *in, struct view param, enum json_type want,
                     enum json_type other, struct view *ret_raw)
{
    enum json_type type = json_peek(&in->x.r);

    if (json_take_null(&in->x.r))
        return true;
    if (type != want && type != other)
        return openai_chat_bad_type(&in->x.r, param, "See the API's description.", in->x.err);
    return json_value(&in->x.r, ret_raw);
}

static bool read_encoding(struct reading *in)
{
    struct view text;

    if (!ollama_take_string(&in->x, VIEW("encoding_format"), &text))
        return false;
    in->q.base64 = view_eq(text, VIEW("base64"));
    if (text.n && !in->q.base64 && !view_eq(text, VIEW("float")))
        return refuse(in->x.err, VIEW("encoding_format"), "is not known",
                      "Write \"float\" or \"base64\".");
    return true;
}

static bool read_truncate(struct reading *in)
{
    bool on;

    if (json_take_null(&in->x.r))
        return true;
    enum json_type type = json_peek(&in->x.r);
    if (type != JSON_TRUE && type != JSON_FALSE)
        return openai_chat_bad_type(&in->x.r, VIEW("truncate"), "Write true or false.", in->x.err);
    if (!json_bool(&in->x.r, &on))
        return false;
    in->q.truncate = on;
    return true;
}

/* A field that nothing above holds; null says nothing. */
static bool keep_extra(struct reading *in, const struct json_object *o)
{
    struct llm_embed_request *q = &in->q;

    if (json_take_null(&in->x.r))
        return true;
    if (q->n_extras == LLM_EMBED_EXTRAS)
        return refuse(in->x.err, o->key, "is one unknown field too many",
                      "Leave out fields that the API does not have.");
    q->extras[q->n_extras++] = arena_dup(in->x.a, o->key);
    return json_skip(&in->x.r);
}

static bool read_member(struct reading *in, const struct json_object *o)
{
    bool openai = in->form == LLM_EMBED_OPENAI, old = in->form == LLM_EMBED_OLLAMA_OLD;

    if (json_key_is(o, "model"))
        return ollama_take_string(&in->x, VIEW("model"), &in->q.model);
    if (view_eq(o->key, input_name(in)))
        return read_input(in);
    if (json_key_is(o, "dimensions") && !old)
        return take_raw(in, VIEW("dimensions"), JSON_NUMBER, JSON_NUMBER, &in->q.dimensions);
    if (json_key_is(o, "encoding_format") && openai)
        return read_encoding(in);
    if (json_key_is(o, "user") && openai)
        return ollama_take_string(&in->x, VIEW("user"), &in->q.user);
    if (json_key_is(o, "truncate") && !openai)
        return read_truncate(in);
    if (json_key_is(o, "keep_alive") && !openai)
        return take_raw(in, VIEW("keep_alive"), JSON_NUMBER, JSON_STRING, &in->q.keep_alive);
    if (json_key_is(o, "options") && !openai)
        return take_raw(in, VIEW("options"), JSON_OBJECT, JSON_OBJECT, &in->q.options);
    return keep_extra(in, o);
}

static bool missing(struct error *err, struct view param)
{
    error_set(err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    return error_param(err, param);
}

bool llm_embed_request_read(enum llm_embed_form form, struct view body, struct arena *a,
                            struct llm_embed_request *ret, struct error *err)
{
    struct reading in = {.x = {.a = a, .err = err}, .form = form};
    struct json_object o;
    bool ok = true;

    in.q.truncate = form == LLM_EMBED_OPENAI ? 0 : -1;
    json_begin(&in.x.r, body);
    json_object_begin(&in.x.r, &o);
    while (ok && json_object_next(&in.x.r, &o))
        ok = read_member(&in, &o);
    if (json_failed(&in.x.r) || (ok && !json_end(&in.x.r)))
        return json_error(&in.x.r, err);
    if (!ok)
        return false;
    if (arena_failed(a))
        return ollama_no_memory(err);
    if (!in.q.model.n)
        return missing(err, VIEW("model"));
    if (in.q.model.n > LLM_MAX_MODEL)
        return refuse(err, VIEW("model"), "is longer than 256 bytes", "Write a model's name.");
    if (!in.q.n_inputs && !in.q.tokens.n)
        return missing(err, input_name(&in));
    *ret = in.q;
    return true;
}

static void put_inputs(struct json_writer *w, const struct llm_embed_request *q)
{
    json_put_key(w, VIEW("input"));
    if (q->tokens.n) {
        json_put_raw(w, q->tokens);
        return;
    }
    if (q->n_inputs != 1)
        json_put_array(w);
    for (unsigned i = 0; i < q->n_inputs; i++)
        json_put_string(w, q->inputs[i]);
    if (q->n_inputs != 1)
        json_put_close(w);
}

static void put_raw(struct json_writer *w, struct view key, struct view raw)
{
    if (raw.n == 0)
        return;
    json_put_key(w, key);
    json_put_raw(w, raw);
}

static void note(struct buf *notes, bool dropped, struct view name)
{
    if (!dropped)
        return;
    buf_append(notes, name);
    buf_append_lit(notes, " dropped, ");
}

static bool check_ollama(enum llm_embed_form form, const struct llm_embed_request *q,
                         struct error *err)
{
    if (q->tokens.n)
        return refuse(err, VIEW("input"), "holds token numbers, which Ollama does not read",
                      "Send the texts themselves.");
    if (form == LLM_EMBED_OLLAMA_OLD && q->n_inputs != 1)
        return refuse(err, VIEW("input"), "holds more texts than one", "Send one text.");
    if (form == LLM_EMBED_OLLAMA_OLD && q->dimensions.n)
        return refuse(err, VIEW("dimensions"), "cannot be said here", "Leave it out.");
    return true;
}

bool llm_embed_request_write(enum llm_embed_form form, const struct llm_embed_request *request,
                             struct view model, struct buf *out, struct buf *notes,
                             struct error *err)
{
    struct json_writer w = JSON_WRITER(out);
    bool openai = form == LLM_EMBED_OPENAI;

    if (!openai && !check_ollama(form, request, err))
        return false;
    for (unsigned i = 0; i < request->n_extras; i++)
        if (!llm_lose(openai ? "OpenAI's embeddings" : "ollama", request->extras[i], notes, err))
            return false;
    json_put_object(&w);
    json_put_member_string(&w, VIEW("model"), model);
    if (form == LLM_EMBED_OLLAMA_OLD)
        json_put_member_string(&w, VIEW("prompt"), request->inputs[0]);
    else
        put_inputs(&w, request);
    put_raw(&w, VIEW("dimensions"), request->dimensions);
    if (openai) {
        if (request->user.n)
            json_put_member_string(&w, VIEW("user"), request->user);
        json_put_member_string(&w, VIEW("encoding_format"),
                               request->base64 ? VIEW("base64") : VIEW("float"));
        note(notes, request->truncate == 1, VIEW("truncate"));
        note(notes, request->keep_alive.n, VIEW("keep_alive"));
        note(notes, request->options.n, VIEW("options"));
    } else {
        /* Ollama cuts what is too long without a word; OpenAI's clients expect an error. */
        if (form == LLM_EMBED_OLLAMA && request->truncate >= 0)
            json_put_member_bool(&w, VIEW("truncate"), request->truncate == 1);
        put_raw(&w, VIEW("keep_alive"), request->keep_alive);
        put_raw(&w, VIEW("options"), request->options);
        note(notes, request->user.n, VIEW("user"));
    }
    json_put_close(&w);
    return buf_ok(out) || ollama_no_memory(err);
}
