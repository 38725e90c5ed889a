/*
 * Candidates in turn, until one has answered. An attempt may fail in many ways; as long as nothing
 * reached the client the next candidate is asked. One deadline covers the whole chain.
 */
#include "base/clock.h"
#include "gateway/attempts.h"
#include "gateway/log.h"
#include "gateway/screen.h"
#include "gateway/send.h"
#include "gateway/split.h"
#include "gateway/translate.h"
#include "http/retry.h"
#include "run/task.h"

enum {
    MAX_ATTEMPTS = 16,
    ATTEMPTS_MAX_BYTES = 16 * 1024,
};

/* What an attempt came to. */
enum outcome { OUTCOME_ANSWERED, OUTCOME_NEXT, OUTCOME_NEXT_MODEL, OUTCOME_FINAL };

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
    struct llm_request *worded = screen_request(x, t->candidate->leaves);
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
    x->mask = screen_mask(x, t->candidate->leaves);
    return translate_request(x, worded, t->asked, &rewrite, t->arena, &send.body) &&
           send_request(x, &send, t->arena, &t->call);
}

/* ---- the answer ----------------------------------------------------------------------------- */

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

/* ---- windows --------------------------------------------------------------------------------- */

/* Tokens; 0: not known. */
static uint32_t window_of(const struct policy_fleet *fleet, const struct plan_candidate *c)
{
    const struct policy_backend *b = &fleet->backends[c->backend];

    for (unsigned i = 0; i < b->n_models; i++)
        if (view_eq(b->models[i].name, c->model))
            return b->models[i].window;
    return 0;
}

/* A bit for each candidate that may have room for what does not fit into this one's window: those
 * with a larger window, or where one of the two is not known. */
static uint32_t wider_ones(const struct exchange *x, const struct plan_candidate *than)
{
    struct policy_fleet fleet;
    uint32_t wider = 0;

    if (!fleet_view(x->fleet, x->arena, &fleet))
        return 0;
    uint32_t window = window_of(&fleet, than);
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        uint32_t other = window_of(&fleet, c);
        bool tried = c == than || (x->too_long & (UINT32_C(1) << i)) != 0;
        if (!tried && !c->barred && (window == 0 || other == 0 || other > window))
            wider |= UINT32_C(1) << i;
    }
    return wider;
}

static bool may_go_on(const struct exchange *x, const struct plan_candidate *from)
{
    return wider_ones(x, from) >> (from - x->plan->candidates + 1) != 0; /* one behind it */
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
    x->answer = (struct llm_answer){.dialect = x->request.dialect,
                                    .model = x->request.model,
                                    .id = x->turn ? x->turn->id : VIEW_NONE,
                                    .hide_usage = !x->request.include_usage};
    if (status != 200) {
        x->answer.usage.reported = true; /* nobody charges for what was refused */
        return deliver_refusal(x, &t->call, t->deadline_ns, t->asked, t->arena,
                               may_go_on(x, t->candidate));
    }
    if (!x->request.stream)
        return deliver_plain(x, &t->call, t->asked, t->deadline_ns, t->arena);
    if (!is_stream(&t->call.head, t->asked)) {
        error_set(&x->error, ERROR_UPSTREAM_PROTOCOL, "a stream was asked for and none came");
        return DELIVER_FAILED;
    }
    return deliver_stream(x, &t->call, t->asked, t->backend->between_tokens_ms * NS_PER_MS,
                          t->began_ns + t->backend->first_token_ms * NS_PER_MS, t->deadline_ns);
}

/* ---- one attempt ---------------------------------------------------------------------------- */

static void write_attempt(struct exchange *x, const struct attempt *t, struct view outcome)
{
    attempts_add(x, &(struct attempt_note){.candidate = t->candidate,
                                           .node = t->use.node,
                                           .outcome = outcome,
                                           .ms = (loop_now_ns() - t->began_ns) / NS_PER_MS,
                                           .status = t->call.head.status});
}

/* Whether a failed attempt speaks against the node itself; not when it only lacks the model or the
 * endpoint. */
