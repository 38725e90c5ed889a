/* OpenAI's older /v1/completions: a text to go on with. Backends that do so themselves get the
 * bytes; to all others the prompt is what a user says. */
#include "base/clock.h"
#include "base/hash.h"
#include "llm/dialects.h"
#include "llm/openai_chat_neutral.h"
#include "json/writer.h"

#include <stdio.h>

/* ---- the request ----------------------------------------------------------------------------- */

/* Fields whose meaning is only this dialect's, and the value that says what would be anyway. A
 * translation names what it cannot say, so the others are kept as extras. */
static const struct {
    struct view name, usual;
} own_fields[] = {
    {VIEW_LIT("suffix"), VIEW_LIT("\"\"")},   {VIEW_LIT("echo"), VIEW_LIT("false")},
    {VIEW_LIT("best_of"), VIEW_LIT("1")},     {VIEW_LIT("n"), VIEW_LIT("1")},
    {VIEW_LIT("logprobs"), VIEW_LIT("null")}, {VIEW_LIT("messages"), VIEW_LIT("null")},
    {VIEW_LIT("tools"), VIEW_LIT("null")},    {VIEW_LIT("functions"), VIEW_LIT("null")},
};

static bool add_turn(struct neutral_reader *x, struct view text)
{
    struct llm_neutral *n = x->out;
    struct llm_part *part = arena_new_of(x->a, struct llm_part);

    if (!part ||
        !neutral_grow(x, (void **)&n->turns, n->n_turns, &x->room_turns, sizeof(*n->turns)))
        return neutral_no_memory(x);
    *part = (struct llm_part){.kind = LLM_PART_TEXT, .text = text};
    n->turns[n->n_turns++] = (struct llm_turn){.role = LLM_USER, .parts = part, .n_parts = 1};
    return true;
}

static bool add_prompt(struct neutral_reader *x)
{
    struct view text = VIEW_NONE;

    return neutral_string(x, VIEW("prompt"), &text) && add_turn(x, text);
}

/* A text, or an array with one; several of them and token numbers are this dialect's alone. The
 * numbers' digits stand for the text, to be counted. */
static bool read_prompt(struct neutral_reader *x)
{
    static const char want[] = "Write a string.";
    struct json_array array;
    bool tokens = false;

    if (json_peek(&x->r) == JSON_STRING)
        return add_prompt(x);
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("prompt"), want, x->err);
    uint32_t at = json_offset(&x->r);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        enum json_type type = json_peek(&x->r);
        if (type == JSON_STRING) {
            if (!add_prompt(x))
                return false;
        } else if (type == JSON_NUMBER || type == JSON_ARRAY) {
            tokens = true;
            json_skip(&x->r);
        } else {
            return openai_chat_bad_type(&x->r, VIEW("prompt"), want, x->err);
        }
    }
    if (json_failed(&x->r))
        return false;
    if (tokens && !add_turn(x, view_of(x->r.start + at, json_offset(&x->r) - at)))
        return false;
    return (!tokens && x->out->n_turns == 1) || neutral_extra(x, VIEW("prompt"));
}

static bool read_member(struct neutral_reader *x, const struct json_object *o, uint32_t *max_tokens)
{
    struct view raw;

    if (json_key_is(o, "prompt"))
        return read_prompt(x);
    for (size_t i = 0; i < sizeof(own_fields) / sizeof(own_fields[0]); i++) {
        if (!view_eq(o->key, own_fields[i].name))
            continue;
        if (!json_value(&x->r, &raw))
            return false;
        return view_eq(raw, VIEW("null")) || view_eq(raw, own_fields[i].usual) ||
               neutral_extra(x, own_fields[i].name);
    }
    return neutral_member(x, o, max_tokens);
}

static bool missing(struct error *err, struct view param, const char *hint)
{
    error_set(err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(err, "%s", hint);
    return error_param(err, param);
}

static bool request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                         struct error *err)
{
    struct llm_neutral *out = arena_new_of(a, struct llm_neutral);
    struct neutral_reader x = {.a = a, .err = err, .out = out};
    struct json_object o;
    bool ok = true, prompt = false;

    if (!out)
        return neutral_no_memory(&x);
    out->parallel_calls = out->schema_strict = out->thinking = -1;
    json_begin(&x.r, body);
    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o)) {
        prompt |= json_key_is(&o, "prompt");
        ok = read_member(&x, &o, &out->max_tokens);
    }
    if (json_failed(&x.r) || (ok && !json_end(&x.r)))
        return json_error(&x.r, err);
    if (!ok)
        return false;
    if (!out->model.n)
        return missing(err, VIEW("model"), "Write \"model\": \"auto\" or a model's name.");
    if (!prompt)
        return missing(err, VIEW("prompt"), "Write the text to go on with.");
    if (arena_failed(a))
        return neutral_no_memory(&x);
    *ret = *out;
    return true;
}

static struct llm_span value_span(struct json_reader *r)
{
    json_peek(r);
    uint32_t at = json_offset(r);
    json_skip(r);
    return llm_span_from(r, at);
}

static void find_usage(struct llm_request *q, struct json_reader *r)
{
    struct json_object o;

    enum json_type type = json_peek(r);
    uint32_t at = json_offset(r);
    if (type != JSON_OBJECT) {
        json_skip(r);
    } else {
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            struct llm_span value = value_span(r);
            if (json_key_is(&o, "include_usage"))
                q->usage_value = value;
        }
    }
    q->stream_options = llm_span_from(r, at);
}

