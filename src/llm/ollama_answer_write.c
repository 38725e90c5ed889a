/* Answers as Ollama's clients get them: one JSON object a line, or one for all. */
#include "llm/ollama.h"

#include "base/clock.h"
#include "llm/dialects.h"

/* Log probabilities that wait for the end of a plain answer. */
struct kept_raw {
    struct view raw;
    struct kept_raw *next;
};

struct own {
    struct view model; /* quoted */
    int64_t first_ns;  /* when the first content came */
    struct kept_raw *logprobs, **tail;
};

static struct own *begin(struct llm_writer *w)
{
    struct buf quoted = BUF_MAX(4096);

    if (w->own)
        return w->own;
    struct own *own = arena_new_of(w->arena, struct own);
    json_quote(&quoted, w->model);
    if (own)
        own->model = buf_ok(&quoted) ? arena_dup(w->arena, buf_view(&quoted)) : VIEW_NONE;
    buf_done(&quoted);
    if (!own || !own->model.n)
        return NULL;
    own->tail = &own->logprobs;
    w->started = true;
    w->own = own;
    return own;
}

/* {"model":...,"created_at":..., */
static void put_head(const struct llm_writer *w, const struct own *own, struct buf *out)
{
    char time[40];
    int64_t ns = w->now_ns ? w->now_ns : w->created_s * NS_PER_S;

    buf_append_lit(out, "{\"model\":");
    buf_append(out, own->model);
    buf_append_lit(out, ",\"created_at\":\"");
    buf_append(out, view_of(time, ollama_time(time, ns)));
    buf_append_lit(out, "\",");
}

