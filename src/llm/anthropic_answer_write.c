#include "llm/anthropic.h"
#include "json/writer.h"

#include <sys/random.h>

#define ARGUMENTS   VIEW("input_json_delta\",\"partial_json\":")
#define EVENT(name) "event: " name "\ndata: {\"type\":\"" name "\""

/* An id for an answer whose backend gave it none. */
static void make_id(struct llm_writer *w)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char random[12] = {0};

    if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
        memcpy(random, &w, sizeof(w));
    memcpy(w->id, "msg_", 4);
    for (size_t i = 0; i < sizeof(random); i++) {
        w->id[4 + 2 * i] = hex[random[i] >> 4];
        w->id[5 + 2 * i] = hex[random[i] & 15];
    }
    w->id[4 + 2 * sizeof(random)] = '\0';
}

static void start(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (w->started)
        return;
    w->started = true;
    w->open_kind = -1;
    if (ev->kind == LLM_EV_START && ev->id.n && ev->id.n < sizeof(w->id)) {
        memcpy(w->id, ev->id.p, ev->id.n);
        w->id[ev->id.n] = '\0';
    } else if (!w->id[0]) {
        make_id(w);
    }
    if (ev->kind == LLM_EV_START && ev->usage.reported)
        w->usage = ev->usage;
    if (w->plain)
        return;
    struct llm_usage guess = w->usage;
    guess.output = guess.reasoning = 0;
    buf_append_lit(out, EVENT("message_start") ",\"message\":{\"id\":");
    json_quote(out, view_str(w->id));
    buf_append_lit(out, ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    json_quote(out, w->model);
    buf_append_lit(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
    anthropic_put_usage(&guess, out);
    buf_append_lit(out, "}}\n\n");
}

static void put_delta(struct llm_writer *w, struct view raw, struct view text, struct buf *out)
{
    buf_append_lit(out, EVENT("content_block_delta") ",\"index\":");
    buf_append_u64(out, w->n_blocks - 1);
    buf_append_lit(out, ",\"delta\":{\"type\":\"");
    buf_append(out, raw);
    json_quote(out, text);
    buf_append_lit(out, "}}\n\n");
}

static void close_block(struct llm_writer *w, struct buf *out)
{
    if (w->open_kind < 0)
        return;
    if (w->open_kind == LLM_PART_CALL && w->calls[w->n_calls - 1].wrapped)
        put_delta(w, ARGUMENTS, VIEW("\"}"), out);
    buf_append_lit(out, EVENT("content_block_stop") ",\"index\":");
    buf_append_u64(out, w->n_blocks - 1);
    buf_append_lit(out, "}\n\n");
    w->open_kind = -1;
}

static void begin_block(struct llm_writer *w, int kind, struct buf *out)
{
    close_block(w, out);
    buf_append_lit(out, EVENT("content_block_start") ",\"index\":");
    buf_append_u64(out, w->n_blocks++);
    buf_append_lit(out, ",\"content_block\":{\"type\":\"");
    w->open_kind = kind;
}

static void open_block(struct llm_writer *w, int kind, struct view rest, struct buf *out)
{
    if (w->open_kind == kind)
        return;
    begin_block(w, kind, out);
    buf_append(out, rest);
    buf_append_lit(out, "}}\n\n");
}

static void open_thinking(struct llm_writer *w, struct buf *out)
{
    open_block(w, LLM_PART_THINKING, VIEW("thinking\",\"thinking\":\"\",\"signature\":\"\""), out);
}

static void put_signature(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (ev->name.n) {
        begin_block(w, LLM_PART_OTHER, out);
        buf_append_lit(out, ANTHROPIC_REDACTED "\",\"data\":");
        json_quote(out, ev->text);
        buf_append_lit(out, "}}\n\n");
    } else {
        open_thinking(w, out);
        put_delta(w, VIEW("signature_delta\",\"signature\":"), ev->text, out);
    }
    close_block(w, out); /* nothing follows a signature */
}

static bool put_call(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    close_block(w, out);
    if (!anthropic_keep_call(w, ev))
        return false;
    const struct llm_call_kept *call = &w->calls[w->n_calls - 1];
    begin_block(w, LLM_PART_CALL, out);
    buf_append_lit(out, "tool_use\",\"id\":");
    json_quote(out, view_str(call->id));
    buf_append_lit(out, ",\"name\":");
    json_quote(out, view_str(call->name));
    buf_append_lit(out, ",\"input\":{}}}\n\n");
    return true;
}

/* A text that goes on inside a JSON string. */
static bool put_inside_string(struct llm_writer *w, struct view text, struct buf *out)
{
    struct buf quoted = BUF_MAX(6 * text.n + 2);

    json_quote(&quoted, text);
    bool ok = buf_ok(&quoted);
    if (ok)
        put_delta(w, ARGUMENTS, view_of(quoted.p + 1, quoted.len - 2), out);
    buf_done(&quoted);
    return ok;
}

static struct view without_leading_space(struct view v)
{
    while (v.n && memchr(" \t\r\n", v.p[0], 4))
        v = view_skip(v, 1);
    return v;
}

/* Blocks come one after the other here: a piece for a call that is closed cannot be told any more,
 * and must not be lost unseen. Arguments that are no object, which Anthropic's clients would fail
 * on, are told as anthropic_put_input() writes them. */
static bool put_arguments(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (!ev->text.n)
        return true;
    if (w->open_kind != LLM_PART_CALL || ev->index + 1 != w->n_calls)
        return false;
    struct llm_call_kept *call = &w->calls[w->n_calls - 1];
    struct view text = call->n ? ev->text : without_leading_space(ev->text);
    if (!call->n && text.n && text.p[0] != '{') {
        call->wrapped = true;
        put_delta(w, ARGUMENTS, VIEW("{\"arguments\":\""), out);
    }
    call->n += text.n;
    if (call->wrapped)
        return put_inside_string(w, text, out);
    if (text.n)
        put_delta(w, ARGUMENTS, text, out);
    return true;
}

static void end(struct llm_writer *w, struct buf *out)
{
    if (w->finished)
        return;
    w->finished = true;
    close_block(w, out);
    buf_append_lit(out, EVENT("message_delta") ",\"delta\":{");
    anthropic_put_stop(w, out);
    buf_append_lit(out, "},\"usage\":");
    anthropic_put_usage(&w->usage, out);
    buf_append_lit(out, "}\n\n");
    buf_append(out, anthropic_end_mark());
}

/* What is told at the end only, streamed or not. */
static bool keep(struct llm_writer *w, const struct llm_ev *ev)
{
    switch ((int)ev->kind) {
    case LLM_EV_REFUSAL:
        buf_append(&w->refusal, ev->text);
        return buf_ok(&w->refusal);
    case LLM_EV_FINISH:
        if (ev->finish != LLM_FINISH_NONE)
            w->finish = ev->finish;
        if (ev->stop.n)
            w->stop = arena_dup(w->arena, ev->stop);
        return !arena_failed(w->arena);
    case LLM_EV_USAGE:
        w->usage = ev->usage;
        return true;
    default:
        return true;
    }
}

static bool put_event(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    switch (ev->kind) {
    case LLM_EV_TEXT:
        if (!ev->text.n)
            break;
        open_block(w, LLM_PART_TEXT, VIEW("text\",\"text\":\"\""), out);
        put_delta(w, VIEW("text_delta\",\"text\":"), ev->text, out);
        break;
    case LLM_EV_THINKING:
        if (!ev->text.n)
            break;
        open_thinking(w, out);
        put_delta(w, VIEW("thinking_delta\",\"thinking\":"), ev->text, out);
        break;
    case LLM_EV_SIGNATURE:
        put_signature(w, ev, out);
        break;
    case LLM_EV_CALL:
        return put_call(w, ev, out);
    case LLM_EV_ARGUMENTS:
        return put_arguments(w, ev, out);
    case LLM_EV_PING:
        buf_append_lit(out, EVENT("ping") "}\n\n");
        break;
    case LLM_EV_END:
        end(w, out);
        break;
    case LLM_EV_START:
    case LLM_EV_REFUSAL:
    case LLM_EV_LOGPROBS:
    case LLM_EV_FINISH:
    case LLM_EV_USAGE:
        break;
    }
    return true;
}

bool anthropic_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (ev->choice > 0 || w->finished)
        return true;
    if (ev->kind == LLM_EV_PING && !w->started) /* a stream begins with its message */
        return true;
    start(w, ev, out);
    if (!keep(w, ev))
        return false;
    if (!(w->plain ? anthropic_plain_write(w, ev, out) : put_event(w, ev, out)))
        return false;
    return buf_ok(out);
}
