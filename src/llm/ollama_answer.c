/* Answers of Ollama's /api/chat and /api/generate: lines of a stream, and plain ones. */
#include "llm/ollama.h"

#include "base/hash.h"
#include "llm/openai_chat.h"

/* One line, or a plain answer, as it was found. */
struct line {
    struct json_text model, created, content, thinking, done_reason;
    struct view calls, logprobs; /* raw arrays; empty when they hold nothing */
    struct llm_usage usage;
    struct llm_span model_value;
    bool has_text; /* `message` or `response` stood there */
    bool done, failed;
};

static bool protocol(struct error *err, const char *what)
{
    return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer %s.", what);
}

/* A string, where one stands; all else is passed over. */
static void take_text(struct json_reader *r, struct json_text *ret_text)
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

static void take_message(struct json_reader *r, struct line *line)
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
            take_text(r, &line->content);
        else if (json_key_is(&o, "thinking"))
            take_text(r, &line->thinking);
        else if (json_key_is(&o, "tool_calls"))
            take_array(r, &line->calls);
        else
            json_skip(r);
    }
}

static void take_member(struct json_reader *r, const struct json_object *o, struct line *line)
{
    if (json_key_is(o, "message")) {
        take_message(r, line);
    } else if (json_key_is(o, "response")) {
        line->has_text = true;
        take_text(r, &line->content);
    } else if (json_key_is(o, "thinking")) {
        take_text(r, &line->thinking);
    } else if (json_key_is(o, "model")) {
        json_peek(r);
        uint32_t at = json_offset(r);
        take_text(r, &line->model);
        line->model_value = llm_span_from(r, at);
    } else if (json_key_is(o, "created_at")) {
        take_text(r, &line->created);
    } else if (json_key_is(o, "done")) {
        line->done = json_peek(r) == JSON_TRUE;
        json_skip(r);
    } else if (json_key_is(o, "done_reason")) {
        take_text(r, &line->done_reason);
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

static bool read_line(struct view data, struct line *ret_line, struct error *err)
{
    struct json_reader r;
    struct json_object o;

    *ret_line = (struct line){.done = false};
    json_begin(&r, data);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o))
        take_member(&r, &o, ret_line);
    if (!json_end(&r))
        return protocol(err, "is not JSON");
    if (!ret_line->failed && !ret_line->has_text && !ret_line->done)
        return protocol(err, "has neither a message nor an error");
    return true;
}

static bool upstream_error(struct view data, struct error *err)
{
    char text[OPENAI_ERROR_TEXT];
    size_t n = openai_error_text(data, text);

    if (n == 0)
        return error_set(err, ERROR_UPSTREAM_STATUS,
                         "The backend answered with an error that says nothing.");
    return error_set(err, ERROR_UPSTREAM_STATUS, "The backend answered with an error: %.*s", (int)n,
                     text);
}

/* ---- reading into events --------------------------------------------------------------------- */

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

static bool emit_start(struct emitting *e, const struct line *line)
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
            take_text(r, &call->name);
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
            take_text(r, &call->id);
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
            return protocol(e->err, "has a tool call without a name");
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
    return json_failed(&r) ? protocol(e->err, "has tool calls that are not read") : true;
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
    ok = ok ? emit(e, &ev) : protocol(e->err, "has log probabilities that are not read");
    buf_done(&out);
    return ok;
}

static bool emit_end(struct emitting *e, const struct line *line)
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

static bool emit_line(struct emitting *e, const struct line *line)
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
    struct line line;

    (void)name;
    if (view_trim(data).n == 0 || r->ended)
        return true;
    if (!read_line(data, &line, err))
        return false;
    if (line.failed)
        return upstream_error(data, err);
    err->code = ERROR_NONE;
    return emit_line(&e, &line);
}

bool ollama_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                       struct error *err)
{
    struct emitting e = {.r = r, .data = body, .sink = sink, .arg = arg, .err = err};
    struct line line;

    if (!read_line(body, &line, err))
        return false;
    if (line.failed)
        return upstream_error(body, err);
    if (!line.done)
        return protocol(err, "is not done");
    err->code = ERROR_NONE;
    return emit_line(&e, &line);
}

