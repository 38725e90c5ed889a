#include "fleet/pace.h"

#include "base/clock.h"

static const int64_t LOADING_NS = 10 * NS_PER_S;
static const int64_t FORGOTTEN_NS = 60 * NS_PER_S;
/* One alone may be of a model that was just loaded, or of a very long answer, and a node that seems
 * slow would not be asked again soon. */
enum { ENOUGH = 8, AVERAGED = 32 };
static const double COLD = 0.1;

static int64_t get(const _Atomic(int64_t) *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void set(_Atomic(int64_t) *value, int64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

void pace_start(struct pace *p, int64_t now_ns)
{
    set(&p->since_ns, now_ns);
}

void pace_tell_width(struct pace *p, unsigned width)
{
    if (width == 0)
        return; /* what was learnt stays */
    atomic_store_explicit(&p->told, true, memory_order_relaxed);
    atomic_store_explicit(&p->width, width, memory_order_relaxed);
}

/* As many as run while others wait; and never fewer than run. */
static void learn_width(struct pace *p, const struct node_load *load)
{
    unsigned running = load->running > 0 ? (unsigned)load->running : 1;
    unsigned width = atomic_load_explicit(&p->width, memory_order_relaxed);

    if (atomic_load_explicit(&p->told, memory_order_relaxed))
        return;
    if (load->queued > 0 || (width > 0 && running > width))
        atomic_store_explicit(&p->width, running, memory_order_relaxed);
}

void pace_read(struct pace *p, const struct node_load *load, unsigned own, int64_t until_ns)
{
    int64_t all = (load->running > 0 ? load->running : 0) + (load->queued > 0 ? load->queued : 0);
    int64_t others = all > own ? all - own : 0;

    if (load->running < 0 && load->queued < 0)
        return; /* Ollama tells nothing of requests */
    learn_width(p, load);
    atomic_store_explicit(&p->others, others > INT32_MAX ? INT32_MAX : (unsigned)others,
                          memory_order_relaxed);
    set(&p->others_until_ns, until_ns);
}

unsigned pace_jobs(const struct pace *p, unsigned own, int64_t now_ns)
{
    if (now_ns >= get(&p->others_until_ns))
        return own;
    return own + atomic_load_explicit(&p->others, memory_order_relaxed);
}

int64_t pace_service_ns(const struct pace *p, int64_t now_ns)
{
    bool known = atomic_load_explicit(&p->measures, memory_order_relaxed) >= ENOUGH &&
                 now_ns - get(&p->served_ns) <= FORGOTTEN_NS;

    return known ? get(&p->service_ns) : 0;
}

int64_t pace_loading_ns(const struct pace *p)
{
    int64_t measured = get(&p->loading_ns);
    return measured > 0 ? measured : LOADING_NS;
}

double pace_warmth(const struct pace *p, int64_t slow_start_ns, int64_t now_ns)
{
    int64_t age_ns = now_ns - get(&p->since_ns);

    if (age_ns >= slow_start_ns)
        return 1;
    double share = (double)age_ns / (double)slow_start_ns;
    return share > COLD ? share : COLD;
}

void pace_expect_load(struct pace *p)
{
    atomic_store_explicit(&p->loads, true, memory_order_relaxed);
}

struct pace_stay pace_arrive(struct pace *p, unsigned own_before, int64_t now_ns)
{
    bool loads = atomic_load_explicit(&p->loads, memory_order_relaxed) &&
                 atomic_exchange_explicit(&p->loads, false, memory_order_relaxed);

    return (struct pace_stay){
        .began_ns = now_ns, .before = pace_jobs(p, own_before, now_ns), .loads = loads};
}

/* The mean of the first ones, then of about the last AVERAGED. */
static void take_measure(struct pace *p, double newest_ns, int64_t now_ns)
{
    bool forgotten = now_ns - get(&p->served_ns) > FORGOTTEN_NS;
    unsigned n = forgotten ? 1 : atomic_load_explicit(&p->measures, memory_order_relaxed) + 1;
    double before = (double)get(&p->service_ns);
    double after = before + (newest_ns - before) / (n < AVERAGED ? n : AVERAGED);

    set(&p->service_ns, after < 1 ? 1 : (int64_t)after);
    set(&p->served_ns, now_ns);
    atomic_store_explicit(&p->measures, n, memory_order_relaxed);
}

void pace_served(struct pace *p, const struct pace_stay *stay, int64_t now_ns)
{
    unsigned width = atomic_load_explicit(&p->width, memory_order_relaxed);
    int64_t took_ns = now_ns - stay->began_ns;
    int64_t loading_ns = took_ns - get(&p->service_ns);

    if (stay->loads) {
        int64_t before = get(&p->loading_ns);
        if (loading_ns > 0)
            set(&p->loading_ns, before > 0 ? (before + loading_ns) / 2 : loading_ns);
        return; /* says nothing of a request that finds its model there */
    }
    double waited_for = width > 0 && stay->before >= width ? (stay->before + 1.0) / width : 1;
    take_measure(p, (double)took_ns / waited_for, now_ns);
}
