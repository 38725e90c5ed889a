#include "fleet/pace.h"

#include "base/clock.h"

static const int64_t LOADING_NS = 10 * NS_PER_S;
static const int64_t FORGOTTEN_NS = 60 * NS_PER_S;
/* One alone may be of a model that was just loaded, or of a very long answer, and a node that seems
 * slow would not be asked again soon. */
enum { ENOUGH = 8, AVERAGED = 32 };
static const double COLD = 0.1;

enum { GROWTH = 4 /* a quarter more of width is tried */ };

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

/* ---- what the engine says ---------------------------------------------------------------------
 */

static bool is_fresh(const struct pace *p, int64_t now_ns)
{
    return now_ns < get(&p->read_until_ns);
}

static struct pace_reading last_reading(const struct pace *p, int64_t now_ns)
{
    return is_fresh(p, now_ns) ? atomic_load_explicit(&p->reading, memory_order_relaxed)
                               : (struct pace_reading){0};
}

static void set_width(struct pace *p, bool told, unsigned width)
{
    atomic_store_explicit(&p->told, told, memory_order_relaxed);
    atomic_store_explicit(&p->width, width, memory_order_relaxed);
}

void pace_tell_width(struct pace *p, unsigned width)
{
    if (width == 0 && !atomic_load_explicit(&p->told, memory_order_relaxed))
        return; /* what was learnt stays */
    set_width(p, width > 0, width);
}

void pace_guess_width(struct pace *p, unsigned width)
{
    set_width(p, false, width);
}

static void learn_width(struct pace *p, unsigned running, unsigned queued, unsigned queued_before)
{
    unsigned width = pace_width(p);

    if (atomic_load_explicit(&p->told, memory_order_relaxed))
        return;
    if (queued > 0 && queued_before > 0)
        set_width(p, false, running ? running : 1);
    else if (queued == 0 && width > 0 && running >= width)
        set_width(p, false, running + running / GROWTH + 1);
}

static unsigned bounded(int64_t value, unsigned most)
{
    return value < 0 ? 0 : value > most ? most : (unsigned)value;
}

void pace_read(struct pace *p, const struct node_load *load, unsigned own, int64_t now_ns,
               int64_t until_ns)
{
    unsigned running = bounded(load->running, INT32_MAX);
    unsigned queued = bounded(load->queued, UINT16_MAX);

    if (load->running < 0 && load->queued < 0)
        return; /* Ollama tells nothing of requests */
    learn_width(p, running, queued, last_reading(p, now_ns).queued);
    struct pace_reading now = {.others = bounded((int64_t)running + queued - own, INT32_MAX),
                               .queued = (uint16_t)queued,
                               .own = (uint16_t)bounded(own, UINT16_MAX)};
    atomic_store_explicit(&p->reading, now, memory_order_relaxed);
    set(&p->read_until_ns, until_ns);
}

unsigned pace_jobs(const struct pace *p, unsigned own, int64_t now_ns)
{
    return own + last_reading(p, now_ns).others;
}

unsigned pace_width(const struct pace *p)
{
    return atomic_load_explicit(&p->width, memory_order_relaxed);
}

struct pace_crowd pace_crowd(const struct pace *p, unsigned own, int64_t now_ns)
{
    struct pace_reading last = last_reading(p, now_ns);
    bool sure = is_fresh(p, now_ns) || atomic_load_explicit(&p->told, memory_order_relaxed);

    return (struct pace_crowd){.jobs = own + last.others,
                               .queued = last.queued,
                               .unread = own > last.own ? own - last.own : 0,
                               .width = sure ? pace_width(p) : 0};
}

/* ---- what is measured -------------------------------------------------------------------------
 */

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
    unsigned width = pace_width(p);
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
