/*
 * Candidates in turn, until one has answered. An attempt may fail in many ways; as long as nothing
 * reached the client the next candidate is asked. One deadline covers the whole chain.
 */
#include "base/clock.h"
#include "gateway/attempts.h"
#include "gateway/continue.h"
#include "gateway/hedge.h"
#include "gateway/rounds.h"
#include "gateway/screen.h"
#include "gateway/split.h"
#include "gateway/windows.h"
#include "run/task.h"

enum { ATTEMPTS_MAX_BYTES = 16 * 1024 };

/* `tried` has a bit for each node of each candidate: nobody is asked twice in a round. The first
 * one has a desperate one behind it, which asks those whose breakers are open. */
static enum attempt_outcome attempt_all(struct exchange *x, struct rounds *rounds,
                                        struct fleet_tried *tried, bool desperate)
{
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        struct node *node;
        if (x->too_long & (UINT32_C(1) << i) || (continue_going(x) && !continue_fits(x, c)))
            continue;
        enum screen_verdict verdict = c->leaves ? screen_verdict(x) : SCREEN_PASS;
        if (verdict == SCREEN_END)
            return ATTEMPT_FINAL;
        if (verdict == SCREEN_SPLIT && !continue_going(x) && !split_run(x, c))
            return ATTEMPT_FINAL;
        if (verdict != SCREEN_PASS || (continue_going(x) && !continue_may_leave(x, c)))
            continue;
        struct fleet_wish wish = {.backend = c->backend,
                                  .model = c->model,
                                  .desperate = desperate,
                                  .tokens = windows_needed(x, c),
                                  .affinity = x->config->affinity ? x->gateway->affinity : NULL,
                                  .prompt = &x->prompt,
                                  .arena = x->arena};
        while ((node = fleet_pick(x->fleet, &wish, &tried[i])) && rounds_may_ask(x, rounds, i)) {
            if (x->n_attempts >= ATTEMPTS_MAX || clock_mono_ns() >= x->deadline_ns)
                return ATTEMPT_FINAL;
            if (x->n_attempts > rounds->first_attempt)
                atomic_fetch_add_explicit(&x->gateway->stats.failovers, 1, memory_order_relaxed);
            enum attempt_outcome outcome = hedge_attempt(x, i, node, tried);
            if (outcome == ATTEMPT_NEXT_MODEL)
                break;
            if (outcome != ATTEMPT_NEXT)
                return outcome;
            wish.tokens = windows_needed(x, c); /* the node may have found that it is more */
        }
    }
    return ATTEMPT_NEXT;
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

static bool nobody_left(struct exchange *x, const struct rounds *rounds)
{
    int64_t now = clock_mono_ns();

    if (rounds->again_ns != TIMER_NEVER)
        x->retry_after_ms = (rounds->again_ns - now) / NS_PER_MS + 1;
    else if (x->retry_after_ms == 0)
        x->retry_after_ms = x->config->breaker.open_ms;
    if (now >= x->deadline_ns)
        return error_set(&x->error, ERROR_DEADLINE, "no answer before this request's deadline");
    struct error last = x->error;
    if (x->n_attempts == 0)
        error_set(&x->error, ERROR_NO_BACKEND, "no backend can be asked right now");
    else
        error_set(&x->error, ERROR_NO_BACKEND,
                  "none of %u attempts was answered%s; the last one: %.120s", x->n_attempts,
                  rounds->exhausted ? " and the retry budget is used up" : "", last.text);
    return error_hint(&x->error, "Try again later; `weir check` says which backends answer.");
}

/* The candidates in turn, and in the first round those too whose breakers are open. */
static enum attempt_outcome attempt_round(struct exchange *x, struct rounds *rounds,
                                          struct fleet_tried *tried)
{
    enum attempt_outcome outcome = attempt_all(x, rounds, tried, false);

    return outcome == ATTEMPT_NEXT && rounds->over == 0 ? attempt_all(x, rounds, tried, true)
                                                        : outcome;
}

static void set_tried(struct exchange *x, struct fleet_tried *tried)
{
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        struct fleet_wish wish = {.backend = x->plan->candidates[i].backend, .arena = x->arena};
        fleet_set_tried(x->fleet, &wish, x->node, &tried[i]);
    }
}

/* A stream that broke goes on with somebody else, as often as it must: first with those that have
 * not broken it, then with all but the last one, as long as more is said or a pause may help. */
static bool go_on(struct exchange *x)
{
    struct fleet_tried tried[PLAN_MAX_CANDIDATES] = {0};
    enum attempt_outcome outcome = ATTEMPT_BROKEN;
    bool progress = false, more;

    while (outcome == ATTEMPT_BROKEN) {
        struct rounds rounds = {.again_ns = TIMER_NEVER};
        enum continue_step step = continue_begin(x, &more);
        if (step == CONTINUE_ENDED)
            return true;
        if (step == CONTINUE_NOT)
            break;
        progress |= more;
        x->may_pass = RETRY_FAILED;
        set_tried(x, tried);
        outcome = attempt_round(x, &rounds, tried);
        while (outcome == ATTEMPT_NEXT &&
               (progress || (x->may_pass != RETRY_FAILED && rounds_again(x, &rounds)))) {
            progress = false;
            memset(tried, 0, sizeof(tried));
            set_tried(x, tried);
            outcome = attempt_round(x, &rounds, tried);
        }
    }
    return outcome == ATTEMPT_ANSWERED || continue_gave_up(x);
}

bool exchange_attempt(struct exchange *x)
{
    struct rounds rounds = {.again_ns = TIMER_NEVER};

    x->attempts = BUF_MAX(ATTEMPTS_MAX_BYTES);
    x->deadline_ns = x->began_ns + chain_total_ms(x) * NS_PER_MS;
    io_watch_peer(&x->client->stream.io, task_current());
    fleet_count_request(x->fleet);
    for (;;) {
        struct fleet_tried tried[PLAN_MAX_CANDIDATES] = {0};
        enum attempt_outcome outcome = attempt_round(x, &rounds, tried);
        if (outcome == ATTEMPT_ANSWERED)
            return true;
        if (outcome == ATTEMPT_BROKEN)
            return go_on(x);
        if (outcome == ATTEMPT_FINAL)
            return x->error.code != ERROR_NONE ? false : nobody_left(x, &rounds);
        if (x->n_attempts >= ATTEMPTS_MAX || !rounds_again(x, &rounds))
            return x->error.code == ERROR_CLIENT_GONE ? false : nobody_left(x, &rounds);
    }
}