static void put_piece(const struct llm_writer *w, const struct own *own, struct view text,
                      bool thinking, bool generate, struct buf *out)
{
    put_head(w, own, out);
    if (generate)
        buf_append_lit(out, "\"response\":");
    else
        buf_append_lit(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    json_quote(out, thinking ? VIEW("") : text);
    if (thinking) {
        buf_append_lit(out, ",\"thinking\":");
        json_quote(out, text);
    }
    if (generate)
        buf_append_lit(out, ",\"done\":false}\n");
    else
        buf_append_lit(out, "},\"done\":false}\n");
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void copy_name(char *to, size_t room, struct view name)
{
    name = view_first(name, room - 1);
    memcpy(to, name.p ? name.p : "", name.n);
    to[name.n] = '\0';
}

static bool open_call(struct llm_writer *w, const struct llm_ev *ev)
{
    if (w->n_calls == w->cap_calls) {
        unsigned cap = w->cap_calls ? 2 * w->cap_calls : 4;
        struct llm_call_kept *grown = arena_new_array(w->arena, struct llm_call_kept, cap);
        if (!grown)
            return false;
        if (w->n_calls)
            memcpy(grown, w->calls, w->n_calls * sizeof(*grown));
        w->calls = grown;
        w->cap_calls = cap;
    }
    struct llm_call_kept *call = &w->calls[w->n_calls++];
    copy_name(call->id, sizeof(call->id), ev->id);
    copy_name(call->name, sizeof(call->name), ev->name);
    call->from = w->arguments.len;
    call->n = 0;
    return true;
}

/* A call whose pieces are interleaved with another's moves to the end of the buffer. */
static bool add_arguments(struct llm_writer *w, const struct llm_ev *ev)
{
    if (ev->index >= w->n_calls)
        return ev->text.n == 0;
    struct llm_call_kept *call = &w->calls[ev->index];
    if (call->from + call->n != w->arguments.len) {
        if (!buf_reserve(&w->arguments, call->n))
            return false;
        size_t from = w->arguments.len;
        buf_append(&w->arguments, view_of(w->arguments.p + call->from, call->n));
        call->from = from;
    }
    buf_append(&w->arguments, ev->text);
    call->n += ev->text.n;
    return buf_ok(&w->arguments);
}

static void put_calls(const struct llm_writer *w, struct buf *out)
{
    buf_append_lit(out, ",\"tool_calls\":[");
    for (unsigned i = 0; i < w->n_calls; i++) {
        const struct llm_call_kept *call = &w->calls[i];
        if (i)
            buf_append_char(out, ',');
        buf_append_char(out, '{');
        if (call->id[0]) {
            buf_append_lit(out, "\"id\":");
            json_quote(out, view_str(call->id));
            buf_append_char(out, ',');
        }
        buf_append_lit(out, "\"function\":{\"index\":");
        buf_append_u64(out, i);
        buf_append_lit(out, ",\"name\":");
        json_quote(out, view_str(call->name));
        buf_append_lit(out, ",\"arguments\":");
        ollama_put_arguments(out, view_of(w->arguments.p + call->from, call->n));
        buf_append_lit(out, "}}");
    }
    buf_append_char(out, ']');
}

/* ---- log probabilities ----------------------------------------------------------------------- */

static bool keep_logprobs(struct llm_writer *w, struct own *own, struct view raw)
{
    struct kept_raw *kept = arena_new_of(w->arena, struct kept_raw);

    raw = view_trim(raw);
    if (raw.n <= 2 || raw.p[0] != '[')
        return true;
    if (!kept)
        return false;
    kept->raw = arena_dup(w->arena, view_of(raw.p + 1, raw.n - 2));
    *own->tail = kept;
    own->tail = &kept->next;
    return kept->raw.n > 0;
}

static void put_logprobs(const struct own *own, struct buf *out)
{
    if (!own->logprobs)
        return;
    buf_append_lit(out, ",\"logprobs\":[");
    for (const struct kept_raw *k = own->logprobs; k; k = k->next) {
        if (k != own->logprobs)
            buf_append_char(out, ',');
        ollama_put_line(out, k->raw);
    }
    buf_append_char(out, ']');
}

/* They come behind their text, on a line of their own. */
static void put_logprobs_line(const struct llm_writer *w, const struct own *own, struct view raw,
                              bool generate, struct buf *out)
{
    put_head(w, own, out);
    buf_append(out, generate ? VIEW("\"response\":\"\"")
                             : VIEW("\"message\":{\"role\":\"assistant\",\"content\":\"\"}"));
    buf_append_lit(out, ",\"done\":false,\"logprobs\":");
    ollama_put_line(out, raw);
    buf_append_lit(out, "}\n");
}

/* ---- the end --------------------------------------------------------------------------------- */

static void put_number(struct buf *out, struct view key, int64_t value)
{
    if (value <= 0)
        return;
    buf_append(out, key);
    buf_append_u64(out, (uint64_t)value);
}

/* Durations are what the client sees of them: until the first content, and from there on. */
static void put_measures(const struct llm_writer *w, const struct own *own, struct buf *out)
{
    int64_t total = w->now_ns && w->since_ns ? w->now_ns - w->since_ns : 0;
    int64_t first = own->first_ns ? own->first_ns - w->since_ns : 0;

    put_number(out, VIEW(",\"total_duration\":"), total);
    if (w->usage.reported) {
        buf_append_lit(out, ",\"prompt_eval_count\":");
        buf_append_u64(out, w->usage.input);
    }
    put_number(out, VIEW(",\"prompt_eval_duration\":"), total > 0 ? first : 0);
    if (w->usage.reported) {
        buf_append_lit(out, ",\"eval_count\":");
        buf_append_u64(out, w->usage.output);
    }
    put_number(out, VIEW(",\"eval_duration\":"), total > 0 && first > 0 ? total - first : 0);
}

static void put_last(const struct llm_writer *w, const struct own *own, bool generate,
                     struct buf *out)
{
    struct view text = w->plain ? buf_view(&w->text) : VIEW(""),
                thinking = w->plain ? buf_view(&w->thinking) : VIEW("");

    put_head(w, own, out);
    if (generate)
        buf_append_lit(out, "\"response\":");
    else
        buf_append_lit(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    json_quote(out, text);
    if (thinking.n) {
        buf_append_lit(out, ",\"thinking\":");
        json_quote(out, thinking);
    }
    if (w->plain && w->n_calls)
        put_calls(w, out);
    if (!generate)
        buf_append_char(out, '}');
    buf_append_lit(out, ",\"done\":true,\"done_reason\":");
    buf_append(out, w->finish == LLM_FINISH_LENGTH ? VIEW("\"length\"") : VIEW("\"stop\""));
    put_logprobs(own, out);
    put_measures(w, own, out);
    buf_append_char(out, '}');
    buf_append(out, w->plain ? VIEW("") : VIEW("\n"));
}

static void put_end(struct llm_writer *w, const struct own *own, bool generate, struct buf *out)
{
    if (!w->plain && w->n_calls) {
        /* Whole calls only: argument pieces of several may come interleaved. */
        put_head(w, own, out);
        buf_append(out, generate ? VIEW("\"response\":\"\"")
                                 : VIEW("\"message\":{\"role\":\"assistant\",\"content\":\"\""));
        put_calls(w, out);
        buf_append(out, generate ? VIEW(",\"done\":false}\n") : VIEW("},\"done\":false}\n"));
    }
    put_last(w, own, generate, out);
    w->finished = true;
}

static bool put_text(struct llm_writer *w, struct own *own, const struct llm_ev *ev, bool generate,
                     struct buf *out)
{
    bool thinking = ev->kind == LLM_EV_THINKING;
    struct buf *kept = thinking ? &w->thinking : &w->text;

    if (ev->text.n == 0)
        return true;
    if (!w->plain) {
        put_piece(w, own, ev->text, thinking, generate, out);
        return buf_ok(out);
    }
    buf_append(kept, ev->text);
    return buf_ok(kept);
}

static bool write_event(struct llm_writer *w, const struct llm_ev *ev, bool generate,
                        struct buf *out)
{
    struct own *own = begin(w);

    if (!own)
        return false;
    if (ev->choice != 0) /* the dialect has one answer */
        return true;
    if (!own->first_ns && ev->kind >= LLM_EV_TEXT && ev->kind <= LLM_EV_ARGUMENTS)
        own->first_ns = w->now_ns;
    switch (ev->kind) {
    case LLM_EV_TEXT:
    case LLM_EV_REFUSAL:
    case LLM_EV_THINKING:
        return put_text(w, own, ev, generate, out);
    case LLM_EV_CALL:
        return open_call(w, ev);
    case LLM_EV_ARGUMENTS:
        return add_arguments(w, ev);
    case LLM_EV_LOGPROBS:
        if (w->plain)
            return keep_logprobs(w, own, ev->raw);
        if (ev->raw.n)
            put_logprobs_line(w, own, ev->raw, generate, out);
        break;
    case LLM_EV_FINISH:
        w->finish = ev->finish;
        break;
    case LLM_EV_USAGE:
        w->usage = ev->usage;
        break;
    case LLM_EV_END:
        put_end(w, own, generate, out);
        break;
    case LLM_EV_START:
    case LLM_EV_SIGNATURE:
    case LLM_EV_PING:
        break;
    }
    return buf_ok(out);
}

static bool chat_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    return write_event(w, ev, false, out);
}

static bool generate_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    return write_event(w, ev, true, out);
}

static void error_write(const struct error *err, int status, struct view request_id,
                        struct buf *out)
{
    char text[sizeof(err->text) + sizeof(err->hint) + 2];
    size_t n = strlen(err->text), hint = strlen(err->hint);

    (void)status;
    (void)request_id;
    memcpy(text, err->text, n);
    if (hint) {
        text[n++] = ' ';
        memcpy(text + n, err->hint, hint);
        n += hint;
    }
    buf_append_lit(out, "{\"error\":");
    json_quote(out, view_of(text, n));
    buf_append_lit(out, "}\n");
}

static void error_event(struct llm_writer *w, const struct error *err, struct buf *out)
{
    (void)w;
    error_write(err, 0, VIEW_NONE, out);
}

static struct view content_type(bool stream)
{
    return stream ? VIEW("application/x-ndjson") : VIEW("application/json; charset=utf-8");
}

const struct llm_dialect_ops ollama_ops = {
    .name = "ollama",
    .request_read = ollama_chat_read,
    .request_write = ollama_request_write,
    .event_read = ollama_event_read,
    .plain_read = ollama_plain_read,
    .event_write = chat_write,
    .error_write = error_write,
    .error_event = error_event,
    .event_pass = ollama_event_pass,
    .plain_pass = ollama_plain_pass,
    .request_pass = ollama_chat_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/api/chat"),
};

const struct llm_dialect_ops ollama_generate_ops = {
    .name = "ollama-generate",
    .request_read = ollama_generate_read,
    .event_read = ollama_event_read,
    .plain_read = ollama_plain_read,
    .event_write = generate_write,
    .error_write = error_write,
    .error_event = error_event,
    .event_pass = ollama_event_pass,
    .plain_pass = ollama_plain_pass,
    .request_pass = ollama_chat_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/api/generate"),
};
