/*
 * Candidates in turn, until one has answered. An attempt may fail in many ways; as long as nothing
 * reached the client the next candidate is asked. One deadline covers the whole chain.
 */
#include "base/clock.h"
#include "fleet/overflow.h"
#include "gateway/attempts.h"
#include "gateway/continue.h"
#include "gateway/hedge.h"
#include "gateway/queue.h"
#include "gateway/rounds.h"
#include "gateway/screen.h"
#include "gateway/split.h"
#include "gateway/windows.h"
#include "run/task.h"

enum { ATTEMPTS_MAX_BYTES = 16 * 1024 };

/* A round through the plan and the desperate one behind it. */
struct round {
    struct rounds *rounds;
    /* A bit for each node of each candidate: nobody is asked twice. */
    struct fleet_tried *tried;
    /* A bit for each candidate that was passed over because it is full; the desperate round has
     * none. */
    uint32_t full;
};

static enum attempt_outcome attempt(struct exchange *x, struct round *r, unsigned i,
                                    struct node *node)
{
    if (x->n_attempts >= ATTEMPTS_MAX || clock_mono_ns() >= x->deadline_ns)
        return ATTEMPT_FINAL;
    if (x->n_attempts > r->rounds->first_attempt)
        atomic_fetch_add_explicit(&x->gateway->stats.failovers, 1, memory_order_relaxed);
    return hedge_attempt(x, i, node, r->tried);
}

static struct fleet_wish wish_for(const struct exchange *x, unsigned i, bool desperate)
{
    const struct plan_candidate *c = &x->plan->candidates[i];

    return (struct fleet_wish){.backend = c->backend,
                               .model = c->model,
                               .desperate = desperate,
                               .roomy = !desperate,
                               .tokens = windows_needed(x, c),
                               .affinity = x->config->affinity ? x->gateway->affinity : NULL,
                               .prompt = x->prompt,
                               .arena = x->arena};
}

/* The candidate's nodes that have room. `ATTEMPT_NEXT`: none of them answered. */
static enum attempt_outcome attempt_nodes(struct exchange *x, struct round *r, unsigned i,
                                          bool desperate)
{
    struct fleet_wish wish = wish_for(x, i, desperate);
    struct node *node;

    while ((node = fleet_pick(x->fleet, &wish, &r->tried[i]))) {
        if (!rounds_may_ask(x, r->rounds, i))
            return ATTEMPT_NEXT_MODEL;
        enum attempt_outcome outcome = attempt(x, r, i, node);
        if (outcome != ATTEMPT_NEXT)
            return outcome;
        wish = wish_for(x, i, desperate); /* the node may have found that it needs a wider window */
    }
    if (!desperate && overflow_passes(x->fleet, &wish, &r->tried[i]))
        r->full |= UINT32_C(1) << i;
    return ATTEMPT_NEXT;
}

/* The desperate round asks those whose breakers are open, too. */
static enum attempt_outcome attempt_all(struct exchange *x, struct round *r, bool desperate)
{
    r->full = 0;
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        if (x->too_long & (UINT32_C(1) << i) || (continue_going(x) && !continue_fits(x, c)))
            continue;
        enum screen_verdict verdict = c->leaves ? screen_verdict(x) : SCREEN_PASS;
        if (verdict == SCREEN_END)
            return ATTEMPT_FINAL;
        if (verdict == SCREEN_SPLIT && !continue_going(x) && !split_run(x, c))
            return ATTEMPT_FINAL;
        if (verdict != SCREEN_PASS || (continue_going(x) && !continue_may_leave(x, c)))
            continue;
        enum attempt_outcome outcome = attempt_nodes(x, r, i, desperate);
        if (outcome != ATTEMPT_NEXT && outcome != ATTEMPT_NEXT_MODEL)
            return outcome;
    }
    return ATTEMPT_NEXT;
}

