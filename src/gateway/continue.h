/*
 * Going on with a stream that broke: another node, or another candidate, is asked to go on with the
 * text so far, and the client's stream goes on with what it says.
 *
 * While a stream passes, what it says is kept (llm/said.h), as long as somebody else could go on
 * with it. When it breaks, the candidates are asked in turn once more, those that go on with an
 * assistant's turn; what they say is written by the client's writer, joined to the text without a
 * gap and without a repeat (llm/join.h). Each part is an attempt, with its usage and its cost.
 */
#pragma once

#include "gateway/translate.h"
#include "llm/join.h"
#include "llm/said.h"

struct send;

struct continuation {
    bool on; /* of the attempt that streams now: what it says is kept */
    struct llm_said said;
    struct llm_join join;
    bool anew;       /* the backend did not go on: it began anew */
    bool told;       /* the part that streams has told its usage */
    uint32_t prompt; /* tokens of the client's request, estimated */

    /* of the parts that broke */
    unsigned parts;
    struct llm_usage earlier; /* `reported`: they told the input of the client's request */
    struct llm_usage part;    /* of the last one */
    unsigned pieces;          /* of `said`, up to there */
    size_t at;                /* so too: bytes */
    bool inside;              /* one of them was said inside */
    struct error why;
    enum { LEAVING_UNKNOWN, LEAVING_MAY, LEAVING_MUST_NOT } leaving; /* of the text so far */

    llm_sink *sink; /* where the events go on to */
    void *sink_arg;
};

/* Whether a broken stream is being gone on with. */
bool continue_going(const struct exchange *x);

/* ---- while it streams ------------------------------------------------------------------------ */

/* An answer begins to stream: from here on what it says is kept, if somebody else than the node
 * could go on with it. */
void continue_listen(struct exchange *x, enum llm_dialect asked, const struct node *node);
/* Somebody goes on: what comes next is joined to what was said. */
void continue_join(struct exchange *x);
/* An llm_sink between a reader and where its events go; `arg` is the struct continuation. */
bool continue_event(void *arg, const struct llm_ev *ev);
/* What the parts before and the last one used together. */
struct llm_usage continue_whole(const struct continuation *c, const struct llm_usage *last);
/* Ends the client's stream, which has broken: with this finish, or with the one that was told
 * already (LLM_FINISH_NONE). False: it cannot be ended, and stays broken. */
bool continue_end(struct exchange *x, enum llm_finish finish) MUST_CHECK;

/* ---- when it breaks -------------------------------------------------------------------------- */

/* What the part of that candidate used, whose stream has broken now. NULL: nothing was kept. */
const struct llm_usage *continue_part(struct exchange *x, const struct plan_candidate *candidate);

enum continue_step {
    CONTINUE_NOT,   /* the stream ends broken */
    CONTINUE_GO,    /* the candidates that fit may be asked */
    CONTINUE_ENDED, /* nothing is left to be said: the answer is whole, its end is held */
};
/* Behind the attempt that broke. `ret_progress`: it has said something. */
enum continue_step continue_begin(struct exchange *x, bool *ret_progress);
/* Somebody has gone on, for a while or to the end: counted. */
void continue_went_on(const struct exchange *x);
/* The break that nobody mended is what the client is told. Returns false. */
bool continue_gave_up(struct exchange *x);

/* ---- asking somebody else -------------------------------------------------------------------- */

/* Whether this candidate goes on with texts. */
bool continue_fits(const struct exchange *x, const struct plan_candidate *candidate);
/* Whether the text so far may go to it. Behind screen_verdict(). */
bool continue_may_leave(struct exchange *x, const struct plan_candidate *candidate);
/* The request as it is asked, made in the request's arena. NULL: x->error. */
struct llm_request *continue_request(struct exchange *x, const struct plan_candidate *candidate);
/* Whether that request ends with the assistant's turn. */
bool continue_has_turn(const struct exchange *x);
/* Ollama goes on only raw: the engine renders the chat in `send`, which becomes the request for
 * /api/generate. False: x->error (continue_ollama.c). */
bool continue_render(struct exchange *x, struct send *send, struct arena *attempt) MUST_CHECK;
/* It answered with another status than 200. */
enum deliver_result continue_refused(struct exchange *x, const struct plan_candidate *candidate,
                                     struct http_call *call, int64_t deadline_ns,
                                     struct arena *attempt);
/* It refuses to go on, or began anew (NOT_CONTINUED): it is not asked to for an hour. */
void continue_unable(struct exchange *x, const struct plan_candidate *candidate);