/* ---- the same dialect on both sides ---------------------------------------------------------- */

static void keep(struct llm_answer *answer, const struct line *line)
{
    answer->text_bytes += line->content.raw.n + line->thinking.raw.n + line->calls.n;
    if (line->usage.reported)
        answer->usage = line->usage;
    if (line->done) {
        struct view reason = line->done_reason.raw.n ? line->done_reason.raw : VIEW("stop");
        reason = view_first(reason, sizeof(answer->finish) - 1);
        memcpy(answer->finish, reason.p, reason.n);
        answer->finish[reason.n] = '\0';
    }
}

static unsigned kinds_of(const struct line *line)
{
    bool content = line->content.raw.n || line->thinking.raw.n || line->calls.n;

    return (content ? LLM_EVENT_CONTENT : 0) | (line->usage.reported ? LLM_EVENT_USAGE : 0) |
           (line->done ? LLM_EVENT_FINISH | LLM_EVENT_DONE : 0);
}

bool ollama_event_pass(struct llm_answer *answer, struct view name, struct view data,
                       struct buf *out, unsigned *ret_kinds, struct error *err)
{
    struct line line;

    (void)name;
    if (view_trim(data).n == 0) {
        *ret_kinds = 0;
        return true;
    }
    if (!read_line(data, &line, err))
        return false;
    if (line.failed) {
        upstream_error(data, err);
        *ret_kinds = LLM_EVENT_ERROR;
        return true;
    }
    struct llm_span model = line.model_value;
    if (model.n) {
        ollama_put_line(out, view_first(data, model.at));
        json_quote(out, answer->model);
    }
    ollama_put_line(out, view_skip(data, model.at + model.n));
    buf_append_char(out, '\n');
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY,
                         "A line of the answer does not fit into the client's buffer.");
    keep(answer, &line);
    *ret_kinds = kinds_of(&line);
    return true;
}

/* `body` with `span` replaced by the quoted name. */
static bool replace(struct view body, struct llm_span span, struct view model, struct arena *a,
                    struct llm_body *ret_body, struct error *err)
{
    struct buf quoted = BUF_MAX(8 * LLM_MAX_MODEL);
    struct llm_body out = {.n = 0};

    json_quote(&quoted, model);
    struct view name = buf_ok(&quoted) ? arena_dup(a, buf_view(&quoted)) : VIEW("");
    buf_done(&quoted);
    if (name.n == 0)
        return error_set(err, ERROR_NO_MEMORY, "The exchange needs more memory than one may use.");
    const struct view pieces[] = {view_first(body, span.at), span.n ? name : VIEW_NONE,
                                  view_skip(body, span.at + span.n)};
    for (unsigned i = 0; i < 3; i++) {
        if (pieces[i].n == 0)
            continue;
        out.pieces[out.n++] = pieces[i];
        out.bytes += pieces[i].n;
    }
    *ret_body = out;
    return true;
}

bool ollama_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                       struct llm_body *ret_body, struct error *err)
{
    struct line line;

    if (!read_line(body, &line, err))
        return false;
    if (line.failed)
        return upstream_error(body, err);
    if (!line.done)
        return protocol(err, "is not done");
    if (!replace(body, line.model_value, answer->model, a, ret_body, err))
        return false;
    keep(answer, &line);
    return true;
}

bool ollama_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                         struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                         struct error *err)
{
    struct llm_span model = request->model_value;
    struct json_reader r;
    struct json_object o;

    if (model.n == 0) {
        json_begin(&r, request->body);
        json_object_begin(&r, &o);
        while (model.n == 0 && json_object_next(&r, &o)) {
            bool here = json_key_is(&o, "model");
            json_peek(&r);
            uint32_t at = json_offset(&r);
            if (json_skip(&r) && here)
                model = llm_span_from(&r, at);
        }
        if (model.n == 0)
            return error_set(err, ERROR_INTERNAL, "The request has no model to be replaced.");
    }
    if (!replace(request->body, model, rewrite->model, a, ret_body, err))
        return false;
    *ret_notes = VIEW("");
    return true;
}