/* The edits are those of a chat request; only their places must be known. */
static bool request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                         struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                         struct error *err)
{
    struct llm_rewrite edits = {.model = rewrite->model, .add_usage = rewrite->add_usage};
    struct llm_request q = *request;
    struct json_reader r;
    struct json_object o;

    json_begin(&r, request->body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (json_key_is(&o, "model"))
            q.model_value = value_span(&r);
        else if (json_key_is(&o, "stream_options"))
            find_usage(&q, &r);
        else
            json_skip(&r);
    }
    return openai_chat_request_pass(&q, &edits, a, ret_body, ret_notes, err);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_head(const struct llm_writer *w, struct buf *out)
{
    buf_append_lit(out, "{\"id\":");
    json_quote(out, view_str(w->id));
    buf_append_lit(out, ",\"object\":\"text_completion\",\"created\":");
    buf_append_u64(out, w->created_s > 0 ? (uint64_t)w->created_s : 0);
    buf_append_lit(out, ",\"model\":");
    json_quote(out, w->model);
    buf_append_lit(out, ",\"choices\":[");
}

static void put_usage(const struct llm_usage *usage, struct buf *out)
{
    buf_append_lit(out, "{\"prompt_tokens\":");
    buf_append_u64(out, usage->input);
    buf_append_lit(out, ",\"completion_tokens\":");
    buf_append_u64(out, usage->output);
    buf_append_lit(out, ",\"total_tokens\":");
    buf_append_u64(out, (uint64_t)usage->input + usage->output);
    buf_append_char(out, '}');
}

static struct view finish_name(enum llm_finish finish)
{
    return finish == LLM_FINISH_LENGTH   ? VIEW("\"length\"")
           : finish == LLM_FINISH_FILTER ? VIEW("\"content_filter\"")
                                         : VIEW("\"stop\"");
}

/* `finish` in quotes, or null. */
static void put_choice(struct view text, struct view finish, struct buf *out)
{
    buf_append_lit(out, "{\"text\":");
    json_quote(out, text);
    buf_append_lit(out, ",\"index\":0,\"logprobs\":null,\"finish_reason\":");
    buf_append(out, finish);
    buf_append_char(out, '}');
}

static void put_chunk(const struct llm_writer *w, struct view text, struct view finish,
                      struct buf *out)
{
    buf_append_lit(out, "data: ");
    put_head(w, out);
    put_choice(text, finish, out);
    buf_append_lit(out, "]");
    buf_append(out, w->include_usage ? VIEW(",\"usage\":null}\n\n") : VIEW("}\n\n"));
}

static void put_end(struct llm_writer *w, struct buf *out)
{
    if (w->plain) {
        put_head(w, out);
        put_choice(buf_view(&w->text), finish_name(w->finish), out);
        buf_append_lit(out, "],\"usage\":");
        put_usage(&w->usage, out);
        buf_append_lit(out, "}\n");
        return;
    }
    if (!w->finished)
        put_chunk(w, VIEW(""), VIEW("\"stop\""), out);
    if (w->include_usage) {
        buf_append_lit(out, "data: ");
        put_head(w, out);
        buf_append_lit(out, "],\"usage\":");
        put_usage(&w->usage, out);
        buf_append_lit(out, "}\n\n");
    }
    buf_append_lit(out, "data: [DONE]\n\n");
}

static void start(struct llm_writer *w, const struct llm_ev *ev)
{
    int64_t now = clock_mono_ns();

    w->started = true;
    if (!w->id[0])
        snprintf(w->id, sizeof(w->id), "cmpl-%016llx",
                 (unsigned long long)hash_bytes(view_of((const char *)&now, sizeof(now))));
    if (ev->created_s > 0)
        w->created_s = ev->created_s;
}

/* A model's reasoning is no part of the text; it has no tools to call. */
static bool event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (!w->started)
        start(w, ev);
    switch (ev->kind) {
    case LLM_EV_TEXT:
    case LLM_EV_REFUSAL:
        if (w->plain)
            buf_append(&w->text, ev->text);
        else if (ev->text.n)
            put_chunk(w, ev->text, VIEW("null"), out);
        break;
    case LLM_EV_FINISH:
        w->finish = ev->finish;
        w->finished = true;
        if (!w->plain)
            put_chunk(w, VIEW(""), finish_name(ev->finish), out);
        break;
    case LLM_EV_USAGE:
        w->usage = ev->usage;
        break;
    case LLM_EV_PING:
        if (!w->plain)
            buf_append_lit(out, ":\n\n");
        break;
    case LLM_EV_END:
        put_end(w, out);
        break;
    case LLM_EV_START:
    case LLM_EV_THINKING:
    case LLM_EV_SIGNATURE:
    case LLM_EV_CALL:
    case LLM_EV_ARGUMENTS:
    case LLM_EV_LOGPROBS:
        break;
    }
    return buf_ok(out) && buf_ok(&w->text);
}

static struct view content_type(bool stream)
{
    return stream ? VIEW("text/event-stream; charset=utf-8") : VIEW("application/json");
}

const struct llm_dialect_ops openai_completions_ops = {
    .name = "openai-completions",
    .request_read = request_read,
    .event_write = event_write,
    .error_write = openai_error_write,
    .error_event = openai_error_event,
    .event_pass = openai_chat_event_pass,
    .plain_pass = openai_chat_plain_pass,
    .request_pass = request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/v1/completions"),
};