/* Waits until one of those that were full has room, and asks it. */
static OWN_FRAME enum attempt_outcome attempt_in_turn(struct exchange *x, struct round *r)
{
    struct waiting_place places[PLAN_MAX_CANDIDATES];
    unsigned n = 0, place;
    struct node *node;

    for (unsigned i = 0; i < x->plan->n_candidates; i++)
        if (r->full & UINT32_C(1) << i)
            places[n++] = (struct waiting_place){wish_for(x, i, false), &r->tried[i]};
    if (x->n_attempts >= ATTEMPTS_MAX || !queue_for_room(x, places, n, &place, &node))
        return ATTEMPT_FINAL;
    return attempt(x, r, (unsigned)(places[place].tried - r->tried), node);
}

/* Those with room, in the order of the plan; while there are only full ones, whoever has room
 * first; when all have failed, in the first round those too that are down. */
static enum attempt_outcome attempt_round(struct exchange *x, struct round *r)
{
    enum attempt_outcome outcome = attempt_all(x, r, false);

    while (outcome == ATTEMPT_NEXT && r->full != 0) {
        outcome = attempt_in_turn(x, r);
        if (outcome == ATTEMPT_NEXT || outcome == ATTEMPT_NEXT_MODEL)
            outcome = attempt_all(x, r, false);
    }
    return outcome == ATTEMPT_NEXT && r->rounds->over == 0 ? attempt_all(x, r, true) : outcome;
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

/* For a round; false: no memory. It lies in no frame, which streams would hold as long as they
 * live. */
static bool round_begin(struct exchange *x, struct round *r)
{
    r->tried = arena_new_array(x->arena, struct fleet_tried, x->plan->n_candidates);
    return r->tried || error_set(&x->error, ERROR_NO_MEMORY, "no memory for an attempt");
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
static OWN_FRAME bool go_on(struct exchange *x)
{
    struct round round = {.full = 0};
    enum attempt_outcome outcome = ATTEMPT_BROKEN;
    bool progress = false, more;

    if (!round_begin(x, &round))
        return continue_gave_up(x);
    while (outcome == ATTEMPT_BROKEN) {
        struct rounds rounds = {.again_ns = TIMER_NEVER};
        enum continue_step step = continue_begin(x, &more);
        if (step == CONTINUE_ENDED)
            return true;
        if (step == CONTINUE_NOT)
            break;
        progress |= more;
        x->may_pass = RETRY_FAILED;
        round.rounds = &rounds;
        set_tried(x, round.tried);
        outcome = attempt_round(x, &round);
        while (outcome == ATTEMPT_NEXT &&
               (progress || (x->may_pass != RETRY_FAILED && rounds_again(x, &rounds)))) {
            progress = false;
            memset(round.tried, 0, x->plan->n_candidates * sizeof(*round.tried));
            set_tried(x, round.tried);
            outcome = attempt_round(x, &round);
        }
    }
    return outcome == ATTEMPT_ANSWERED || continue_gave_up(x);
}

/* Round after round, as long as a pause may help. */
static enum attempt_outcome attempt_rounds(struct exchange *x, struct rounds *rounds)
{
    enum attempt_outcome outcome;

    do {
        struct round round = {.rounds = rounds};
        outcome = round_begin(x, &round) ? attempt_round(x, &round) : ATTEMPT_FINAL;
    } while (outcome == ATTEMPT_NEXT && x->n_attempts < ATTEMPTS_MAX && rounds_again(x, rounds));
    return outcome;
}

bool exchange_attempt(struct exchange *x)
{
    struct rounds rounds = {.again_ns = TIMER_NEVER};

    x->attempts = BUF_MAX(ATTEMPTS_MAX_BYTES);
    x->deadline_ns = x->began_ns + chain_total_ms(x) * NS_PER_MS;
    io_watch_peer(&x->client->stream.io, task_current());
    fleet_count_request(x->fleet);
    enum attempt_outcome outcome = attempt_rounds(x, &rounds);
    if (outcome == ATTEMPT_ANSWERED)
        return true;
    if (outcome == ATTEMPT_BROKEN)
        return go_on(x);
    bool told =
        outcome == ATTEMPT_FINAL ? x->error.code != ERROR_NONE : x->error.code == ERROR_CLIENT_GONE;
    return told ? false : nobody_left(x, &rounds);
}
