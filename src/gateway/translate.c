#include "gateway/continue.h"

#include "base/clock.h"
#include "llm/models.h"
#include "llm/proof.h"

enum { BODY_SLACK = 1 << 20, ANSWER_BYTES = 64 << 20, NOTES_BYTES = 1024 };

static void free_buf(void *b)
{
    buf_done(b);
}

/* A buffer that lives as long as the arena. */
static struct buf *arena_buf(struct arena *a, size_t max)
{
    struct buf *b = arena_new_of(a, struct buf);

    if (!b)
        return NULL;
    *b = BUF_MAX(max);
    arena_defer(a, free_buf, b);
    return arena_failed(a) ? NULL : b;
}

/* ---- the request ----------------------------------------------------------------------------- */

struct llm_rewrite translate_rewrite(const struct llm_request *request,
                                     const struct config_backend *backend, struct view model)
{
    struct llm_model_facts facts = llm_model_facts(model);

    return (struct llm_rewrite){
        .model = model,
        .add_usage = request->stream && !request->include_usage,
        .max_completion_tokens = facts.max_completion_tokens,
        .max_tokens = backend->engine == ENGINE_OLLAMA,
        .drop_sampling = facts.drop_sampling,
    };
}

bool translate_request(struct exchange *x, struct llm_request *request, enum llm_dialect asked,
                       const struct llm_rewrite *rewrite, struct arena *attempt,
                       struct llm_body *ret_body)
{
    if (asked == request->dialect) /* the notes outlive a failed attempt */
        return llm_dialect(request->dialect)
            ->request_pass(request, rewrite, x->arena, ret_body, &x->notes, &x->error);

    const struct llm_neutral *neutral = llm_request_neutral(request, x->request_arena, &x->error);
    struct buf *body = arena_buf(attempt, request->body.n * 6 + BODY_SLACK);
    struct buf notes = BUF_MAX(NOTES_BYTES);
    if (!neutral)
        return false;
    if (!body)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to translate the request");
    bool ok = llm_dialect(asked)->request_write(neutral, rewrite, body, &notes, &x->error);
    if (ok && !buf_ok(body))
        ok = error_set(&x->error, ERROR_NO_MEMORY, "no memory to translate the request");
    if (ok) {
        *ret_body = (struct llm_body){.pieces = {buf_view(body)}, .n = 1, .bytes = body->len};
        x->notes =
            arena_printf(x->arena, "%s to %s%s%.*s", dialect_name(request->dialect),
                         dialect_name(asked), notes.len ? ", " : "", VIEW_ARG(buf_view(&notes)));
    }
    buf_done(&notes);
    return ok;
}

