#include "gateway/restore.h"

enum { RESTORED_BYTES = 64 << 20 }; /* of one event; a plain answer's text is one */

void restore_init(struct restore *r, const struct mask_map *map, llm_sink *sink, void *arg)
{
    *r = (struct restore){.map = map, .sink = sink, .arg = arg, .out = BUF_MAX(RESTORED_BYTES)};
}

/* What was restored is as secret as the values are. */
void restore_done(struct restore *r)
{
    if (r->out.cap)
        explicit_bzero(r->out.p, r->out.cap);
    buf_done(&r->out);
}

static bool is_text(enum llm_event_kind kind)
{
    return kind == LLM_EV_TEXT || kind == LLM_EV_THINKING || kind == LLM_EV_REFUSAL ||
           kind == LLM_EV_ARGUMENTS;
}

/* Ends a text: what it held back goes on as its last piece. */
static bool let_go(struct restore *r, struct restored_text *t)
{
    if (t->unmask.n_held == 0)
        return true;
    buf_reset(&r->out);
    unmask_end(&t->unmask, &r->out);
    return buf_ok(&r->out) && r->sink(r->arg, &(struct llm_ev){.kind = t->kind,
                                                               .choice = t->choice,
                                                               .index = t->index,
                                                               .text = buf_view(&r->out)});
}

/* Whether the event ends the text. Calls may be streamed side by side, so that one does not end
 * another's arguments. */
static bool ends(const struct llm_ev *ev, const struct restored_text *t)
{
    switch (ev->kind) {
    case LLM_EV_END:
        return true;
    case LLM_EV_FINISH:
        return ev->choice == t->choice;
    case LLM_EV_TEXT:
    case LLM_EV_THINKING:
    case LLM_EV_REFUSAL:
    case LLM_EV_SIGNATURE:
    case LLM_EV_CALL:
        return ev->choice == t->choice && ev->kind != t->kind && t->kind != LLM_EV_ARGUMENTS;
    case LLM_EV_START:
    case LLM_EV_ARGUMENTS:
    case LLM_EV_LOGPROBS:
    case LLM_EV_USAGE:
    case LLM_EV_PING:
        break;
    }
    return false;
}

static bool end_texts(struct restore *r, const struct llm_ev *ev)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < r->n; i++) {
        if (!ends(ev, &r->texts[i]))
            r->texts[kept++] = r->texts[i];
        else if (!let_go(r, &r->texts[i]))
            return false;
    }
    r->n = kept;
    return true;
}

/* The text that the event goes on with; NULL when the oldest one could not be let go. */
static struct restored_text *text_of(struct restore *r, const struct llm_ev *ev)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->texts[i].kind == ev->kind && r->texts[i].choice == ev->choice &&
            (ev->kind != LLM_EV_ARGUMENTS || r->texts[i].index == ev->index))
            return &r->texts[i];
    if (r->n == RESTORE_TEXTS) {
        if (!let_go(r, &r->texts[0]))
            return NULL;
        memmove(r->texts, r->texts + 1, --r->n * sizeof(r->texts[0]));
    }
    r->texts[r->n] = (struct restored_text){
        .kind = ev->kind,
        .choice = ev->choice,
        .index = ev->index,
        .unmask = {.map = r->map, .in_json = ev->kind == LLM_EV_ARGUMENTS},
    };
    return &r->texts[r->n++];
}

/* An answer that begins as an object is one: JSON that was asked for, by whatever field. */
static void look_for_json(struct restored_text *t, struct view text)
{
    while (!t->begun && text.n) {
        t->begun = !memchr(" \t\r\n", *text.p, 4);
        t->unmask.in_json |= t->begun && *text.p == '{';
        text = view_skip(text, 1);
    }
}

bool restore_event(void *arg, const struct llm_ev *ev)
{
    struct restore *r = arg;

    if (!end_texts(r, ev))
        return false;
    if (!is_text(ev->kind) || ev->text.n == 0)
        return r->sink(r->arg, ev);
    struct restored_text *t = text_of(r, ev);
    if (!t)
        return false;
    look_for_json(t, ev->text);
    buf_reset(&r->out);
    unmask_piece(&t->unmask, ev->text, &r->out);
    if (!buf_ok(&r->out))
        return false;
    struct llm_ev restored = *ev;
    restored.text = buf_view(&r->out);
    return restored.text.n == 0 || r->sink(r->arg, &restored);
}
