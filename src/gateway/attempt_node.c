#include "gateway/attempt_node.h"

#include "base/clock.h"
#include "gateway/attempts.h"
#include "gateway/blame.h"
#include "gateway/continue.h"
#include "gateway/log.h"
#include "gateway/race.h"
#include "gateway/rounds.h"
#include "gateway/screen.h"
#include "gateway/send.h"
#include "gateway/translate.h"
#include "gateway/windows.h"
#include "http/retry.h"

struct attempt {
    const struct plan_candidate *candidate;
    const struct config_backend *backend;
    enum llm_dialect asked; /* the dialect in which this backend is asked */
    struct node_use use;
    struct http_call call;
    struct arena *arena;
    int64_t began_ns, deadline_ns;
    int64_t retry_after_ms;
};

static bool ask(struct exchange *x, struct attempt *t)
{
    bool goes_on = continue_has_turn(x);
    struct llm_request *worded = continue_going(x) ? continue_request(x, t->candidate)
                                                   : screen_request(x, t->candidate->leaves);
    if (!worded)
        return false;
    struct llm_rewrite rewrite = translate_rewrite(worded, t->backend, t->candidate->model);
    int64_t connect_ns = t->began_ns + t->backend->connect_ms * NS_PER_MS;
    int64_t first_ns =
        x->request.stream ? t->began_ns + t->backend->first_token_ms * NS_PER_MS : t->deadline_ns;
    struct send send = {
        .backend = t->backend,
        .node = t->use.node,
        .leaves = t->candidate->leaves,
        .deadlines = {.connect_ns = connect_ns < t->deadline_ns ? connect_ns : t->deadline_ns,
                      .head_ns = first_ns < t->deadline_ns ? first_ns : t->deadline_ns},

    };

    if (!llm_asked_in(worded->dialect, t->backend->dialect, t->backend->engine, &t->asked))
        return error_set(&x->error, ERROR_INTERNAL, "the plan has a backend that cannot be asked");
    send.asked = t->asked;
    rewrite.goes_on = goes_on;
    x->mask = screen_mask(x, t->candidate->leaves);
    bool ok = translate_request(x, worded, t->asked, &rewrite, t->arena, &send.body) &&
              (!goes_on || t->asked != LLM_OLLAMA || continue_render(x, &send, t->arena));
    t->asked = send.asked;
    return ok && send_request(x, &send, t->arena, &t->call);
}

/* Statuses after which another candidate may do better. */
static bool may_do_better(int status)
{
    return status >= 500 || status == 429 || status == 408 || (status >= 401 && status <= 405) ||
           (status < 400 && status != 200);
}

static bool is_stream(const struct http_head *head, enum llm_dialect dialect)
{
    struct view type = http_header_get(head, VIEW("content-type"));
    struct view wanted =
        translate_by_lines(dialect) ? VIEW("application/x-ndjson") : VIEW("text/event-stream");
    return view_eq_nocase(view_first(type, wanted.n), wanted);
}

/* ---- the answer, by its status --------------------------------------------------------------- */

static enum deliver_result receive(struct exchange *x, struct attempt *t)
{
    int status = x->upstream_status = t->call.head.status;

    if (may_do_better(status)) {
        t->retry_after_ms = http_retry_after_ms(http_header_get(&t->call.head, VIEW("retry-after")),
                                                clock_wall_ms());
        error_set(&x->error, ERROR_UPSTREAM_STATUS, "%.*s answered %d",
                  VIEW_ARG(t->candidate->backend_name), status);
        return DELIVER_FAILED;
    }
    if (status != 200 && continue_going(x))
        return continue_refused(x, t->candidate, &t->call, t->deadline_ns, t->arena);
    x->answer = (struct llm_answer){.dialect = x->request.dialect,
                                    .model = x->request.model,
                                    .id = x->turn ? x->turn->id : VIEW_NONE,
                                    .hide_usage = !x->request.include_usage};
    if (status != 200) {
        x->answer.usage.reported = true; /* nobody charges for what was refused */
        return deliver_refusal(x, &t->call, t->deadline_ns, t->asked, t->arena,
                               windows_wider_node(x, t->candidate, t->use.node) ||
                                   windows_wider_behind(x, t->candidate));
    }
    if (!x->request.stream)
        return deliver_plain(x, &t->call, t->asked, t->deadline_ns, t->arena);
    if (!is_stream(&t->call.head, t->asked)) {
        error_set(&x->error, ERROR_UPSTREAM_PROTOCOL, "a stream was asked for and none came");
        return DELIVER_FAILED;
    }
    if (!continue_going(x))
        continue_listen(x, t->asked, t->use.node);
    return deliver_stream(x, &t->call, t->asked, t->backend->between_tokens_ms * NS_PER_MS,
                          t->began_ns + t->backend->first_token_ms * NS_PER_MS, t->deadline_ns);
}