bool translate_by_lines(enum llm_dialect dialect)
{
    return dialect == LLM_OLLAMA || dialect == LLM_OLLAMA_GENERATE || dialect == LLM_OLLAMA_EMBED;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static unsigned kind_of(const struct llm_ev *ev)
{
    switch (ev->kind) {
    case LLM_EV_TEXT:
    case LLM_EV_THINKING:
    case LLM_EV_REFUSAL:
        return ev->text.n ? LLM_EVENT_CONTENT : 0;
    case LLM_EV_CALL:
    case LLM_EV_ARGUMENTS:
        return LLM_EVENT_CONTENT;
    case LLM_EV_FINISH:
        return LLM_EVENT_FINISH;
    case LLM_EV_USAGE:
        return LLM_EVENT_USAGE;
    case LLM_EV_END:
        return LLM_EVENT_DONE;
    case LLM_EV_START:
    case LLM_EV_SIGNATURE:
    case LLM_EV_LOGPROBS:
    case LLM_EV_PING:
        break;
    }
    return 0;
}

/* Tells the client whose thinking that was (see proof.h), so that it goes back to no other. */
static bool put_proof(struct translation *t, const struct llm_ev *ev)
{
    struct llm_ev marked = {.kind = LLM_EV_SIGNATURE, .name = ev->name};

    marked.text = llm_proof_mark(t->reader.dialect, ev, t->thinking_bytes, t->reader.arena);
    t->thinking_bytes = 0;
    return marked.text.n && t->client->event_write(&t->writer, &marked, t->out);
}

/* Thinking that its backend does not prove ends when something else is said. */
static bool ends_thinking(const struct llm_ev *ev)
{
    return (kind_of(ev) & (LLM_EVENT_CONTENT | LLM_EVENT_FINISH | LLM_EVENT_DONE)) &&
           ev->kind != LLM_EV_THINKING;
}

/* One neutral event on its way to the client. */
static bool forward(void *arg, const struct llm_ev *ev)
{
    static const struct llm_ev unproved = {.kind = LLM_EV_SIGNATURE};
    struct translation *t = arg;
    unsigned kind = kind_of(ev);

    if (ev->kind == LLM_EV_SIGNATURE)
        return put_proof(t, ev);
    if (t->thinking_bytes && ends_thinking(ev) && !put_proof(t, &unproved))
        return false;
    if (ev->kind == LLM_EV_THINKING)
        t->thinking_bytes += ev->text.n;
    if (t->lines) /* Ollama tells times with each line */
        t->writer.now_ns = clock_wall_ms() * NS_PER_MS;
    t->kinds |= kind;
    if (kind & LLM_EVENT_CONTENT)
        t->answer->text_bytes += ev->text.n;
    struct llm_ev named = *ev;
    if (ev->kind == LLM_EV_USAGE) {
        t->answer->usage = ev->usage;
        if (t->continuation)
            named.usage = continue_whole(t->continuation, &ev->usage);
    }
    if (ev->kind == LLM_EV_START && t->answer->id.n)
        named.id = t->answer->id;
    return t->client->event_write(&t->writer, &named, ev->kind == LLM_EV_END ? t->end : t->out);
}

bool translate_passes(const struct exchange *x, enum llm_dialect asked)
{
    return asked == x->dialect && !x->mask;
}

static bool begin_restoring(struct translation *t, struct exchange *x)
{
    t->restore = arena_new_of(x->arena, struct restore);
    if (!t->restore)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to restore an answer");
    restore_init(t->restore, x->mask, forward, t);
    t->sink = restore_event;
    t->sink_arg = t->restore;
    return true;
}

/* What the upstream says is kept as it says it: with placeholders still. */
static void begin_keeping(struct translation *t, struct continuation *c)
{
    c->sink = t->sink;
    c->sink_arg = t->sink_arg;
    t->continuation = c;
    t->sink = continue_event;
    t->sink_arg = c;
}

bool translate_begin(struct translation *t, struct exchange *x, enum llm_dialect asked, bool plain,
                     struct arena *attempt)
{
    *t = (struct translation){
        .answer = &x->answer,
        .client = llm_dialect(x->dialect),
        .upstream = llm_dialect(asked),
        .same = translate_passes(x, asked),
        .reader = {.dialect = asked, .arena = attempt},
    };
    llm_writer_init(&t->writer, x->dialect, plain, x->request.model, x->arena);
    t->writer.include_usage = x->request.include_usage;
    t->writer.request = plain ? x->request.neutral : NULL; /* a stream outlives what was read */
    t->writer.since_ns = x->wall_ms * NS_PER_MS;
    t->lines = translate_by_lines(x->dialect);
    memcpy(t->writer.id, x->answer.id.p ? x->answer.id.p : "", x->answer.id.n);
    t->sink = forward;
    t->sink_arg = t;
    if (x->mask && !begin_restoring(t, x))
        return false;
    if (x->answer.said)
        begin_keeping(t, x->continuation);
    return true;
}

void translate_resume(struct translation *t, struct exchange *x, enum llm_dialect asked,
                      struct arena *attempt)
{
    t->upstream = llm_dialect(asked);
    t->reader = (struct llm_reader){.dialect = asked, .arena = attempt};
    continue_join(x);
}

void translate_done(struct translation *t)
{
    if (t->restore)
        restore_done(t->restore);
    llm_writer_done(&t->writer);
}

bool translate_event(struct translation *t, struct view name, struct view data, struct buf *out,
                     struct buf *end, unsigned *ret_kinds, struct error *err)
{
    size_t before = out->len;

    if (!t->same) {
        t->out = out;
        t->end = end;
        t->kinds = 0;
        bool ok = t->upstream->event_read(&t->reader, name, data, t->sink, t->sink_arg, err);
        *ret_kinds = t->kinds;
        return ok;
    }
    if (!t->client->event_pass(t->answer, name, data, out, ret_kinds, err))
        return false;
    if (*ret_kinds & LLM_EVENT_DONE) { /* the end mark waits for the ledger */
        buf_append(end, view_skip(buf_view(out), before));
        out->len = before;
    }
    return true;
}

bool translate_plain(struct translation *t, struct view body, struct arena *attempt,
                     struct llm_body *ret_body, struct error *err)
{
    if (t->same)
        return t->client->plain_pass(t->answer, body, attempt, ret_body, err);

    struct buf *out = arena_buf(attempt, ANSWER_BYTES);
    if (!out)
        return error_set(err, ERROR_NO_MEMORY, "no memory to translate an answer");
    t->out = t->end = out;
    if (!t->upstream->plain_read(&t->reader, body, t->sink, t->sink_arg, err))
        return false;
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY, "no memory to translate an answer");
    *ret_body = (struct llm_body){.pieces = {buf_view(out)}, .n = 1, .bytes = out->len};
    return true;
}
