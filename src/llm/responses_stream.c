/* Neutral events become a client's stream, or its plain answer. */
#include "base/clock.h"
#include "llm/responses.h"

static void free_item(void *ptr)
{
    struct responses_item *item = ptr;

    buf_done(&item->text);
    buf_done(&item->logprobs);
    buf_done(&item->signature);
}

/* ---- framing --------------------------------------------------------------------------------- */

/* The event up to behind its sequence number; `json_close` ends it. */
static void begin_event(struct llm_writer *w, struct buf *out, struct view type)
{
    buf_append_lit(out, "event: ");
    buf_append(out, type);
    buf_append_lit(out, "\ndata: {\"type\":\"");
    buf_append(out, type);
    buf_append_lit(out, "\",\"sequence_number\":");
    buf_append_u64(out, w->sequence++);
}

static void end_event(struct buf *out)
{
    buf_append_lit(out, "}\n\n");
}

/* Item ids are made of the answer's id and need no escapes. */
static void put_place(struct buf *out, const struct responses_item *item, bool content)
{
    buf_append_lit(out, ",\"item_id\":\"");
    buf_append(out, view_str(item->id));
    buf_append_lit(out, "\",\"output_index\":");
    buf_append_u64(out, item->index);
    if (content)
        buf_append_lit(out, ",\"content_index\":0");
}

static void response_event(struct llm_writer *w, struct buf *out, struct view type,
                           struct view status)
{
    struct json_writer j = JSON_WRITER(out);

    begin_event(w, out, type);
    buf_append_lit(out, ",\"response\":");
    responses_put_object(&j, w, status);
    end_event(out);
}

static void item_event(struct llm_writer *w, struct buf *out, struct view type,
                       const struct responses_item *item, struct view status)
{
    struct json_writer j = JSON_WRITER(out);

    begin_event(w, out, type);
    buf_append_lit(out, ",\"output_index\":");
    buf_append_u64(out, item->index);
    buf_append_lit(out, ",\"item\":");
    responses_put_item(&j, item, status);
    end_event(out);
}

static void part_event(struct llm_writer *w, struct buf *out, struct view type,
                       const struct responses_item *item, bool whole)
{
    struct json_writer j = JSON_WRITER(out);

    begin_event(w, out, type);
    put_place(out, item, true);
    buf_append_lit(out, ",\"part\":");
    responses_put_part(&j, item, whole);
    end_event(out);
}

static void delta_event(struct llm_writer *w, struct buf *out, const struct responses_item *item,
                        struct view text)
{
    struct view type = item->kind == LLM_PART_TEXT      ? VIEW("response.output_text.delta")
                       : item->kind == LLM_PART_REFUSAL ? VIEW("response.refusal.delta")
                       : item->kind == LLM_PART_CALL
                           ? VIEW("response.function_call_arguments.delta")
                           : VIEW("response.reasoning_text.delta");

    begin_event(w, out, type);
    put_place(out, item, item->kind != LLM_PART_CALL);
    buf_append_lit(out, ",\"delta\":");
    json_quote(out, text);
    if (item->kind == LLM_PART_TEXT)
        buf_append_lit(out, ",\"logprobs\":[]");
    end_event(out);
}

/* All tokens of the text, as the stream tells them. */
static void put_done_logprobs(struct buf *out, const struct responses_item *item)
{
    struct buf array = BUF_MAX(RESPONSES_MAX_KEPT + 2);

    if (!item->logprobs.len)
        return;
    buf_append_char(&array, '[');
    buf_append(&array, buf_view(&item->logprobs));
    buf_append_char(&array, ']');
    if (buf_ok(&array))
        responses_put_logprobs(out, buf_view(&array), VIEW_NONE);
    buf_done(&array);
}

static void whole_event(struct llm_writer *w, struct buf *out, const struct responses_item *item)
{
    struct view type = item->kind == LLM_PART_TEXT      ? VIEW("response.output_text.done")
                       : item->kind == LLM_PART_REFUSAL ? VIEW("response.refusal.done")
                       : item->kind == LLM_PART_CALL ? VIEW("response.function_call_arguments.done")
                                                     : VIEW("response.reasoning_text.done");

    begin_event(w, out, type);
    put_place(out, item, item->kind != LLM_PART_CALL);
    if (item->kind == LLM_PART_CALL) {
        buf_append_lit(out, ",\"arguments\":");
    } else if (item->kind == LLM_PART_REFUSAL) {
        buf_append_lit(out, ",\"refusal\":");
    } else {
        buf_append_lit(out, ",\"text\":");
    }
    json_quote(out, buf_view(&item->text));
    if (item->kind == LLM_PART_TEXT) {
        buf_append_lit(out, ",\"logprobs\":[");
        put_done_logprobs(out, item);
        buf_append_char(out, ']');
    }
    end_event(out);
}

/* ---- items ----------------------------------------------------------------------------------- */

static bool has_part(const struct responses_item *item)
{
    return item->kind != LLM_PART_CALL && (item->kind != LLM_PART_THINKING || item->text.len);
}