/* ---- one attempt ---------------------------------------------------------------------------- */

static void write_attempt(struct exchange *x, const struct attempt *t, struct view outcome,
                          const struct llm_usage *usage)
{
    attempts_add(x, &(struct attempt_note){.candidate = t->candidate,
                                           .node = t->use.node,
                                           .outcome = outcome,
                                           .ms = (loop_now_ns() - t->began_ns) / NS_PER_MS,
                                           .status = t->call.head.status,
                                           .usage = usage});
}

/* Its tokens stand here, because the record's own are the winner's. */
static void write_lost(struct exchange *x, const struct attempt *t)
{
    struct llm_usage usage = {0};

    if (t->call.sent)
        usage = account_usage(x);
    attempts_add(x, &(struct attempt_note){.candidate = t->candidate,
                                           .node = t->use.node,
                                           .outcome = VIEW("hedge_lost"),
                                           .ms = (loop_now_ns() - t->began_ns) / NS_PER_MS,
                                           .status = t->call.head.status,
                                           .usage = &usage});
}

/* The time to the first token; of an attempt that another one overtook it was at least so long. */
static void tell_first_token(const struct exchange *x, const struct attempt *t)
{
    int64_t at = x->streaming ? x->first_token_ns : loop_now_ns();

    if ((x->streaming && at > t->began_ns) || race_lost(x))
        node_first_token(t->use.node, at - t->began_ns);
}

/* Ollama counts as prompt what is left of it: where that fills the window to the brim there was
 * most likely more. In its own dialect it is told to refuse such a prompt. */
static void note_cut_prompt(struct exchange *x, const struct attempt *t)
{
    bool cuts = t->backend->engine == ENGINE_OLLAMA && t->asked == LLM_OPENAI_CHAT;
    uint32_t window = cuts ? fleet_window(t->use.node, t->candidate->model) : 0;

    if (window == 0 || !x->answer.usage.reported || x->answer.usage.input != window)
        return;
    atomic_fetch_add_explicit(&x->gateway->stats.prompts_cut, 1, memory_order_relaxed);
    x->notes = arena_printf(x->arena, "%.*s%sprompt fills the window, cut most likely",
                            VIEW_ARG(x->notes), x->notes.n ? ", " : "");
}

static int64_t streamed_after_ns(const struct exchange *x, const struct attempt *t)
{
    return x->request.stream ? x->first_token_ns - t->began_ns : 0;
}

/* The node's breaker and the record are told that it answered. */
static enum attempt_outcome answered(struct exchange *x, struct attempt *t)
{
    struct node *n = t->use.node;

    x->error.code = ERROR_NONE; /* what a retry overcame is no error */
    if (continue_going(x))
        continue_went_on(x);
    if (node_answered(n, &x->config->breaker, streamed_after_ns(x, t)))
        log_node_slow(n);
    x->node = n;
    x->answered_by = t->candidate;
    x->peer = t->call.peer;
    note_cut_prompt(x, t);
    write_attempt(x, t, x->outcome, continue_going(x) ? &x->answer.usage : NULL);
    return ATTEMPT_ANSWERED;
}

static enum attempt_outcome cancelled(struct exchange *x, struct attempt *t)
{
    if (t->call.sent || !continue_going(x)) {
        x->node = t->call.sent ? t->use.node : NULL; /* nobody charges for what was never asked */
        x->answered_by = t->call.sent ? t->candidate : NULL;
    }
    if (race_lost(x)) {
        write_lost(x, t);
        return ATTEMPT_LOST;
    }
    error_set(&x->error, ERROR_CLIENT_GONE, "the client left before its answer was complete");
    write_attempt(x, t, view_str(error_info(x->error.code)->wire), NULL);
    return ATTEMPT_FINAL;
}

/* Nothing is wrong with the node. */
static enum attempt_outcome too_long(struct exchange *x, struct attempt *t)
{
    struct node *n = t->use.node;

