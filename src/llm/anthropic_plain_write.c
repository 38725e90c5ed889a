/* A plain answer is gathered in the order it comes: `text` holds the content array's JSON so far,
 * without the calls, whose arguments must be whole before they can be written. */
#include "base/hash.h"
#include "llm/anthropic.h"
#include "json/writer.h"

#include <stdio.h>

#define THINKING_HEAD "{\"type\":\"thinking\",\"thinking\":\"\""

/* Appends to a string that is closed already. */
static void put_piece(struct buf *out, struct view text)
{
    if (!buf_ok(out) || !text.n)
        return;
    size_t quote = --out->len;
    json_quote(out, text); /* its first quote stands where the last one stood */
    if (!buf_ok(out))
        return;
    out->len--;
    memmove(out->p + quote, out->p + quote + 1, out->len - quote);
}

static void made_id(const struct llm_writer *w, char *to, size_t room)
{
    uint64_t seed = hash_bytes(view_str(w->id));

    snprintf(to, room, "toolu_%016llx%08x", (unsigned long long)hash_mix(seed ^ w->n_calls),
             (unsigned)(w->n_calls + 1) * 2654435761u);
}

static bool is_taken(const struct llm_writer *w, const char *id)
{
    for (unsigned i = 0; i < w->n_calls; i++)
        if (strcmp(w->calls[i].id, id) == 0)
            return true;
    return false;
}

