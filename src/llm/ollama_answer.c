/* Answers of Ollama's /api/chat and /api/generate as events. */
#include "llm/ollama.h"

#include "base/hash.h"

struct emitting {
    struct llm_reader *r;
    struct view data;
    llm_sink *sink;
    void *arg;
    struct error *err;
};

static bool emit(struct emitting *e, const struct llm_ev *ev)
{
    return e->sink(e->arg, ev) ||
           (e->err->code != ERROR_NONE
                ? false
                : error_set(e->err, ERROR_CANCELLED, "The answer is no longer wanted."));
}

static bool emit_start(struct emitting *e, const struct ollama_line *line)
{
    if (e->r->started)
        return true;
    e->r->started = true;
    struct llm_ev ev = {.kind = LLM_EV_START,
                        .name = json_decode(line->model, e->r->arena),
                        .created_s = ollama_time_read(line->created.raw)};
    return emit(e, &ev);
}

static bool emit_text(struct emitting *e, enum llm_event_kind kind, struct json_text text)
{
    if (text.raw.n == 0)
        return true;
    struct llm_ev ev = {.kind = kind, .text = json_decode(text, e->r->arena)};
    return emit(e, &ev);
}

struct call {
    struct json_text id, name;
    struct view arguments;
};

static void take_function(struct json_reader *r, struct call *call)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "name"))
            ollama_take_text(r, &call->name);
        else if (json_key_is(&o, "arguments") && !json_take_null(r))
            json_value(r, &call->arguments);
        else if (!json_key_is(&o, "arguments"))
            json_skip(r);
    }
}

static void take_call(struct json_reader *r, struct call *call)
{
    struct json_object o;

    *call = (struct call){.arguments = VIEW("{}")};
    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "function"))
            take_function(r, call);
        else if (json_key_is(&o, "id"))
            ollama_take_text(r, &call->id);
        else
            json_skip(r);
    }
}

/* Older engines give calls no ids; a made one must differ from those of earlier answers, which
 * stand in the same conversation, and the line's own time makes it so. */
static struct view made_id(struct emitting *e)
{
    uint64_t hash = hash_bytes_seeded(e->data, e->r->n_calls + 1);

    return arena_printf(e->r->arena, "call_%016llx", (unsigned long long)hash);
}

static bool emit_calls(struct emitting *e, struct view calls)
{
    struct json_reader r;
    struct json_array array;
    struct call call;

    json_begin(&r, calls);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array)) {
        take_call(&r, &call);
        if (json_failed(&r))
            break;
        if (call.name.raw.n == 0)
            return ollama_protocol(e->err, "has a tool call without a name");
        struct llm_ev begin = {.kind = LLM_EV_CALL,
                               .index = e->r->n_calls,
                               .id = call.id.raw.n ? json_decode(call.id, e->r->arena) : made_id(e),
                               .name = json_decode(call.name, e->r->arena)};
        struct llm_ev arguments = {
            .kind = LLM_EV_ARGUMENTS, .index = e->r->n_calls, .text = call.arguments};
        e->r->n_calls++;
        if (!emit(e, &begin) || !emit(e, &arguments))
            return false;
    }
    return json_failed(&r) ? ollama_protocol(e->err, "has tool calls that are not read") : true;
}

static void put_raw_member(struct json_writer *w, struct view key, struct view raw)
{
    json_put_key(w, key);
    json_put_raw(w, raw);
}

/* Entries as OpenAI has them: `bytes` and `top_logprobs` always stand there. */
static void put_logprob(struct json_reader *r, struct json_writer *w, bool inner)
{
    struct json_object o;
    struct json_array array;
    struct view raw, bytes = VIEW("null"), token = VIEW("\"\""), value = VIEW("0");

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_put_object(w);
    json_object_begin(r, &o);
    bool top = false;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "token")) {
            json_value(r, &token);
        } else if (json_key_is(&o, "logprob")) {
            json_value(r, &value);
        } else if (json_key_is(&o, "bytes")) {
            json_value(r, &bytes);
        } else if (!inner && json_key_is(&o, "top_logprobs") && json_peek(r) == JSON_ARRAY) {
            top = true;
            json_put_key(w, VIEW("top_logprobs"));
            json_put_array(w);
            json_array_begin(r, &array);
            while (json_array_next(r, &array))
                put_logprob(r, w, true);
            json_put_close(w);
        } else {
            json_value(r, &raw);
        }
    }
    if (!top && !inner)
        put_raw_member(w, VIEW("top_logprobs"), VIEW("[]"));
    put_raw_member(w, VIEW("token"), token);
    put_raw_member(w, VIEW("logprob"), value);
    put_raw_member(w, VIEW("bytes"), bytes);
    json_put_close(w);
}

static bool emit_logprobs(struct emitting *e, struct view logprobs)
{
    /* An entry has at least two bytes and grows by less than 60. */
    struct buf out = BUF_MAX(32 * logprobs.n + 64);
    struct json_writer w = JSON_WRITER(&out);
    struct json_reader r;
    struct json_array array;

    json_begin(&r, logprobs);
    json_put_array(&w);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array))
        put_logprob(&r, &w, false);
    json_put_close(&w);
    bool ok = !json_failed(&r) && buf_ok(&out);
    struct llm_ev ev = {.kind = LLM_EV_LOGPROBS, .raw = buf_view(&out)};
    ok = ok ? emit(e, &ev) : ollama_protocol(e->err, "has log probabilities that are not read");
    buf_done(&out);
    return ok;
}

static bool emit_end(struct emitting *e, const struct ollama_line *line)
{
    struct llm_reader *r = e->r;
    bool length = json_text_eq(line->done_reason, VIEW("length"));
    struct llm_ev finish = {.kind = LLM_EV_FINISH,
                            .finish = length       ? LLM_FINISH_LENGTH
                                      : r->n_calls ? LLM_FINISH_CALLS
                                                   : LLM_FINISH_STOP};
    struct llm_ev usage = {.kind = LLM_EV_USAGE, .usage = line->usage};
    struct llm_ev end = {.kind = LLM_EV_END};

    r->usage = line->usage;
    r->ended = true;
    return emit(e, &finish) && (!line->usage.reported || emit(e, &usage)) && emit(e, &end);
}

static bool emit_line(struct emitting *e, const struct ollama_line *line)
{
    return emit_start(e, line) && emit_text(e, LLM_EV_THINKING, line->thinking) &&
           emit_text(e, LLM_EV_TEXT, line->content) &&
           (!line->calls.n || emit_calls(e, line->calls)) &&
           (!line->logprobs.n || emit_logprobs(e, line->logprobs)) &&
           (!line->done || emit_end(e, line));
}

bool ollama_event_read(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                       void *arg, struct error *err)
{
    struct emitting e = {.r = r, .data = data, .sink = sink, .arg = arg, .err = err};
    struct ollama_line line;

    (void)name;
    if (view_trim(data).n == 0 || r->ended)
        return true;
    if (!ollama_line_read(data, &line, err))
        return false;
    if (line.failed)
        return llm_upstream_error(data, err);
    err->code = ERROR_NONE;
    return emit_line(&e, &line);
}

bool ollama_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                       struct error *err)
{
    struct emitting e = {.r = r, .data = body, .sink = sink, .arg = arg, .err = err};
    struct ollama_line line;

    if (!ollama_line_read(body, &line, err))
        return false;
    if (line.failed)
        return llm_upstream_error(body, err);
    if (!line.done)
        return ollama_protocol(err, "is not done");
    err->code = ERROR_NONE;
    return emit_line(&e, &line);
}