static void close_item(struct llm_writer *w, struct responses_item *item, struct view status,
                       struct buf *out)
{
    if (!item->open)
        return;
    item->open = false;
    if (w->plain)
        return;
    if (item->kind == LLM_PART_CALL || has_part(item))
        whole_event(w, out, item);
    if (has_part(item))
        part_event(w, out, VIEW("response.content_part.done"), item, true);
    item_event(w, out, VIEW("response.output_item.done"), item, status);
}

/* `status` is the last item's; only an answer's end cuts one short. */
static void close_all(struct llm_writer *w, struct view status, struct buf *out)
{
    struct responses_kept *kept = w->own;

    for (struct responses_item *item = kept->first_open; item; item = item->next)
        close_item(w, item, item->next ? VIEW("completed") : status, out);
    w->open_kind = -1;
}

static void close_open(struct llm_writer *w, struct buf *out)
{
    struct responses_kept *kept = w->own;

    if (w->open_kind == LLM_PART_CALL) /* calls are open side by side */
        close_all(w, VIEW("completed"), out);
    else if (kept->last)
        close_item(w, kept->last, VIEW("completed"), out);
    w->open_kind = -1;
}

static void set_id(struct llm_writer *w, struct responses_item *item)
{
    const char *prefix = item->kind == LLM_PART_CALL       ? "fc_"
                         : item->kind == LLM_PART_THINKING ? "rs_"
                                                           : "msg_";
    struct buf id = BUF_MAX(128);

    buf_append(&id, view_str(prefix));
    buf_append(&id, view_first(view_skip(view_str(w->id), 5), 64)); /* behind "resp_" */
    buf_append_char(&id, '_');
    buf_append_u64(&id, item->index);
    if (buf_ok(&id) && id.len < sizeof(item->id))
        memcpy(item->id, id.p, id.len);
    buf_done(&id);
}

static struct responses_item *new_item(struct llm_writer *w, enum llm_part_kind kind)
{
    struct responses_kept *kept = w->own;
    struct responses_item *item = arena_new_of(w->arena, struct responses_item);

    if (!item)
        return NULL;
    item->kind = kind;
    item->open = true;
    item->index = w->n_blocks++;
    item->text = item->logprobs = item->signature = BUF_MAX(RESPONSES_MAX_KEPT);
    arena_defer(w->arena, free_item, item);
    set_id(w, item);
    if (kept->last)
        kept->last->next = item;
    else
        kept->first = item;
    kept->last = item;
    if (w->open_kind < 0)
        kept->first_open = item;
    w->open_kind = (int)kind;
    return item;
}

/* The open item of that kind; another one is closed first. */
static struct responses_item *item_of(struct llm_writer *w, enum llm_part_kind kind,
                                      struct buf *out)
{
    struct responses_kept *kept = w->own;

    if (w->open_kind == (int)kind)
        return kept->last;
    close_open(w, out);
    struct responses_item *item = new_item(w, kind);
    if (item && !w->plain) {
        item_event(w, out, VIEW("response.output_item.added"), item, VIEW("in_progress"));
        if (kind != LLM_PART_THINKING) /* reasoning may turn out to have no text */
            part_event(w, out, VIEW("response.content_part.added"), item, false);
    }
    return item;
}

