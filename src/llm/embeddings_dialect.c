/* The rows of the dialects that ask for embeddings: three ways to say the same, without streams. */
#include "llm/dialects.h"
#include "llm/embeddings.h"
#include "llm/ollama.h"

static bool no_memory(struct error *err)
{
    return error_set(err, ERROR_NO_MEMORY,
                     "The embeddings need more memory than one exchange may use.");
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Each text as a turn: what is counted is counted as a prompt is. */
static bool turns_of(const struct llm_embed_request *q, struct arena *a, struct llm_neutral *n)
{
    struct llm_turn *turns = arena_new_array(a, struct llm_turn, q->n_inputs + 1);
    struct llm_part *parts = arena_new_array(a, struct llm_part, q->n_inputs + 1);

    if (!turns || !parts)
        return false;
    for (unsigned i = 0; i < q->n_inputs; i++) {
        parts[i] = (struct llm_part){.kind = LLM_PART_TEXT, .text = q->inputs[i]};
        turns[i] = (struct llm_turn){.role = LLM_USER, .parts = &parts[i], .n_parts = 1};
    }
    n->turns = turns;
    n->n_turns = q->n_inputs;
    return true;
}

static bool read_request(enum llm_embed_form form, struct view body, struct arena *a,
                         struct llm_neutral *ret, struct error *err)
{
    struct llm_embed_request *q = arena_new_of(a, struct llm_embed_request);

    if (!q)
        return no_memory(err);
    if (!llm_embed_request_read(form, body, a, q, err))
        return false;
    struct llm_neutral n = {.model = q->model, .user = q->user, .embed = q};
    if (!turns_of(q, a, &n))
        return no_memory(err);
    *ret = n;
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool read_answer(enum llm_embed_form form, struct llm_reader *r, struct view body,
                        llm_sink *sink, void *arg, struct error *err)
{
    struct llm_embed_answer answer;

    if (!llm_embed_answer_read(form, body, r->arena, &answer, err))
        return false;
    struct llm_ev usage = {.kind = LLM_EV_USAGE, .usage = answer.usage};
    struct llm_ev end = {.kind = LLM_EV_END, .vectors = &answer};
    return ((!answer.usage.reported || sink(arg, &usage)) && sink(arg, &end)) ||
           error_set(err, ERROR_UPSTREAM_PROTOCOL,
                     "The backend's embeddings are not those that were asked for.");
}

static bool write_answer(enum llm_embed_form form, struct llm_writer *w, const struct llm_ev *ev,
                         struct buf *out)
{
    struct error ignored; /* the reader says what it means */
    int64_t total_ns = w->now_ns && w->since_ns ? w->now_ns - w->since_ns : 0;

    return ev->kind != LLM_EV_END ||
           (ev->vectors && llm_embed_answer_write(form, w->request->embed, ev->vectors, w->model,
                                                  total_ns, out, &ignored));
}

static bool holds_vectors(const struct json_object *o)
{
    return json_key_is(o, "data") || json_key_is(o, "embeddings") || json_key_is(o, "embedding");
}

/* Where the answer names the model; the vectors pass unread. */
static bool find_model(struct view body, struct llm_span *ret_span, struct llm_usage *usage,
                       struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct view raw;
    uint64_t value;
    bool vectors = false;

    json_begin(&r, body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        vectors |= holds_vectors(&o) && json_peek(&r) == JSON_ARRAY;
        json_peek(&r);
        uint32_t at = json_offset(&r);
        if (json_key_is(&o, "usage")) {
            openai_usage(&r, usage);
        } else if (json_key_is(&o, "prompt_eval_count") && json_peek(&r) == JSON_NUMBER) {
            usage->reported = json_number(&r, &raw) && view_to_u64(raw, &value);
            usage->input = usage->reported && value < UINT32_MAX ? (uint32_t)value : 0;
        } else if (json_key_is(&o, "error") && json_peek(&r) != JSON_NULL) {
            llm_upstream_error(body, err);
            return false;
        } else if (json_skip(&r) && json_key_is(&o, "model")) {
            *ret_span = llm_span_from(&r, at);
        }
    }
    return (json_end(&r) && vectors) ||
           error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer holds no embeddings.");
}

static bool plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                       struct llm_body *ret_body, struct error *err)
{
    struct llm_span model = {0, 0};
    struct llm_usage usage = {.reported = false};

    if (!find_model(body, &model, &usage, err) ||
        !ollama_replace(body, model, answer->model, a, ret_body, err))
        return false;
    answer->usage = usage;
    return true;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void ollama_error(const struct error *err, int status, struct view request_id,
                         struct buf *out)
{
    ollama_ops.error_write(err, status, request_id, out);
}

static struct view content_type(bool stream)
{
    (void)stream;
    return VIEW("application/json");
}

/* ---- the rows -------------------------------------------------------------------------------- */

#define FUNCTIONS(name, form)                                                                      \
    static bool name##_read(struct view body, struct arena *a, struct llm_neutral *ret,            \
                            struct error *err)                                                     \
    {                                                                                              \
        return read_request(form, body, a, ret, err);                                              \
    }                                                                                              \
    static bool name##_plain_read(struct llm_reader *r, struct view body, llm_sink *sink,          \
                                  void *arg, struct error *err)                                    \
    {                                                                                              \
        return read_answer(form, r, body, sink, arg, err);                                         \
    }                                                                                              \
    static bool name##_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out) \
    {                                                                                              \
        return write_answer(form, w, ev, out);                                                     \
    }
FUNCTIONS(openai, LLM_EMBED_OPENAI)
FUNCTIONS(embed, LLM_EMBED_OLLAMA)
FUNCTIONS(old, LLM_EMBED_OLLAMA_OLD)

static bool openai_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                         struct buf *out, struct buf *notes, struct error *err)
{
    return llm_embed_request_write(LLM_EMBED_OPENAI, request->embed, rewrite->model, out, notes,
                                   err);
}

static bool embed_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                        struct buf *out, struct buf *notes, struct error *err)
{
    return llm_embed_request_write(LLM_EMBED_OLLAMA, request->embed, rewrite->model, out, notes,
                                   err);
}

const struct llm_dialect_ops openai_embeddings_ops = {
    .name = "openai-embeddings",
    .request_read = openai_read,
    .request_write = openai_write,
    .plain_read = openai_plain_read,
    .event_write = openai_event_write,
    .error_write = openai_error_write,
    .plain_pass = plain_pass,
    .request_pass = ollama_request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/v1/embeddings"),
};

const struct llm_dialect_ops ollama_embed_ops = {
    .name = "ollama-embed",
    .request_read = embed_read,
    .request_write = embed_write,
    .plain_read = embed_plain_read,
    .event_write = embed_event_write,
    .error_write = ollama_error,
    .plain_pass = plain_pass,
    .request_pass = ollama_request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/api/embed"),
};

const struct llm_dialect_ops ollama_embeddings_ops = {
    .name = "ollama-embeddings",
    .request_read = old_read,
    .plain_read = old_plain_read,
    .event_write = old_event_write,
    .error_write = ollama_error,
    .plain_pass = plain_pass,
    .request_pass = ollama_request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/api/embeddings"),
};
