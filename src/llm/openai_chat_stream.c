/* Neutral events, written as an OpenAI chat answer: chunks of a stream, or one completion. */
#include "base/clock.h"
#include "base/hash.h"
#include "llm/openai_chat.h"
#include "json/writer.h"

#include <stdio.h>

/* The dialect's own of a writer. */
struct own {
    struct view head;    /* of each chunk, up to the choice's index */
    struct buf logprobs; /* plain: what stands between the brackets; freed with the arena */
    bool calls;          /* a call was written */
};

static void free_own(void *ptr)
{
    struct own *own = ptr;
    buf_done(&own->logprobs);
}

static struct own *own_of(struct llm_writer *w)
{
    if (w->own)
        return w->own;
    struct own *own = arena_new_of(w->arena, struct own);
    if (own) {
        own->logprobs = BUF_MAX(16u << 20);
        arena_defer(w->arena, free_own, own);
        w->own = own;
    }
    return own;
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void put_head(const struct llm_writer *w, bool chunk, struct buf *out)
{
    buf_append_lit(out, "{\"id\":");
    json_quote(out, view_str(w->id));
    buf_append_lit(out, ",\"object\":\"chat.completion");
    if (chunk)
        buf_append_lit(out, ".chunk");
    buf_append_lit(out, "\",\"created\":");
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
    buf_append_lit(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    buf_append_u64(out, usage->cached);
    buf_append_lit(out, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    buf_append_u64(out, usage->reasoning);
    buf_append_lit(out, "}}");
}

/* "data: {... ,"choices":[{"index":0,"delta":{" */
static void begin_chunk(const struct llm_writer *w, unsigned choice, struct buf *out)
{
    const struct own *own = w->own;

    buf_append(out, own->head);
    buf_append_lit(out, "{\"index\":");
    buf_append_u64(out, choice);
    buf_append_lit(out, ",\"delta\":{");
}

static void end_chunk(const struct llm_writer *w, struct buf *out)
{
    /* Whoever asked for usage sees the member on each chunk. */
    if (w->include_usage)
        buf_append_lit(out, "}],\"usage\":null}\n\n");
    else
        buf_append_lit(out, "}]}\n\n");
}

static void end_delta(const struct llm_writer *w, struct buf *out)
{
    buf_append_lit(out, "},\"logprobs\":null,\"finish_reason\":null");
    end_chunk(w, out);
}

static void write_text(const struct llm_writer *w, const struct llm_ev *ev, struct view key,
                       struct buf *out)
{
    begin_chunk(w, ev->choice, out);
    buf_append(out, key); /* in quotes, with its colon */
    json_quote(out, ev->text);
    end_delta(w, out);
}

static void write_call(const struct llm_writer *w, const struct llm_ev *ev, struct view id,
                       struct buf *out)
{
    begin_chunk(w, ev->choice, out);
    buf_append_lit(out, "\"tool_calls\":[{\"index\":");
    buf_append_u64(out, ev->index);
    buf_append_lit(out, ",\"id\":");
    json_quote(out, id);
    buf_append_lit(out, ",\"type\":\"function\",\"function\":{\"name\":");
    json_quote(out, ev->name);
    buf_append_lit(out, ",\"arguments\":\"\"}}]");
    end_delta(w, out);
}

static void write_arguments(const struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    begin_chunk(w, ev->choice, out);
    buf_append_lit(out, "\"tool_calls\":[{\"index\":");
    buf_append_u64(out, ev->index);
    buf_append_lit(out, ",\"function\":{\"arguments\":");
    json_quote(out, ev->text);
    buf_append_lit(out, "}}]");
    end_delta(w, out);
}

static void write_logprobs(const struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    begin_chunk(w, ev->choice, out);
    buf_append_lit(out, "},\"logprobs\":{\"content\":");
    buf_append(out, ev->raw);
    buf_append_lit(out, ",\"refusal\":null},\"finish_reason\":null");
    end_chunk(w, out);
}

static struct view finish_name(enum llm_finish finish, bool calls)
{
    switch (finish) {
    case LLM_FINISH_LENGTH:
        return VIEW("length");
    case LLM_FINISH_CALLS:
        return VIEW("tool_calls");
    case LLM_FINISH_FILTER:
        return VIEW("content_filter");
    case LLM_FINISH_NONE:
    case LLM_FINISH_STOP:
    case LLM_FINISH_PAUSE:
        break;
    }
    return calls ? VIEW("tool_calls") : VIEW("stop");
}

static void write_finish(struct llm_writer *w, enum llm_finish finish, unsigned choice,
                         struct buf *out)
{
    const struct own *own = w->own;

    begin_chunk(w, choice, out);
    buf_append_lit(out, "},\"logprobs\":null,\"finish_reason\":\"");
    buf_append(out, finish_name(finish, own->calls));
    buf_append_char(out, '"');
    end_chunk(w, out);
    w->finish = finish;
    w->finished = true;
}

static void write_end(struct llm_writer *w, struct buf *out)
{
    const struct own *own = w->own;

    if (!w->finished)
        write_finish(w, LLM_FINISH_STOP, 0, out);
    if (w->include_usage) {
        buf_append(out, own->head);
        buf_append_lit(out, "],\"usage\":");
        put_usage(&w->usage, out);
        buf_append_lit(out, "}\n\n");
    }
    buf_append_lit(out, "data: [DONE]\n\n");
}

/* ---- both ------------------------------------------------------------------------------------ */

static void keep_head(struct llm_writer *w, const struct llm_ev *ev)
{
    if (ev->id.n) {
        struct view id = view_first(ev->id, sizeof(w->id) - 1);
        memcpy(w->id, id.p, id.n);
        w->id[id.n] = '\0';
    }
    if (!w->id[0]) {
        int64_t now = clock_mono_ns();
        uint64_t hash = hash_bytes(view_of((const char *)&now, sizeof(now)));
        snprintf(w->id, sizeof(w->id), "chatcmpl-%016llx", (unsigned long long)hash);
    }
    if (ev->created_s > 0)
        w->created_s = ev->created_s;
}

/* The head of all chunks, and the chunk with the role. False without memory. */
static bool start(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    struct own *own = own_of(w);
    struct buf head = BUF_MAX(4096);

    if (!own)
        return false;
    w->started = true;
    keep_head(w, ev);
    if (w->plain)
        return true;
    buf_append_lit(&head, "data: ");
    put_head(w, true, &head);
    own->head = buf_ok(&head) ? arena_dup(w->arena, buf_view(&head)) : VIEW("");
    buf_done(&head);
    if (!own->head.n)
        return false;
    begin_chunk(w, 0, out);
    buf_append_lit(out, "\"role\":\"assistant\",\"content\":\"\"");
    end_delta(w, out);
    return true;
}

/* Ollama may leave out the id of a call; a client must name it in its next request. */
static struct view call_id(const struct llm_writer *w, const struct llm_ev *ev, char *to,
                           size_t room)
{
    if (ev->id.n)
        return ev->id;
    uint64_t hash = hash_mix(hash_bytes_seeded(view_str(w->id), (uint64_t)w->created_s));
    snprintf(to, room, "call_%016llx%u", (unsigned long long)hash, ev->index);
    return view_str(to);
}

/* ---- plain ----------------------------------------------------------------------------------- */

static bool keep_call(struct llm_writer *w, const struct llm_ev *ev)
{
    char made[48];
    struct view id = call_id(w, ev, made, sizeof(made));

    if (w->n_calls == w->cap_calls) {
        unsigned more = w->cap_calls ? w->cap_calls * 2 : 4;
        struct llm_call_kept *grown = arena_new_array(w->arena, struct llm_call_kept, more);
        if (!grown)
            return false;
        if (w->n_calls)
            memcpy(grown, w->calls, w->n_calls * sizeof(*grown));
        w->calls = grown;
        w->cap_calls = more;
    }
    struct llm_call_kept *call = &w->calls[w->n_calls++];
    *call = (struct llm_call_kept){.from = w->arguments.len};
    id = view_first(id, sizeof(call->id) - 1);
    struct view name = view_first(ev->name, sizeof(call->name) - 1);
    memcpy(call->id, id.p, id.n);
    if (name.n)
        memcpy(call->name, name.p, name.n);
    return true;
}

/* Pieces of the call that is open; one for an earlier call would mix the two. */
static void keep_arguments(struct llm_writer *w, const struct llm_ev *ev)
{
    if (w->n_calls == 0 || ev->index != w->n_calls - 1)
        return;
    buf_append(&w->arguments, ev->text);
    w->calls[w->n_calls - 1].n += ev->text.n;
}

static void keep_logprobs(struct own *own, struct view raw)
{
    if (raw.n <= 2)
        return;
    if (own->logprobs.len)
        buf_append_char(&own->logprobs, ',');
    buf_append(&own->logprobs, view_of(raw.p + 1, raw.n - 2));
}

static void put_text(struct buf *out, struct view key, const struct buf *text, bool empty_is_null)
{
    buf_append(out, key);
    if (text->len || !empty_is_null)
        json_quote(out, buf_view(text));
    else
        buf_append_lit(out, "null");
}

static void put_calls(const struct llm_writer *w, struct buf *out)
{
    buf_append_lit(out, ",\"tool_calls\":[");
    for (unsigned i = 0; i < w->n_calls; i++) {
        const struct llm_call_kept *call = &w->calls[i];
        if (i)
            buf_append_char(out, ',');
        buf_append_lit(out, "{\"id\":");
        json_quote(out, view_str(call->id));
        buf_append_lit(out, ",\"type\":\"function\",\"function\":{\"name\":");
        json_quote(out, view_str(call->name));
        buf_append_lit(out, ",\"arguments\":");
        json_quote(out, call->n ? view_of(w->arguments.p + call->from, call->n) : VIEW("{}"));
        buf_append_lit(out, "}}");
    }
    buf_append_char(out, ']');
}

static void write_plain(struct llm_writer *w, struct buf *out)
{
    const struct own *own = w->own;

    put_head(w, false, out);
    buf_append_lit(out, "{\"index\":0,\"message\":{\"role\":\"assistant\"");
    put_text(out, VIEW(",\"content\":"), &w->text, w->n_calls || w->refusal.len);
    put_text(out, VIEW(",\"refusal\":"), &w->refusal, true);
    if (w->thinking.len)
        put_text(out, VIEW(",\"reasoning_content\":"), &w->thinking, false);
    if (w->n_calls)
        put_calls(w, out);
    buf_append_lit(out, "},\"logprobs\":");
    if (own->logprobs.len) {
        buf_append_lit(out, "{\"content\":[");
        buf_append(out, buf_view(&own->logprobs));
        buf_append_lit(out, "],\"refusal\":null}");
    } else {
        buf_append_lit(out, "null");
    }
    buf_append_lit(out, ",\"finish_reason\":\"");
    buf_append(out, finish_name(w->finish, w->n_calls > 0));
    buf_append_lit(out, "\"}]");
    if (w->usage.reported) {
        buf_append_lit(out, ",\"usage\":");
        put_usage(&w->usage, out);
    }
    buf_append_lit(out, "}\n");
}

/* Of several choices the first: only this dialect can ask for more, and its own answers pass. */
static bool plain_event(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    struct own *own = w->own;

    if (ev->choice > 0)
        return true;
    switch (ev->kind) {
    case LLM_EV_TEXT:
        buf_append(&w->text, ev->text);
        break;
    case LLM_EV_THINKING:
        buf_append(&w->thinking, ev->text);
        break;
    case LLM_EV_REFUSAL:
        buf_append(&w->refusal, ev->text);
        break;
    case LLM_EV_CALL:
        return keep_call(w, ev);
    case LLM_EV_ARGUMENTS:
        keep_arguments(w, ev);
        break;
    case LLM_EV_LOGPROBS:
        keep_logprobs(own, ev->raw);
        break;
    case LLM_EV_FINISH:
        w->finish = ev->finish;
        break;
    case LLM_EV_END:
        write_plain(w, out);
        break;
    case LLM_EV_START:
    case LLM_EV_SIGNATURE:
    case LLM_EV_USAGE:
    case LLM_EV_PING:
        break;
    }
    return buf_ok(&w->text) && buf_ok(&w->thinking) && buf_ok(&w->refusal) &&
           buf_ok(&w->arguments) && buf_ok(&own->logprobs);
}

static void stream_event(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    struct own *own = w->own;
    char made[48];

    switch (ev->kind) {
    case LLM_EV_TEXT:
        write_text(w, ev, VIEW("\"content\":"), out);
        break;
    case LLM_EV_THINKING:
        write_text(w, ev, VIEW("\"reasoning_content\":"), out);
        break;
    case LLM_EV_REFUSAL:
        write_text(w, ev, VIEW("\"refusal\":"), out);
        break;
    case LLM_EV_CALL:
        own->calls = true;
        write_call(w, ev, call_id(w, ev, made, sizeof(made)), out);
        break;
    case LLM_EV_ARGUMENTS:
        write_arguments(w, ev, out);
        break;
    case LLM_EV_LOGPROBS:
        write_logprobs(w, ev, out);
        break;
    case LLM_EV_FINISH:
        write_finish(w, ev->finish, ev->choice, out);
        break;
    case LLM_EV_END:
        write_end(w, out);
        break;
    case LLM_EV_START:
    case LLM_EV_SIGNATURE:
    case LLM_EV_USAGE:
    case LLM_EV_PING:
        break;
    }
}

bool openai_chat_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (ev->kind == LLM_EV_PING) {
        if (!w->plain)
            buf_append_lit(out, ":\n\n");
        return buf_ok(out);
    }
    if (!w->started &&
        !start(w, ev->kind == LLM_EV_START ? ev : &(struct llm_ev){.created_s = 0}, out))
        return false;
    if (ev->kind == LLM_EV_USAGE)
        w->usage = ev->usage;
    if (w->plain && !plain_event(w, ev, out))
        return false;
    if (!w->plain)
        stream_event(w, ev, out);
    return buf_ok(out);
}