static bool keep(struct llm_writer *w, struct buf *to, struct view text)
{
    struct responses_kept *kept = w->own;

    kept->bytes += text.n;
    if (kept->bytes > RESPONSES_MAX_KEPT)
        return false;
    buf_append(to, text);
    return buf_ok(to);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool add_text(struct llm_writer *w, enum llm_part_kind kind, struct view text,
                     struct buf *out)
{
    if (!text.n)
        return true;
    struct responses_item *item = item_of(w, kind, out);
    if (!item)
        return false;
    if (!w->plain && kind == LLM_PART_THINKING && !item->text.len)
        part_event(w, out, VIEW("response.content_part.added"), item, false);
    if (!w->plain)
        delta_event(w, out, item, text);
    return keep(w, &item->text, text);
}

static bool add_signature(struct llm_writer *w, struct view text, struct buf *out)
{
    struct responses_item *item = text.n ? item_of(w, LLM_PART_THINKING, out) : NULL;

    if (!text.n)
        return true;
    if (!item || !keep(w, &item->signature, text))
        return false;
    close_open(w, out); /* the next thinking has a proof of its own */
    return true;
}

static bool add_logprobs(struct llm_writer *w, struct view raw, struct buf *out)
{
    struct responses_kept *kept = w->own;
    struct responses_item *item = kept->last;

    if (!item || !item->open || item->kind != LLM_PART_TEXT || raw.n <= 2)
        return true;
    kept->bytes += raw.n;
    if (kept->bytes > RESPONSES_MAX_KEPT)
        return false;
    size_t at = item->logprobs.len;
    if (at)
        buf_append_char(&item->logprobs, ',');
    if (!responses_put_logprobs(&item->logprobs, raw, VIEW("[]"))) {
        if (!buf_ok(&item->logprobs))
            return false;
        item->logprobs.len = at; /* no array of tokens: nothing to tell */
        return true;
    }
    if (w->plain)
        return true;
    begin_event(w, out, VIEW("response.output_text.delta"));
    put_place(out, item, true);
    buf_append_lit(out, ",\"delta\":\"\",\"logprobs\":[");
    responses_put_logprobs(out, raw, VIEW_NONE);
    buf_append_char(out, ']');
    end_event(out);
    return true;
}

static bool begin_call(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    struct responses_kept *kept = w->own;

    if (w->open_kind != LLM_PART_CALL)
        close_open(w, out);
    struct responses_item *item = new_item(w, LLM_PART_CALL);
    if (!item)
        return false;
    item->call = ev->index;
    item->name = arena_dup(w->arena, ev->name);
    /* Some engines give calls no id; the client needs one to answer it. */
    item->call_id =
        ev->id.n ? arena_dup(w->arena, ev->id) : arena_printf(w->arena, "call_%s", item->id + 3);
    kept->last_call = item;
    w->n_calls++;
    if (arena_failed(w->arena))
        return false;
    if (!w->plain)
        item_event(w, out, VIEW("response.output_item.added"), item, VIEW("in_progress"));
    return true;
}

static bool add_arguments(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    struct responses_kept *kept = w->own;
    struct responses_item *item = kept->last_call;

    if (item && item->call != ev->index)
        for (item = kept->first; item; item = item->next)
            if (item->kind == LLM_PART_CALL && item->call == ev->index)
                break;
    if (!item || !item->open || !ev->text.n) /* no call, or one that was told to be whole */
        return true;
    kept->last_call = item;
    if (!w->plain)
        delta_event(w, out, item, ev->text);
    return keep(w, &item->text, ev->text);
}

/* "resp_" and what of the backend's id needs no escapes. */
static void take_id(struct llm_writer *w, struct view id)
{
    struct view prefix = VIEW("resp_");
    size_t n = prefix.n;

    if (!id.n)
        id = view_str(w->id);
    if (view_starts(id, prefix))
        id = view_skip(id, prefix.n);
    char made[sizeof(w->id)];
    memcpy(made, prefix.p, n);
    for (size_t i = 0; i < id.n && n < sizeof(made) - 1; i++) {
        char c = id.p[i], lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')
            made[n++] = c;
    }
    if (n == prefix.n)
        made[n++] = '0';
    made[n] = '\0';
    memcpy(w->id, made, n + 1);
}

static bool start(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    struct responses_kept *kept = arena_new_of(w->arena, struct responses_kept);

    if (!kept)
        return false;
    w->own = kept;
    w->started = true;
    w->open_kind = -1;
    take_id(w, ev->kind == LLM_EV_START ? ev->id : VIEW_NONE);
    if (ev->kind == LLM_EV_START && ev->created_s)
        w->created_s = ev->created_s;
    if (!w->created_s)
        w->created_s = clock_wall_ms() / 1000;
    kept->echo = responses_echo(w->request, w->arena);
    if (!kept->echo.n)
        return false;
    if (!w->plain) {
        response_event(w, out, VIEW("response.created"), VIEW("in_progress"));
        response_event(w, out, VIEW("response.in_progress"), VIEW("in_progress"));
    }
    return true;
}

static void finish(struct llm_writer *w, struct buf *out)
{
    bool cut = w->finish == LLM_FINISH_LENGTH || w->finish == LLM_FINISH_FILTER;
    struct view status = cut ? VIEW("incomplete") : VIEW("completed");
    struct json_writer j = JSON_WRITER(out);

    close_all(w, status, out);
    w->finished = true;
    if (w->plain)
        responses_put_object(&j, w, status);
    else
        response_event(w, out, cut ? VIEW("response.incomplete") : VIEW("response.completed"),
                       status);
}

static bool write_event(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    switch (ev->kind) {
    case LLM_EV_START:
        return true;
    case LLM_EV_TEXT:
        return add_text(w, LLM_PART_TEXT, ev->text, out);
    case LLM_EV_THINKING:
        return add_text(w, LLM_PART_THINKING, ev->text, out);
    case LLM_EV_REFUSAL:
        return add_text(w, LLM_PART_REFUSAL, ev->text, out);
    case LLM_EV_SIGNATURE:
        return add_signature(w, ev->text, out);
    case LLM_EV_LOGPROBS:
        return add_logprobs(w, ev->raw, out);
    case LLM_EV_CALL:
        return begin_call(w, ev, out);
    case LLM_EV_ARGUMENTS:
        return add_arguments(w, ev, out);
    case LLM_EV_FINISH:
        w->finish = ev->finish;
        return true;
    case LLM_EV_USAGE:
        w->usage = ev->usage;
        return true;
    case LLM_EV_PING: /* the dialect has none: a comment */
        if (!w->plain)
            buf_append_lit(out, ": ping\n\n");
        return true;
    case LLM_EV_END:
        finish(w, out);
        return true;
    }
    return true;
}

bool responses_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out)
{
    if (w->finished || ev->choice > 0) /* one choice is all that the dialect has */
        return true;
    if (!w->started && ev->kind != LLM_EV_PING && !start(w, ev, out))
        return false;
    return write_event(w, ev, out) && buf_ok(out);
}
