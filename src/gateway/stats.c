#include "gateway/stats.h"

#include "run/lock.h"

#include <stdio.h>

const double stats_bounds[STATS_BUCKETS - 1] = {.01,  .02,  .04,  .08,   .16,   .32,   .64,
                                                1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};

static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

const char *stats_retry_name(enum stats_retry reason)
{
    static const char *const names[STATS_RETRIES] = {
        "failed", "refused", "cut", "unavailable", "rate_limited", "retry_after", "loading"};
    return names[reason];
}

static void add(_Atomic(uint64_t) *to, uint64_t value)
{
    atomic_fetch_add_explicit(to, value, memory_order_relaxed);
}

static void observe(struct stats_histogram *h, int64_t us)
{
    unsigned i = 0;

    if (us < 0)
        return;
    while (i < STATS_BUCKETS - 1 && (double)us > stats_bounds[i] * 1e6)
        i++;
    add(&h->buckets[i], 1);
    add(&h->sum_us, (uint64_t)us);
    add(&h->count, 1);
}

static struct stats_backend *find(struct stats *s, struct view name)
{
    unsigned n = atomic_load_explicit(&s->n_backends, memory_order_acquire);

    for (unsigned i = 0; i < n; i++)
        if (view_eq(view_str(s->backends[i].name), name))
            return &s->backends[i];
    return NULL;
}

/* NULL when the table is full: more than 64 names came by reloads. */
static struct stats_backend *backend_of(struct stats *s, struct view name, enum side side)
{
    struct stats_backend *b = find(s, name);

    if (b || name.n == 0 || name.n >= sizeof(b->name))
        return b;
    lock_take(&adding);
    b = find(s, name);
    unsigned n = atomic_load(&s->n_backends);
    if (!b && n < STATS_MAX_BACKENDS) {
        b = &s->backends[n];
        snprintf(b->name, sizeof(b->name), "%.*s", VIEW_ARG(name));
        b->side = side;
        atomic_store_explicit(&s->n_backends, n + 1, memory_order_release);
    }
    lock_release(&adding);
    return b;
}

void stats_attempt_failed(struct stats *s, struct view backend, enum side side)
{
    struct stats_backend *b = backend_of(s, backend, side);
    if (b)
        add(&b->errors, 1);
}

void stats_record(struct stats *s, const struct ledger_record *r)
{
    enum task_kind task;

    add(&s->exchanges, 1);
    if (r->status == 499)
        add(&s->cancelled, 1);
    if (task_from_name(r->task, &task))
        add(&s->by_task[task], 1);
    if (r->side < 0) {
        add(&s->refused, 1);
        return;
    }
    struct stats_backend *b = backend_of(s, r->backend, (enum side)r->side);
    if (!b)
        return;
    if (view_eq(r->outcome, VIEW("ok")))
        add(&b->ok, 1);
    add(&b->tokens_in, r->tokens_in);
    add(&b->tokens_out, r->tokens_out);
    add(&b->tokens_cached, r->tokens_cached);
    if (r->cost_nano == LEDGER_UNPRICED)
        add(&b->unpriced, 1);
    else
        add(&b->cost_nano, (uint64_t)r->cost_nano);
    observe(&b->duration, r->total_us);
    observe(&b->first_token, r->first_token_us);
}

void stats_hedged(struct stats *s, enum hedge_outcome outcome)
{
    add(&s->hedges[outcome], 1);
}

void stats_screened(struct stats *s, enum plan_scan scan, uint32_t classes)
{
    add(&s->by_scan[scan], 1);
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (classes & UINT32_C(1) << i)
            add(&s->by_class[i], 1);
}
