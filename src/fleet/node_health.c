/* How it goes with a node: what answers, failures and looks say of its breaker. */
#include "base/clock.h"
#include "base/jitter.h"
#include "fleet/bell.h"
#include "fleet/node.h"
#include "fleet/waiting.h"

#include <stdio.h>

/* Of an engine whose start nobody has seen yet. */
static const int64_t LOADS_UNKNOWN_NS = 30 * NS_PER_S;

static struct breaker_moment now(const struct node *n)
{
    return (struct breaker_moment){.now_ns = clock_mono_ns(), .chance = jitter(n)};
}

/* What requests look at, after the breaker may have moved. The caller has the lock. */
static void show(struct node *n, const char *why_opened)
{
    if (why_opened) {
        atomic_fetch_add_explicit(&n->opened_total, 1, memory_order_relaxed);
        node_note_change(n, why_opened);
    }
    atomic_store(&n->open, n->breaker.state == BREAKER_OPEN);
    atomic_store(&n->half_open, n->breaker.state == BREAKER_HALF_OPEN);
}

static void keep_error(struct node *n, const struct error *why)
{
    snprintf(n->last_error, sizeof(n->last_error), "%.*s", VIEW_ARG(error_own_words(why)));
}

static enum breaker_cause cause_of(const struct error *why)
{
    bool connect = why->code == ERROR_UPSTREAM_REFUSED || why->code == ERROR_UPSTREAM_TLS;
    return connect ? BREAKER_CONNECT : BREAKER_GENERATE;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* True when it was loading until now. The newest load counts for half: the next one is most like
 * it. */
static bool came_up(struct node *n)
{
    atomic_store(&n->was_up, true);
    if (!atomic_load_explicit(&n->loading, memory_order_relaxed) ||
        !atomic_exchange(&n->loading, false))
        return false;
    lock_take(&n->mutex);
    int64_t took_ns = clock_mono_ns() - n->loading_since_ns;
    n->loads_ns = n->loads_ns ? (n->loads_ns + took_ns) / 2 : took_ns;
    node_note_change(n, "its engine has started");
    pace_start(&n->pace, clock_mono_ns());
    lock_release(&n->mutex);
    bell_ring();
    return true;
}

bool node_set_loading(struct node *n, bool loading)
{
    if (atomic_exchange(&n->loading, loading) == loading)
        return false;
    lock_take(&n->mutex);
    if (loading)
        n->loading_since_ns = clock_mono_ns();
    node_note_change(n, loading ? "its engine starts" : "its engine did not start");
    lock_release(&n->mutex);
    if (!loading)
        bell_ring();
    waiting_room_came(n);
    return true;
}

/* What takes longer than expected is taken to need half as long again. */
int64_t node_loading_rest_ns(struct node *n, int64_t now_ns)
{
    if (!atomic_load(&n->loading))
        return -1;
    lock_take(&n->mutex);
    int64_t passed = now_ns - n->loading_since_ns;
    int64_t whole = n->loads_ns ? n->loads_ns : LOADS_UNKNOWN_NS;
    lock_release(&n->mutex);
    return passed < whole ? whole - passed : passed / 2;
}

/* ---- answers, failures and looks --------------------------------------------------------------
 */

bool node_answered(struct node *n, const struct config_breaker *rules, int64_t first_token_ns)
{
    lock_take(&n->mutex);
    bool was_closed = n->breaker.state == BREAKER_CLOSED;
    const char *slow = breaker_answered(&n->breaker, rules, first_token_ns, now(n));
    n->last_error[0] = '\0';
    if (!was_closed) {
        node_note_change(n, "it answered again");
        pace_start(&n->pace, clock_mono_ns());
    }
    show(n, slow);
    if (slow)
        snprintf(n->last_error, sizeof(n->last_error), "its first tokens come too late");
    lock_release(&n->mutex);
    atomic_store(&n->key_refused, false);
    atomic_store(&n->key_told, false);
    if (!came_up(n) && !was_closed)
        bell_ring();
    waiting_room_came(n);
    return slow != NULL;
}

bool node_failed(struct node *n, const struct error *why, const struct config_breaker *rules,
                 int64_t retry_after_ms)
{
    atomic_fetch_add_explicit(&n->failures_total, 1, memory_order_relaxed);
    lock_take(&n->mutex);
    keep_error(n, why);
    const char *opened = breaker_failed(&n->breaker, rules, cause_of(why), now(n));
    show(n, opened);
    /* An answer that began earlier does not shorten it, neither by success nor by asking for less.
     */
    int64_t until = clock_mono_ns() + retry_after_ms * NS_PER_MS;
    if (retry_after_ms > 0 && until > atomic_load(&n->not_before_ns))
        atomic_store(&n->not_before_ns, until);
    lock_release(&n->mutex);
    return opened != NULL;
}

void node_wrong_key(struct node *n, const struct error *why, bool refused)
{
    lock_take(&n->mutex);
    keep_error(n, why);
    if (refused && !atomic_exchange(&n->key_refused, true))
        node_note_change(n, "it refused Weir's key");
    lock_release(&n->mutex);
}

bool node_seen(struct node *n)
{
    return came_up(n);
}

bool node_key_taken(struct node *n)
{
    if (!atomic_exchange(&n->key_refused, false))
        return false;
    lock_take(&n->mutex);
    node_note_change(n, "it takes Weir's key again");
    lock_release(&n->mutex);
    bell_ring();
    return true;
}

bool node_gone(struct node *n, const struct error *why, const struct config_breaker *rules)
{
    lock_take(&n->mutex);
    bool news = n->breaker.state == BREAKER_CLOSED;
    keep_error(n, why);
    if (news) {
        breaker_trip(&n->breaker, rules, cause_of(why), now(n));
        show(n, "it is gone");
    }
    lock_release(&n->mutex);
    return news;
}

void node_looked_in_vain(struct node *n, const struct error *why,
                         const struct config_breaker *rules)
{
    lock_take(&n->mutex);
    keep_error(n, why);
    breaker_looked_in_vain(&n->breaker, rules, cause_of(why), now(n));
    show(n, NULL);
    lock_release(&n->mutex);
}

bool node_set_half_open(struct node *n, const struct config_breaker *rules)
{
    lock_take(&n->mutex);
    bool news = n->breaker.state == BREAKER_OPEN;
    if (n->breaker.state != BREAKER_CLOSED) /* a request may have closed it meanwhile */
        breaker_half_open(&n->breaker, rules, now(n));
    if (news)
        node_note_change(n, "it listens again");
    show(n, NULL);
    lock_release(&n->mutex);
    if (news)
        bell_ring();
    waiting_room_came(n);
    return news;
}

int64_t node_look_ns(struct node *n, enum breaker_cause *ret_cause)
{
    lock_take(&n->mutex);
    int64_t at = n->breaker.state == BREAKER_CLOSED ? 0 : n->breaker.look_ns;
    *ret_cause = n->breaker.cause;
    lock_release(&n->mutex);
    return at;
}