static bool blames_node(const struct exchange *x, const struct attempt *t)
{
    bool lacks =
        x->error.code == ERROR_UPSTREAM_STATUS &&
        (t->call.head.status == 404 || t->call.head.status == 405 || t->call.head.status == 501);
    return !lacks;
}

static enum outcome conclude(struct exchange *x, struct attempt *t, enum deliver_result result)
{
    struct node *n = t->use.node;

    switch (result) {
    case DELIVER_DONE:
        x->error.code = ERROR_NONE; /* what a retry overcame is no error */
        node_succeeded(n);
        x->node = n;
        x->answered_by = t->candidate;
        x->peer = t->call.peer;
        write_attempt(x, t, x->outcome);
        return OUTCOME_ANSWERED;
    case DELIVER_CANCELLED:
        x->node = t->call.sent ? n : NULL; /* nobody charges for what was never asked */
        x->answered_by = t->call.sent ? t->candidate : NULL;
        error_set(&x->error, ERROR_CLIENT_GONE, "the client left before its answer was complete");
        break;
    case DELIVER_CUT:
        x->node = n;
        x->answered_by = t->candidate;
        atomic_fetch_add_explicit(&x->gateway->stats.cut_streams, 1, memory_order_relaxed);
        break;
    case DELIVER_TOO_LONG: /* nothing is wrong with the node */
        node_succeeded(n);
        x->too_long |= ~wider_ones(x, t->candidate);
        write_attempt(x, t, view_str(error_info(ERROR_PROMPT_TOO_LONG)->wire));
        return OUTCOME_NEXT_MODEL;
    case DELIVER_FAILED:
        break;
    }
    write_attempt(x, t, view_str(error_info(x->error.code)->wire));
    if (result == DELIVER_CANCELLED)
        return OUTCOME_FINAL;
    if (x->error.code == ERROR_GATE) /* says nothing about the backend */
        return screen_stopped(x) ? OUTCOME_NEXT_MODEL : OUTCOME_FINAL;
    if (!error_info(x->error.code)->may_fail_over)
        return OUTCOME_FINAL; /* Weir's own trouble, such as too little memory */
    stats_attempt_failed(&x->gateway->stats, t->candidate->backend_name, n->side);
    if (x->error.code == ERROR_NOT_INSIDE)
        log_node_not_inside(n, &x->error);
    if (blames_node(x, t) &&
        node_failed(n, &x->error, x->config->breaker_failures, t->retry_after_ms))
        log_node_opened(n, &x->error);
    x->retry_after_ms = t->retry_after_ms;
    return result == DELIVER_FAILED ? OUTCOME_NEXT : OUTCOME_FINAL;
}

static enum outcome attempt_node(struct exchange *x, const struct plan_candidate *candidate,
                                 struct node *node)
{
    struct attempt t = {.candidate = candidate,
                        .backend = &x->config->backends[candidate->backend],
                        .began_ns = clock_mono_ns()};

    if (!node_begin(node, &t.use))
        return OUTCOME_NEXT; /* open, and somebody else tries it already */
    if (x->n_attempts > 0)
        atomic_fetch_add_explicit(&x->gateway->stats.failovers, 1, memory_order_relaxed);
    t.arena = arena_new_child(x->arena);
    if (!t.arena) {
        node_end(&t.use, 0);
        error_set(&x->error, ERROR_NO_MEMORY, "no memory for an attempt");
        return OUTCOME_FINAL;
    }
    t.deadline_ns = t.began_ns + t.backend->total_ms * NS_PER_MS;
    if (t.deadline_ns > x->deadline_ns)
        t.deadline_ns = x->deadline_ns;

    x->error.code = ERROR_NONE;
    enum deliver_result result = ask(x, &t) ? receive(x, &t) : DELIVER_FAILED;
    if (x->error.code == ERROR_CANCELLED)
        result = DELIVER_CANCELLED;
    enum outcome outcome = conclude(x, &t, result);

    http_call_end(&t.call);
    uint64_t tokens =
        outcome == OUTCOME_ANSWERED ? (uint64_t)x->answer.usage.input + x->answer.usage.output : 0;
    int64_t share_ns = node_end(&t.use, tokens);
    if (x->node == node)
        x->share_ns = share_ns;
    if (outcome == OUTCOME_NEXT || outcome == OUTCOME_NEXT_MODEL)
        arena_free(t.arena); /* an answer's bytes may still be held in it */
    return outcome;
}

