#include "llm/said.h"

enum { UNREAD_BYTES = LLM_SAID_MAX * 8 + LLM_SAID_FIRST_MAX * 8 };

void llm_said_done(struct llm_said *s)
{
    buf_done(&s->text);
    buf_done(&s->first);
}

void llm_said_first(struct llm_said *s, struct view data)
{
    if (s->first.len == 0)
        buf_append(&s->first, data);
}

void llm_said_piece(struct llm_said *s, struct json_text piece)
{
    if (piece.raw.n == 0)
        return;
    s->escaped |= piece.escaped;
    s->pieces++;
    buf_append(&s->text, piece.raw);
}

void llm_said_event(struct llm_said *s, const struct llm_ev *ev)
{
    switch (ev->kind) {
    case LLM_EV_TEXT:
        llm_said_piece(s, (struct json_text){.raw = ev->text});
        s->more |= ev->choice > 0;
        break;
    case LLM_EV_THINKING:
    case LLM_EV_SIGNATURE:
    case LLM_EV_REFUSAL:
    case LLM_EV_CALL:
    case LLM_EV_ARGUMENTS:
    case LLM_EV_LOGPROBS:
        s->more = true;
        break;
    case LLM_EV_START:
    case LLM_EV_FINISH:
    case LLM_EV_USAGE:
    case LLM_EV_PING:
    case LLM_EV_END:
        break;
    }
}

bool llm_said_only_text(const struct llm_said *s)
{
    return s->text.len > 0 && buf_ok(&s->text) && buf_ok(&s->first) && !s->more;
}

/* A piece without a backslash stands for itself also as JSON, so pieces may be decoded together. */
bool llm_said_decode(struct llm_said *s)
{
    struct json_text whole = {.raw = buf_view(&s->text), .escaped = true};
    struct buf plain = BUF_MAX(LLM_SAID_MAX);

    if (!s->escaped)
        return buf_ok(&s->text);
    char *to = buf_reserve(&plain, whole.raw.n);
    if (!to || !buf_ok(&s->text)) {
        buf_done(&plain);
        return false;
    }
    plain.len = json_decode_to(to, whole);
    buf_done(&s->text);
    s->text = plain;
    s->escaped = false;
    return true;
}

/* ---- a writer that goes on ------------------------------------------------------------------- */

struct resuming {
    struct llm_writer *w;
    struct buf *unread;
    bool ok;
};

/* Of the first event only its head is wanted: its text stands with the others. */
static bool take_start(void *arg, const struct llm_ev *ev)
{
    struct resuming *r = arg;

    if (ev->kind == LLM_EV_START)
        r->ok = llm_dialect(r->w->dialect)->event_write(r->w, ev, r->unread);
    return ev->kind != LLM_EV_START;
}

bool llm_said_resume(const struct llm_said *s, enum llm_dialect upstream, struct llm_writer *w)
{
    struct buf unread = BUF_MAX(UNREAD_BYTES); /* the client has all of it */
    struct llm_reader reader = {.dialect = upstream, .arena = w->arena};
    struct resuming r = {.w = w, .unread = &unread};
    struct error ignored;

    (void)llm_dialect(upstream)->event_read(&reader, VIEW_NONE, buf_view(&s->first), take_start, &r,
                                            &ignored);
    struct llm_ev text = {.kind = LLM_EV_TEXT, .text = buf_view(&s->text)};
    bool ok = r.ok && llm_dialect(w->dialect)->event_write(w, &text, &unread);
    if (s->closed) /* the next text begins a block of its own */
        w->open_kind = -1;
    buf_done(&unread);
    return ok;
}
