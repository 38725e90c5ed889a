/*
 * Candidates in turn, until one has answered. An attempt may fail in many ways; as long as nothing
 * reached the client the next candidate is asked. One deadline covers the whole chain.
 */
#include "base/clock.h"
#include "gateway/attempt_node.h"
#include "gateway/attempts.h"
#include "gateway/screen.h"
#include "gateway/split.h"
#include "run/task.h"

enum { ATTEMPTS_MAX_BYTES = 16 * 1024 };

/* `tried` has a bit for each node of each candidate: nobody is asked twice in a round and the
 * desperate one behind it, which asks those whose breakers are open. */
static enum attempt_outcome attempt_all(struct exchange *x, struct fleet_tried *tried,
                                        bool desperate)
{
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        struct node *node;
        if (x->too_long & (UINT32_C(1) << i))
            continue;
        enum screen_verdict verdict = c->leaves ? screen_verdict(x) : SCREEN_PASS;
        if (verdict == SCREEN_END)
            return ATTEMPT_FINAL;
        if (verdict == SCREEN_SPLIT && !split_run(x, c))
            return ATTEMPT_FINAL;
        if (verdict != SCREEN_PASS)
            continue;
        struct fleet_wish wish = {.backend = c->backend,
                                  .model = c->model,
                                  .desperate = desperate,
                                  .affinity = x->config->affinity ? x->gateway->affinity : NULL,
                                  .prompt = &x->prompt};
        while ((node = fleet_pick(x->fleet, &wish, &tried[i]))) {
            if (x->n_attempts >= ATTEMPTS_MAX || clock_mono_ns() >= x->deadline_ns)
                return ATTEMPT_FINAL;
            enum attempt_outcome outcome = attempt_node(x, c, node);
            if (outcome == ATTEMPT_NEXT_MODEL)
                break;
            if (outcome != ATTEMPT_NEXT)
                return outcome;
        }
    }
    return ATTEMPT_NEXT;
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
        struct fleet_tried tried[PLAN_MAX_CANDIDATES] = {0};
        enum attempt_outcome outcome = attempt_all(x, tried, false);
        if (outcome == ATTEMPT_NEXT)
            outcome = attempt_all(x, tried, true);
        if (outcome == ATTEMPT_ANSWERED)
            return true;
        if (outcome == ATTEMPT_FINAL)
            return x->error.code != ERROR_NONE ? false : nobody_left(x, TIMER_NEVER);
        int64_t again = retry_at(x);
        if (again == TIMER_NEVER || again >= x->deadline_ns || x->n_attempts >= ATTEMPTS_MAX)
            return nobody_left(x, again);
        if (task_park(again, TASK_CANCELLABLE) == WAIT_CANCELLED)
            return error_set(&x->error, ERROR_CLIENT_GONE, "the client left while waiting");
    }
}