/* ---- the chain ------------------------------------------------------------------------------ */

/* `tried` has a bit for each node of each candidate: nobody is asked twice in a round and the
 * desperate one behind it, which asks those whose breakers are open. */
static enum outcome attempt_all(struct exchange *x, uint64_t *tried, bool desperate)
{
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        struct node *node;
        if (x->too_long & (UINT32_C(1) << i))
            continue;
        enum screen_verdict verdict = c->leaves ? screen_verdict(x) : SCREEN_PASS;
        if (verdict == SCREEN_END)
            return OUTCOME_FINAL;
        if (verdict == SCREEN_SPLIT && !split_run(x, c))
            return OUTCOME_FINAL;
        if (verdict != SCREEN_PASS)
            continue;
        while ((node = fleet_pick(x->fleet, c->backend, c->model, &tried[i], desperate))) {

            if (x->n_attempts >= MAX_ATTEMPTS || clock_mono_ns() >= x->deadline_ns)
                return OUTCOME_FINAL;
            enum outcome outcome = attempt_node(x, c, node);
            if (outcome == OUTCOME_NEXT_MODEL)
                break;
            if (outcome != OUTCOME_NEXT)
                return outcome;
        }
    }
    return OUTCOME_NEXT;
}

/* The earliest time at which somebody who asked us to wait may be asked again. */
static int64_t retry_at(struct exchange *x)
{
    int64_t earliest = TIMER_NEVER;

    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        int64_t at = fleet_retry_at(x->fleet, c->backend);
        if (at < earliest && !c->barred && !(x->too_long & (UINT32_C(1) << i)))
            earliest = at;
    }
    return earliest;
}

static int64_t chain_total_ms(const struct exchange *x)
{
    int64_t longest = 0;

    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        int64_t ms = x->config->backends[x->plan->candidates[i].backend].total_ms;
        if (ms > longest)
            longest = ms;
    }
    return longest;
}

static bool nobody_left(struct exchange *x, int64_t again_ns)
{
    int64_t now = clock_mono_ns();

    if (again_ns != TIMER_NEVER)
        x->retry_after_ms = (again_ns - now) / NS_PER_MS + 1;
    else if (x->retry_after_ms == 0)
        x->retry_after_ms = x->config->breaker_open_ms;
    if (now >= x->deadline_ns)
        return error_set(&x->error, ERROR_DEADLINE, "no answer before this request's deadline");
    struct error last = x->error;
    if (x->n_attempts == 0)
        error_set(&x->error, ERROR_NO_BACKEND, "no backend can be asked right now");
    else
        error_set(&x->error, ERROR_NO_BACKEND,
                  "none of %u attempts was answered; the last one: %.120s", x->n_attempts,
                  last.text);
    return error_hint(&x->error, "Try again later; `weir check` says which backends answer.");
}

bool exchange_attempt(struct exchange *x)
{
    x->attempts = BUF_MAX(ATTEMPTS_MAX_BYTES);
    x->deadline_ns = x->began_ns + chain_total_ms(x) * NS_PER_MS;
    io_watch_peer(&x->client->stream.io, task_current());
    for (;;) {
        uint64_t tried[PLAN_MAX_CANDIDATES] = {0};
        enum outcome outcome = attempt_all(x, tried, false);
        if (outcome == OUTCOME_NEXT)
            outcome = attempt_all(x, tried, true);
        if (outcome == OUTCOME_ANSWERED)
            return true;
        if (outcome == OUTCOME_FINAL)
            return x->error.code != ERROR_NONE ? false : nobody_left(x, TIMER_NEVER);
        int64_t again = retry_at(x);
        if (again == TIMER_NEVER || again >= x->deadline_ns || x->n_attempts >= MAX_ATTEMPTS)
            return nobody_left(x, again);
        if (task_park(again, TASK_CANCELLABLE) == WAIT_CANCELLED)
            return error_set(&x->error, ERROR_CLIENT_GONE, "the client left while waiting");
    }
}
