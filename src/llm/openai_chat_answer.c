#include "llm/openai_chat.h"
#include "llm/pass.h"
#include "llm/said.h"
#include "json/writer.h"

#define MAX_PIECES 5

/* The client's view of an answer: the model's name replaced, one member perhaps cut out. */
struct pieces {
    struct view at[MAX_PIECES];
    unsigned n;
    unsigned model; /* which of them is the model's name, left empty; MAX_PIECES: none */
};

static struct pieces cut(struct view data, const struct openai_chat_chunk *chunk,
                         bool without_usage)
{
    struct llm_span name = chunk->model_value, usage = {0, 0};
    struct pieces p = {.model = MAX_PIECES};
    uint32_t lead = 0, at = 0;

    if (without_usage && chunk->usage_member.n)
        usage = openai_chat_cut(data, chunk->usage_member, &lead);
    if (usage.n && (!name.n || usage.at < name.at)) {
        p.at[p.n++] = view_of(data.p, usage.at);
        at = usage.at + usage.n;
        usage.n = 0;
    }
    if (name.n) {
        p.at[p.n++] = view_of(data.p + at, name.at - at);
        p.model = p.n;
        p.at[p.n++] = VIEW_NONE;
        at = name.at + name.n;
    }
    if (usage.n) {
        p.at[p.n++] = view_of(data.p + at, usage.at - at);
        at = usage.at + usage.n;
    }
    p.at[p.n++] = view_skip(data, at);
    return p;
}

static void keep(struct llm_answer *answer, const struct openai_chat_chunk *chunk)
{
    if (chunk->usage.reported)
        answer->usage = chunk->usage;
    if (chunk->events & LLM_EVENT_FINISH)
        memcpy(answer->finish, chunk->finish, sizeof(answer->finish));
    answer->text_bytes += chunk->text_bytes;
}

static void keep_said(struct llm_said *said, struct view data,
                      const struct openai_chat_chunk *chunk)
{
    llm_said_first(said, data);
    llm_said_piece(said, chunk->content);
    said->more |= chunk->more;
}

static void append_event(const struct llm_answer *answer, struct view data,
                         const struct openai_chat_chunk *chunk, struct buf *out)
{
    struct pieces p = cut(data, chunk, answer->hide_usage);
    bool lines = memchr(data.p, '\n', data.n) || memchr(data.p, '\r', data.n);

    buf_append_lit(out, "data: ");
    for (unsigned i = 0; i < p.n; i++) {
        if (i == p.model)
            json_quote(out, answer->model);
        else if (lines)
            llm_pass_lines(out, p.at[i]);
        else
            buf_append(out, p.at[i]);
    }
    buf_append_lit(out, "\n\n");
}

bool openai_chat_is_done(struct view data)
{
    return view_eq(view_trim(data), VIEW("[DONE]"));
}

bool openai_chat_event_pass(struct llm_answer *answer, struct view name, struct view data,
                            struct buf *out, unsigned *ret_events, struct error *err)
{
    (void)name; /* the dialect names no events */
    struct openai_chat_chunk chunk;

    if (view_trim(data).n == 0) { /* a server's way to keep the connection busy */
        *ret_events = 0;
        return true;
    }
    if (openai_chat_is_done(data)) {
        *ret_events = LLM_EVENT_DONE;
        return true;
    }
    if (!openai_chat_chunk_read(data, VIEW("delta"), &chunk, err))
        return false;
    if (chunk.events & LLM_EVENT_ERROR) {
        llm_upstream_error(data, err);
        *ret_events = chunk.events;
        return true;
    }
    /* The chunk that only our include_usage made the upstream send. */
    bool hidden = answer->hide_usage && chunk.n_choices == 0 && chunk.usage.reported;
    if (!hidden)
        append_event(answer, data, &chunk, out);
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY,
                         "An event of the answer does not fit into the client's buffer.");
    keep(answer, &chunk);
    if (answer->said)
        keep_said(answer->said, data, &chunk);
    *ret_events = chunk.events;
    return true;
}

bool openai_chat_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                            struct llm_body *ret_body, struct error *err)
{
    struct openai_chat_chunk chunk;
    struct buf quoted = BUF_MAX(8 * LLM_MAX_MODEL);

    if (!openai_chat_chunk_read(body, VIEW("message"), &chunk, err))
        return false;
    if (chunk.events & LLM_EVENT_ERROR) {
        llm_upstream_error(body, err);
        return false;
    }
    if (chunk.n_choices == 0)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer has no choices.");
    json_quote(&quoted, answer->model);
    struct view model = buf_ok(&quoted) ? arena_dup(a, buf_view(&quoted)) : VIEW("");
    buf_done(&quoted);
    if (model.n == 0)
        return error_set(err, ERROR_NO_MEMORY,
                         "The answer needs more memory than one exchange may use.");
    struct pieces p = cut(body, &chunk, false);
    if (p.model < p.n)
        p.at[p.model] = model;
    struct llm_body out = {.n = 0};
    for (unsigned i = 0; i < p.n; i++) {
        if (p.at[i].n == 0)
            continue;
        out.pieces[out.n++] = p.at[i];
        out.bytes += p.at[i].n;
    }
    keep(answer, &chunk);
    *ret_body = out;
    return true;
}