    (void)node_answered(n, &x->config->breaker, 0);
    write_attempt(x, t, view_str(error_info(ERROR_PROMPT_TOO_LONG)->wire), NULL);
    if (windows_wider_node(x, t->candidate, n)) {
        windows_exceeded(x, t->candidate, n);
        return ATTEMPT_NEXT;
    }
    x->too_long |= ~windows_wider(x, t->candidate);
    return ATTEMPT_NEXT_MODEL;
}

/* `broke`: the client had its first bytes. */
static enum attempt_outcome failed(struct exchange *x, struct attempt *t, bool broke)
{
    struct node *n = t->use.node;
    const struct llm_usage *used = NULL;

    if (broke) {
        x->node = n;
        x->answered_by = t->candidate;
        used = continue_part(x, t->candidate);
    }
    write_attempt(x, t, view_str(error_info(x->error.code)->wire), used);
    if (x->error.code == ERROR_GATE) /* says nothing about the backend */
        return screen_stopped(x) ? ATTEMPT_NEXT_MODEL : ATTEMPT_FINAL;
    if (!error_info(x->error.code)->may_fail_over)
        return ATTEMPT_FINAL; /* Weir's own trouble, such as too little memory */
    stats_attempt_failed(&x->gateway->stats, t->candidate->backend_name, n->side);
    if (x->error.code == ERROR_NOT_INSIDE)
        log_node_not_inside(n, &x->error);
    x->retry_after_ms = t->retry_after_ms;
    enum blame blame = blame_failure(x, n, t->call.head.status, t->retry_after_ms);
    if (broke)
        return ATTEMPT_BROKEN;
    if (x->error.code == ERROR_NOT_CONTINUED) {
        continue_unable(x, t->candidate);
        return ATTEMPT_NEXT_MODEL;
    }
    rounds_note_failure(x, t->call.head.status, t->retry_after_ms);
    return blame == BLAME_KEY ? ATTEMPT_NEXT_MODEL : ATTEMPT_NEXT; /* its nodes share the key */
}

static enum attempt_outcome conclude(struct exchange *x, struct attempt *t,
                                     enum deliver_result result)
{
    switch (result) {
    case DELIVER_DONE:
        return answered(x, t);
    case DELIVER_CANCELLED:
        return cancelled(x, t);
    case DELIVER_TOO_LONG:
        return too_long(x, t);
    case DELIVER_CUT:
    case DELIVER_FAILED:
        break;
    }
    return failed(x, t, result == DELIVER_CUT);
}

enum attempt_outcome attempt_node(struct exchange *x, const struct plan_candidate *candidate,
                                  struct node *node)
{
    struct attempt t = {.candidate = candidate,
                        .backend = &x->config->backends[candidate->backend],
                        .began_ns = clock_mono_ns()};

    if (!node_begin(node, &t.use))
        return ATTEMPT_NEXT; /* open, and somebody else tries it already */
    t.arena = arena_new_child(x->arena);
    if (!t.arena) {
        node_end(&t.use, 0);
        error_set(&x->error, ERROR_NO_MEMORY, "no memory for an attempt");
        return ATTEMPT_FINAL;
    }
    t.deadline_ns = t.began_ns + t.backend->total_ms * NS_PER_MS;
    if (t.deadline_ns > x->deadline_ns)
        t.deadline_ns = x->deadline_ns;

    x->error.code = ERROR_NONE;
    enum deliver_result result = ask(x, &t) ? receive(x, &t) : DELIVER_FAILED;
    if (result == DELIVER_DONE && !race_claim(x))
        result = DELIVER_CANCELLED;
    if (x->error.code == ERROR_CANCELLED)
        result = DELIVER_CANCELLED;
    tell_first_token(x, &t);
    enum attempt_outcome outcome = conclude(x, &t, result);

    http_call_end(&t.call);
    uint64_t tokens =
        outcome == ATTEMPT_ANSWERED ? (uint64_t)x->answer.usage.input + x->answer.usage.output : 0;
    int64_t share_ns = node_end(&t.use, tokens);
    if (x->node == node)
        x->share_ns = share_ns;
    if (outcome == ATTEMPT_NEXT || outcome == ATTEMPT_NEXT_MODEL || outcome == ATTEMPT_LOST)
        arena_free(t.arena); /* an answer's bytes may still be held in it */
    return outcome;
}
