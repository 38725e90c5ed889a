#include "fleet/room.h"

#include "base/clock.h"
#include "fleet/node.h"

enum { KV_PARTS = 10000 };

void room_read(struct room *r, const struct node_load *load)
{
    double use = load->kv_use > 0 ? load->kv_use < 1 ? load->kv_use : 1 : 0;
    atomic_store_explicit(&r->kv_use, (unsigned)(use * KV_PARTS), memory_order_relaxed);
}

/* Our own, with those that are on their way. In one order with the queue of those who wait for
 * room, so that a request which ends now and one that begins to wait do not miss each other. */
static unsigned own_requests(const struct node *n)
{
    return atomic_load(&n->in_flight) +
           atomic_load_explicit(&n->room.claimed, memory_order_relaxed);
}

/* What one more request is seen against. */
struct seating {
    struct pace_crowd crowd;
    unsigned own, ahead;
    bool waits; /* one more request would */
};

/* Where the seats are not known those that waited at the reading still do. Inline, as all nodes of
 * a fleet are asked for their room in a row: handed back through memory, piece by piece, this took
 * half of the time. */
static inline struct seating seating_at(const struct node *n, int64_t now_ns)
{
    struct seating s = {.own = own_requests(n)};

    s.crowd = pace_crowd(&n->pace, s.own, now_ns);
    unsigned jobs = s.crowd.jobs, seats = s.crowd.width;
    s.waits = seats ? jobs >= seats : s.crowd.queued > 0;
    if (s.waits)
        s.ahead = seats ? jobs - seats : s.crowd.queued;
    return s;
}

/* Of an engine whose seats are not known those are taken that do not wait. */
static int64_t turn_ns(const struct node *n, const struct seating *s, int64_t now_ns)
{
    unsigned running = s->crowd.jobs > s->ahead ? s->crowd.jobs - s->ahead : 1;
    return pace_service_ns(&n->pace, now_ns) / (s->crowd.width ? s->crowd.width : running);
}

static int64_t wait_ns(const struct node *n, const struct seating *s, int64_t now_ns)
{
    return s->waits ? turn_ns(n, s, now_ns) * (s->ahead + 1) : 0;
}

static double kv_use(const struct node *n, const struct seating *s)
{
    unsigned parts = atomic_load_explicit(&n->room.kv_use, memory_order_relaxed);
    return s->crowd.queued > 0 ? parts / (double)KV_PARTS : 0;
}

/* What costs least to know comes first. */
static inline bool is_full(const struct node *n, const struct seating *s, const struct config *c,
                           int64_t now_ns)
{
    unsigned most = atomic_load_explicit(&n->room.most, memory_order_relaxed);

    if (most > 0 && s->own >= most)
        return true;
    return s->waits && (s->ahead >= c->overflow_queue ||
                        wait_ns(n, s, now_ns) > c->overflow_wait_ms * NS_PER_MS ||
                        (s->crowd.queued > 0 && kv_use(n, s) >= c->overflow_kv));
}

struct room_outlook room_outlook(const struct node *n, const struct config *c, int64_t now_ns)
{
    struct seating s = seating_at(n, now_ns);
    unsigned most = atomic_load_explicit(&n->room.most, memory_order_relaxed);
    unsigned seats = s.crowd.width;

    return (struct room_outlook){.full = is_full(n, &s, c, now_ns),
                                 .seats = most > 0 && (!seats || most < seats) ? most : seats,
                                 .taken = s.crowd.jobs,
                                 .ahead = s.ahead,
                                 .wait_ns = wait_ns(n, &s, now_ns),
                                 .kv_use = kv_use(n, &s)};
}

bool room_full(const struct node *n, const struct config *c, int64_t now_ns)
{
    struct seating s = seating_at(n, now_ns);
    return is_full(n, &s, c, now_ns);
}

int64_t room_turn_ns(const struct node *n, int64_t now_ns)
{
    struct seating s = seating_at(n, now_ns);
    return turn_ns(n, &s, now_ns);
}

bool room_unsure(const struct node *n, const struct config *c, int64_t now_ns)
{
    struct pace_crowd crowd = pace_crowd(&n->pace, own_requests(n), now_ns);
    return crowd.queued > 0 || (crowd.width == 0 && crowd.unread > c->overflow_queue);
}
