#include "gateway/race.h"

#include "gateway/translate.h"
#include "run/task.h"

static bool runs(const struct race_runner *r)
{
    return r->task && !r->over;
}

/* ---- an attempt's task ----------------------------------------------------------------------- */

static void run(void *arg)
{
    struct race_runner *r = arg;

    r->outcome = attempt_node(r->x, r->candidate, r->node);
    r->over = true;
    task_wake(r->race->referee);
    if (r->race->claimant)
        task_wake(r->race->claimant);
}

static bool begin(struct race_runner *r)
{
    r->x->runner = r;
    r->task = task_spawn(loop_current(), "attempt", run, r);
    if (!r->task)
        r->x->runner = NULL;
    return r->task != NULL;
}

static void cancel(struct race_runner *r)
{
    if (runs(r))
        task_cancel(r->task);
}

bool race_claim(struct exchange *x)
{
    struct race_runner *r = x->runner;

    if (!r)
        return true;
    struct race *race = r->race;
    struct race_runner *other = r == &race->first ? &race->second : &race->first;
    if (!race->winner) {
        race->winner = r;
        race->claimant = task_current();
        cancel(other);
        while (runs(other)) /* a cancelled attempt unwinds in its next turn */
            if (task_park(TIMER_NEVER, TASK_UNCANCELLABLE) != WAIT_READY)
                break;
        race->claimant = NULL;
    }
    return race->winner == r || error_set(&x->error, ERROR_CANCELLED, "another attempt was faster");
}

bool race_lost(const struct exchange *x)
{
    return x->runner && x->runner->race->winner && x->runner->race->winner != x->runner;
}

/* ---- two exchanges in one -------------------------------------------------------------------- */

/* A copy that can be answered beside the exchange itself: with books of its own. */
static struct exchange *copy_of(struct exchange *x)
{
    struct exchange *copy = arena_new_of(x->arena, struct exchange);

    if (!copy)
        return NULL;
    *copy = *x;
    copy->attempts = BUF_MAX(x->attempts.max);
    copy->sent = copy->portions = BUF_MAX(0);
    copy->n_attempts = 0;
    copy->error.code = ERROR_NONE;
    copy->continuation = NULL; /* each keeps what it says itself */
    return copy;
}

/* "[a" and "[b" become "[a,b". */
static void join(struct buf *list, struct buf *more)
{
    if (list->len == 0) {
        buf_done(list);
        *list = *more;
        return;
    }
    if (more->len > 0) {
        buf_append_char(list, ',');
        buf_append(list, view_skip(buf_view(more), 1));
    }
    list->failed = list->failed || more->failed;
    buf_done(more);
}

static void join_books(struct exchange *x, struct exchange *copy)
{
    join(&x->attempts, &copy->attempts);
    join(&x->sent, &copy->sent);
    join(&x->portions, &copy->portions);
    x->n_attempts += copy->n_attempts;
    x->too_long |= copy->too_long;
    if (copy->least_window > x->least_window)
        x->least_window = copy->least_window;
    if (x->may_pass == RETRY_FAILED)
        x->may_pass = copy->may_pass;
}

/* The copy's answer (or error) is the exchange's; the books have been joined. */
static void take_over(struct exchange *x, struct exchange *copy)
{
    copy->attempts = x->attempts;
    copy->sent = x->sent;
    copy->portions = x->portions;
    copy->n_attempts = x->n_attempts;
    copy->too_long = x->too_long;
    copy->least_window = x->least_window;
    copy->may_pass = x->may_pass;
    copy->steps_cost_nano = x->steps_cost_nano;
    copy->runner = NULL;
    *x = *copy;
    if (x->translation)
        x->translation->answer = &x->answer;
}

static void book_cost(struct exchange *x, const struct exchange *loser)
{
    if (!loser->answered_by) /* the request never left */
        return;
    struct llm_usage usage = account_usage(loser);
    int64_t cost = account_cost(loser, loser->answered_by, &usage, loser->share_ns);
    x->steps_cost_nano = cost == LEDGER_UNPRICED || x->steps_cost_nano == LEDGER_UNPRICED
                             ? LEDGER_UNPRICED
                             : x->steps_cost_nano + cost;
}

/* What has become of both is what has become of the attempt. */
static enum attempt_outcome settle(struct race *race)
{
    struct race_runner *first = &race->first, *second = &race->second;
    struct exchange *x = first->x;

    join_books(x, second->x);
    if (first->outcome == ATTEMPT_LOST)
        book_cost(x, x);
    else if (second->outcome == ATTEMPT_LOST)
        book_cost(x, second->x);
    bool seconds = race->winner == second || (!race->winner && second->outcome == ATTEMPT_FINAL);
    if (seconds) {
        take_over(x, second->x);
        return second->outcome;
    }
    if (!race->winner && second->outcome == ATTEMPT_NEXT_MODEL &&
        second->candidate == first->candidate)
        return ATTEMPT_NEXT_MODEL;
    return first->outcome;
}

/* ---- the referee ----------------------------------------------------------------------------- */

static bool somebody_runs(const struct race *race)
{
    return runs(&race->first) || runs(&race->second);
}

/* Until both are over, or that time. A client that leaves is left by both. */
static void wait_for_both(struct race *race, int64_t until_ns)
{
    enum wait_result result = WAIT_READY;

    while (somebody_runs(race) && result == WAIT_READY)
        result = task_park(until_ns, TASK_CANCELLABLE);
    if (result != WAIT_CANCELLED)
        return;
    cancel(&race->first);
    cancel(&race->second);
    while (somebody_runs(race))
        if (task_park(TIMER_NEVER, TASK_UNCANCELLABLE) != WAIT_READY)
            break;
}

bool race_begin(struct race *race, struct exchange *x, const struct plan_candidate *candidate,
                struct node *node)
{
    *race = (struct race){
        .first = {.race = race, .x = x, .candidate = candidate, .node = node},
        .referee = task_current(),
    };
    return begin(&race->first);
}

bool race_is_open(struct race *race, int64_t until_ns)
{
    wait_for_both(race, until_ns);
    return runs(&race->first) && !race->winner;
}

bool race_join(struct race *race, const struct plan_candidate *candidate, struct node *node)
{
    race->second = (struct race_runner){
        .race = race, .x = copy_of(race->first.x), .candidate = candidate, .node = node};
    return race->second.x && begin(&race->second);
}

enum attempt_outcome race_end(struct race *race)
{
    if (somebody_runs(race))
        task_trim_stack(); /* the rest may take as long as a stream lives */
    wait_for_both(race, TIMER_NEVER);
    race->first.x->runner = NULL;
    return race->second.task ? settle(race) : race->first.outcome;
}
