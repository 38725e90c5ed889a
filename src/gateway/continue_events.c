/* The events of a stream on their way to the client: kept, and joined to the parts before them. */
#include "gateway/continue.h"

#include "llm/dialects.h"

enum { END_BYTES = 1 << 20 };

void continue_join(struct exchange *x)
{
    struct continuation *c = x->continuation;

    llm_join_done(&c->join);
    c->join = LLM_JOIN(buf_view(&c->said.text));
    c->anew = c->told = false;
}

static bool give(struct continuation *c, const struct llm_ev *ev)
{
    llm_said_event(&c->said, ev);
    return c->sink(c->sink_arg, ev);
}

static bool give_text(struct continuation *c, const struct llm_ev *ev, struct view text)
{
    struct llm_ev joined = *ev;

    joined.kind = LLM_EV_TEXT;
    joined.text = text;
    return text.n == 0 || give(c, &joined);
}

/* What it says next is no more the beginning of its part. */
static bool let_go(struct continuation *c, const struct llm_ev *ev)
{
    return give_text(c, &(struct llm_ev){.choice = ev->choice}, llm_join_end(&c->join));
}

static bool join(struct continuation *c, const struct llm_ev *ev)
{
    struct view text;

    if (!llm_join_piece(&c->join, ev->text, &text)) {
        c->anew = true;
        return true;
    }
    return give_text(c, ev, text);
}

static bool estimate_usage(struct continuation *c)
{
    uint32_t input = c->parts ? c->earlier.input + c->earlier.output : c->prompt;
    struct llm_ev usage = {
        .kind = LLM_EV_USAGE,
        .usage = {.reported = true, .input = input, .output = c->said.pieces - c->pieces}};
    return give(c, &usage);
}

static bool go_on(struct continuation *c, const struct llm_ev *ev)
{
    switch (ev->kind) {
    case LLM_EV_START: /* the client's answer has its own */
        return true;
    case LLM_EV_TEXT:
        return join(c, ev);
    case LLM_EV_THINKING:
        if (!c->join.open)
            c->anew = true;
        return c->anew || give(c, ev);
    case LLM_EV_PING:
        return give(c, ev);
    case LLM_EV_USAGE:
        c->told = true;
        return give(c, ev);
    case LLM_EV_END:
        return let_go(c, ev) && (c->told || estimate_usage(c)) && give(c, ev);
    case LLM_EV_SIGNATURE:
    case LLM_EV_REFUSAL:
    case LLM_EV_CALL:
    case LLM_EV_ARGUMENTS:
    case LLM_EV_LOGPROBS:
    case LLM_EV_FINISH:
        break;
    }
    return let_go(c, ev) && give(c, ev);
}

bool continue_event(void *arg, const struct llm_ev *ev)
{
    struct continuation *c = arg;

    if (c->anew) /* the attempt ends with this event */
        return true;
    return c->parts == 0 ? give(c, ev) : go_on(c, ev);
}

/* ---- an end of our own ----------------------------------------------------------------------- */

/* Behind a finish whose bytes have passed stand usage, where it was not told, and the mark. */
static bool end_passed(struct exchange *x, struct buf *end)
{
    struct translation *t = x->translation;

    if (x->dialect == LLM_ANTHROPIC) {
        buf_append(end, anthropic_end_mark());
        return buf_ok(end);
    }
    if (!llm_said_resume(&x->continuation->said, t->reader.dialect, &t->writer))
        return false;
    t->same = false;
    t->writer.finished = true;
    t->writer.include_usage &= !x->answer.usage.reported;
    return true;
}

/* With several, one's finish is not the end. */
static bool has_one_answer(struct exchange *x)
{
    struct error ignored;
    const struct llm_neutral *request =
        x->request_arena ? llm_request_neutral(&x->request, x->request_arena, &ignored) : NULL;

    return request && (request->n.n == 0 || view_eq(request->n, VIEW("1")));
}

bool continue_end(struct exchange *x, enum llm_finish finish)
{
    struct continuation *c = x->continuation;
    struct translation *t = x->translation;
    struct buf end = BUF_MAX(END_BYTES);
    struct llm_ev finished = {.kind = LLM_EV_FINISH, .finish = finish};
    struct llm_usage told = x->answer.usage;

    if (!c || !c->on || !has_one_answer(x))
        return false;
    bool ok = !t->same || end_passed(x, &end);
    t->out = t->end = &end;
    if (ok && end.len == 0)
        ok = (finish == LLM_FINISH_NONE || t->sink(t->sink_arg, &finished)) &&
             (told.reported || estimate_usage(c)) &&
             t->sink(t->sink_arg, &(struct llm_ev){.kind = LLM_EV_END});
    x->answer.usage = told; /* an estimate is none */
    if (ok && buf_ok(&end))
        deliver_end(x, buf_view(&end));
    buf_done(&end);
    return ok && x->n_held > 0;
}
