#include "gateway/rounds.h"

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "fleet/bell.h"

enum {
    FREE_NODES = 2,
    BACKOFF_MS = 50, /* the most before the second round; twice as much before each next one */
    BACKOFF_MAX_MS = 2000,
};

static const int64_t TELL_EACH_NS = 10 * NS_PER_S;

/* ---- the budget ------------------------------------------------------------------------------ */

static bool take(struct exchange *x, struct rounds *r, enum stats_retry reason)
{
    struct stats *s = &x->gateway->stats;

    if (fleet_take_retry(x->fleet)) {
        atomic_fetch_add_explicit(&s->retries[reason], 1, memory_order_relaxed);
        return true;
    }
    int64_t now = clock_mono_ns(), told = atomic_load(&s->exhausted_told_ns);
    atomic_fetch_add_explicit(&s->retry_exhausted, 1, memory_order_relaxed);
    r->exhausted = true;
    if ((told == 0 || now - told > TELL_EACH_NS) &&
        atomic_compare_exchange_strong(&s->exhausted_told_ns, &told, now))
        log_warn("retry_budget", "requests are not asked again: retry.budget is used up");
    return false;
}

bool rounds_may_ask(struct exchange *x, struct rounds *r, unsigned i)
{
    if (r->asked[i] >= FREE_NODES && !take(x, r, x->may_pass))
        return false;
    r->asked[i]++;
    return true;
}

/* ---- what may pass --------------------------------------------------------------------------- */

static enum stats_retry reason_of(const struct error *why, int status)
{
    if (why->code == ERROR_UPSTREAM_REFUSED)
        return RETRY_REFUSED;
    if (why->code == ERROR_UPSTREAM_CUT)
        return RETRY_CUT;
    if (why->code != ERROR_UPSTREAM_STATUS)
        return RETRY_FAILED;
    return status == 429                                     ? RETRY_RATE_LIMITED
           : status == 502 || status == 503 || status == 529 ? RETRY_UNAVAILABLE
                                                             : RETRY_FAILED;
}

/* Who asked for patience gets it. */
void rounds_note_failure(struct exchange *x, int status, int64_t retry_after_ms)
{
    enum stats_retry reason = retry_after_ms ? RETRY_FAILED : reason_of(&x->error, status);

    if (reason != RETRY_FAILED)
        x->may_pass = reason;
}

/* ---- the wait -------------------------------------------------------------------------------- */

static bool stands(const struct exchange *x, unsigned i)
{
    return !x->plan->candidates[i].barred && !(x->too_long & UINT32_C(1) << i);
}

static bool somebody_is_up(const struct exchange *x)
{
    for (unsigned i = 0; i < x->plan->n_candidates; i++)
        if (stands(x, i) && fleet_available(x->fleet, x->plan->candidates[i].backend))
            return true;
    return false;
}

/* The earliest time at which somebody who asked us to wait may be asked again. */
static int64_t patience_ns(const struct exchange *x)
{
    int64_t earliest = TIMER_NEVER;

    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        int64_t at = fleet_retry_at(x->fleet, x->plan->candidates[i].backend);
        if (at < earliest && stands(x, i))
            earliest = at;
    }
    return earliest;
}

static unsigned count_loading(const struct exchange *x, int64_t *ret_rest_ns)
{
    int64_t least = TIMER_NEVER, rest;
    unsigned loading = 0;

    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        unsigned n =
            stands(x, i) ? fleet_loading(x->fleet, x->plan->candidates[i].backend, &rest) : 0;
        if (n && rest < least)
            least = rest;
        loading += n;
    }
    *ret_rest_ns = least;
    return loading;
}

struct load_wait {
    const struct exchange *x;
    unsigned loading;
};

static bool load_has_ended(void *arg)
{
    const struct load_wait *w = arg;
    int64_t rest;

    return count_loading(w->x, &rest) != w->loading;
}

/* False: the client left. */
static bool wait_until(struct exchange *x, int64_t until_ns, unsigned loading)
{
    struct load_wait w = {x, loading};
    enum wait_result result =
        loading ? bell_wait(load_has_ended, &w, until_ns) : task_park(until_ns, TASK_CANCELLABLE);

    return result != WAIT_CANCELLED ||
           error_set(&x->error, ERROR_CLIENT_GONE, "the client left while waiting");
}

/* Anything between nothing and the most, so that those who failed together do not come back
 * together. */
static int64_t backoff_ns(const struct exchange *x, const struct rounds *r)
{
    int64_t most = BACKOFF_MS;

    for (unsigned i = 1; i < r->over && most < BACKOFF_MAX_MS; i++)
        most *= 2;
    most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
    return (int64_t)(jitter(x) * (double)(most * NS_PER_MS));
}

/* A round whose request nobody was asked for is no retry. */
static bool begin_again(struct exchange *x, struct rounds *r, enum stats_retry reason,
                        int64_t until_ns, unsigned loading)
{
    if (x->n_attempts > 0 && !take(x, r, reason))
        return false;
    memset(r->asked, 0, sizeof(r->asked));
    r->first_attempt = x->n_attempts;
    return wait_until(x, until_ns, loading);
}

/* It pays where the load is expected to end in time. */
static bool load_pays(const struct exchange *x, struct rounds *r, int64_t now_ns, int64_t rest_ns)
{
    if (!r->loading_until_ns) {
        int64_t most = now_ns + x->config->retry.loading_wait_ms * NS_PER_MS;
        r->loading_until_ns = most < x->deadline_ns ? most : x->deadline_ns;
    }
    return rest_ns < r->loading_until_ns - now_ns;
}

bool rounds_again(struct exchange *x, struct rounds *r)
{
    int64_t now = clock_mono_ns(), rest_ns, soon = now + backoff_ns(x, r);
    enum stats_retry may_pass = x->may_pass;

    r->over++;
    r->again_ns = TIMER_NEVER;
    x->may_pass = RETRY_FAILED;
    if (may_pass != RETRY_FAILED && r->over < x->config->retry.attempts && soon < x->deadline_ns &&
        somebody_is_up(x))
        return begin_again(x, r, may_pass, soon, 0);

    int64_t patience = patience_ns(x);
    unsigned loading = count_loading(x, &rest_ns);
    bool pays = loading && load_pays(x, r, now, rest_ns);
    r->again_ns = loading && now + rest_ns < patience ? now + rest_ns : patience;
    if (pays)
        return begin_again(x, r, RETRY_LOADING,
                           patience < r->loading_until_ns ? patience : r->loading_until_ns,
                           loading);
    if (patience < x->deadline_ns)
        return begin_again(x, r, RETRY_PATIENCE, patience, 0);
    return false;
}