static void copy(char *to, size_t room, struct view text)
{
    size_t n = text.n < room ? text.n : room - 1;

    if (n)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

bool anthropic_keep_call(struct llm_writer *w, const struct llm_ev *ev)
{
    if (w->n_calls == w->cap_calls) {
        unsigned cap = w->cap_calls ? w->cap_calls * 2 : 4;
        struct llm_call_kept *grown = arena_new_array(w->arena, struct llm_call_kept, cap);
        if (!grown)
            return false;
        if (w->n_calls)
            memcpy(grown, w->calls, w->n_calls * sizeof(*grown));
        w->calls = grown;
        w->cap_calls = cap;
    }
    struct llm_call_kept *call = &w->calls[w->n_calls];
    *call = (struct llm_call_kept){.from = w->arguments.len};
    copy(call->name, sizeof(call->name), ev->name);
    copy(call->id, sizeof(call->id), ev->id.n < sizeof(call->id) ? ev->id : VIEW_NONE);
    if (!call->id[0] || is_taken(w, call->id))
        made_id(w, call->id, sizeof(call->id));
    w->n_calls++;
    return true;
}

void anthropic_put_usage(const struct llm_usage *usage, struct buf *out)
{
    uint64_t cache = (uint64_t)usage->cached + usage->written;

    buf_append_lit(out, "{\"input_tokens\":");
    buf_append_u64(out, usage->input > cache ? usage->input - cache : 0);
    buf_append_lit(out, ",\"cache_creation_input_tokens\":");
    buf_append_u64(out, usage->written);
    buf_append_lit(out, ",\"cache_read_input_tokens\":");
    buf_append_u64(out, usage->cached);
    buf_append_lit(out, ",\"output_tokens\":");
    buf_append_u64(out, usage->output);
    if (usage->reasoning) {
        buf_append_lit(out, ",\"output_tokens_details\":{\"thinking_tokens\":");
        buf_append_u64(out, usage->reasoning);
        buf_append_char(out, '}');
    }
    buf_append_char(out, '}');
}

static struct view stop_reason(const struct llm_writer *w)
{
    if (w->refusal.len)
        return VIEW("refusal");
    switch (w->finish) {
    case LLM_FINISH_LENGTH:
        return VIEW("max_tokens");
    case LLM_FINISH_FILTER:
        return VIEW("refusal");
    case LLM_FINISH_PAUSE:
        return VIEW("pause_turn");
    case LLM_FINISH_NONE:
    case LLM_FINISH_STOP:
    case LLM_FINISH_CALLS:
        break;
    }
    /* Some engines say "stop" behind a call that they were told to make. */
    if (w->n_calls)
        return VIEW("tool_use");
    return w->stop.n ? VIEW("stop_sequence") : VIEW("end_turn");
}

void anthropic_put_stop(const struct llm_writer *w, struct buf *out)
{
    struct view reason = stop_reason(w);

    buf_append_lit(out, "\"stop_reason\":\"");
    buf_append(out, reason);
    buf_append_lit(out, "\",\"stop_sequence\":");
    if (view_eq(reason, VIEW("stop_sequence")))
        json_quote(out, w->stop);
    else
        buf_append_lit(out, "null");
    if (w->refusal.len) {
        buf_append_lit(out, ",\"stop_details\":{\"type\":\"refusal\",\"category\":null,"
                            "\"explanation\":");
        json_quote(out, buf_view(&w->refusal));
        buf_append_char(out, '}');
    }
}

static void close_block(struct llm_writer *w)
{
    if (w->open_kind == LLM_PART_THINKING)
        buf_append_lit(&w->text, ",\"signature\":\"\"}");
    else if (w->open_kind == LLM_PART_TEXT)
        buf_append_char(&w->text, '}');
    w->open_kind = -1;
}

static void begin_block(struct llm_writer *w, int kind, struct view head)
{
    close_block(w);
    if (w->n_blocks++)
        buf_append_char(&w->text, ',');
    buf_append(&w->text, head);
    w->open_kind = kind;
}

static void put_text(struct llm_writer *w, int kind, struct view head, struct view text)
{
    if (w->open_kind != kind)
        begin_block(w, kind, head);
    put_piece(&w->text, text);
}

static void put_signature(struct llm_writer *w, const struct llm_ev *ev)
{
    if (ev->name.n) {
        begin_block(w, -1, VIEW("{\"type\":\"redacted_thinking\",\"data\":"));
    } else {
        if (w->open_kind != LLM_PART_THINKING)
            begin_block(w, -1, VIEW(THINKING_HEAD));
        buf_append_lit(&w->text, ",\"signature\":");
        w->open_kind = -1;
    }
    json_quote(&w->text, ev->text);
    buf_append_char(&w->text, '}');
}

/* Pieces of several calls may come mixed: a call that is not the last one moves to the end. */
static void put_arguments(struct llm_writer *w, const struct llm_ev *ev)
{
    if (ev->index >= w->n_calls)
        return;
    struct llm_call_kept *call = &w->calls[ev->index];
    struct buf *b = &w->arguments;
    if (call->from + call->n != b->len) {
        char *to = buf_reserve(b, call->n);
        if (!to)
            return;
        if (call->n)
            memcpy(to, b->p + call->from, call->n);
        call->from = b->len;
        b->len += call->n;
    }
    buf_append(b, ev->text);
    call->n += ev->text.n;
}

static bool write_whole(struct llm_writer *w, struct buf *out)
{
    close_block(w);
    if (!buf_ok(&w->text) || !buf_ok(&w->arguments) || !buf_ok(&w->refusal))
        return false;
    buf_append_lit(out, "{\"id\":");
    json_quote(out, view_str(w->id));
    buf_append_lit(out, ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    json_quote(out, w->model);
    buf_append_lit(out, ",\"content\":[");
    buf_append(out, buf_view(&w->text));
    for (unsigned i = 0; i < w->n_calls; i++) {
        const struct llm_call_kept *call = &w->calls[i];
        if (w->n_blocks + i)
            buf_append_char(out, ',');
        buf_append_lit(out, "{\"type\":\"tool_use\",\"id\":");
        json_quote(out, view_str(call->id));
        buf_append_lit(out, ",\"name\":");
        json_quote(out, view_str(call->name));
        buf_append_lit(out, ",\"input\":");
        anthropic_put_input(out, view_of(w->arguments.p + call->from, call->n));
        buf_append_char(out, '}');
    }
    buf_append_lit(out, "],");
    anthropic_put_stop(w, out);
    buf_append_lit(out, ",\"usage\":");
    anthropic_put_usage(&w->usage, out);
    buf_append_lit(out, "}\n");
    w->finished = true;
    return buf_ok(out);
}

bool anthropic_plain_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    switch (ev->kind) {
    case LLM_EV_TEXT:
        if (ev->text.n)
            put_text(w, LLM_PART_TEXT, VIEW("{\"type\":\"text\",\"text\":\"\""), ev->text);
        break;
    case LLM_EV_THINKING:
        if (ev->text.n)
            put_text(w, LLM_PART_THINKING, VIEW(THINKING_HEAD), ev->text);
        break;
    case LLM_EV_SIGNATURE:
        put_signature(w, ev);
        break;
    case LLM_EV_CALL:
        return anthropic_keep_call(w, ev);
    case LLM_EV_ARGUMENTS:
        put_arguments(w, ev);
        break;
    case LLM_EV_END:
        return write_whole(w, out);
    case LLM_EV_START:
    case LLM_EV_REFUSAL:
    case LLM_EV_LOGPROBS:
    case LLM_EV_FINISH:
    case LLM_EV_USAGE:
    case LLM_EV_PING:
        break;
    }
    return buf_ok(&w->text) && buf_ok(&w->arguments);
}
