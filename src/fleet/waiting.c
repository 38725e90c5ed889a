#include "fleet/waiting.h"

#include "base/clock.h"
#include "base/hash.h"
#include "run/task.h"

#include <stdlib.h>

enum { MAX_FLOWS = 16384 };

/* The requests of one key. */
struct flow {
    struct list link, waiters;
    unsigned n;
    uint64_t key;   /* its hash */
    uint64_t start; /* of its next request, in the queue's virtual time */
};

struct waiter {
    struct list link; /* in its flow, or among those that are called up */
    struct loop_message message;
    const struct waiting_ask *ask;
    struct flow *flow; /* NULL: it is in the queue no more */
    struct loop *loop;
    struct task *task;
    struct node *node; /* the one that has room for it */
    unsigned place;
    bool told; /* its message arrived; for its own loop */
};

/* Virtual time is the start of the last request that was called up; each request moves its flow's
 * next start on by what it costs. A flow that comes anew starts now, so it neither has to wait for
 * what others had before nor is owed anything. */
static struct {
    pthread_mutex_t mutex;
    struct list flows;
    unsigned n_flows;
    uint64_t now;
    atomic_uint waiting;
    _Atomic(uint64_t) waits, waited_us, refused;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .flows = {&queue.flows, &queue.flows}};

/* ---- flows; the lock is held ------------------------------------------------------------------
 */

static void flow_free(struct flow *flow)
{
    list_remove(&flow->link);
    queue.n_flows--;
    free(flow);
}

/* Flows of which nobody waits are remembered until their last turn is over. */
static void forget_flows(uint64_t up_to)
{
    list_for_each_safe (link, &queue.flows) {
        struct flow *flow = list_entry(link, struct flow, link);
        if (flow->n == 0 && flow->start <= up_to)
            flow_free(flow);
    }
}

static struct flow *flow_of(struct view key)
{
    uint64_t hash = hash_bytes(key);

    list_for_each (link, &queue.flows) {
        struct flow *flow = list_entry(link, struct flow, link);
        if (flow->key == hash)
            return flow;
    }
    if (queue.n_flows >= MAX_FLOWS)
        forget_flows(UINT64_MAX);
    struct flow *flow = calloc(1, sizeof(*flow));
    if (!flow)
        return NULL;
    flow->key = hash;
    list_init(&flow->waiters);
    list_push_back(&queue.flows, &flow->link);
    queue.n_flows++;
    return flow;
}

static struct flow *longest_flow(void)
{
    struct flow *longest = NULL;

    list_for_each (link, &queue.flows) {
        struct flow *flow = list_entry(link, struct flow, link);
        if (!longest || flow->n > longest->n)
            longest = flow;
    }
    return longest;
}

/* ---- in and out; the lock is held -------------------------------------------------------------
 */

static void take_out(struct waiter *w)
{
    list_remove(&w->link);
    w->flow->n--;
    w->flow = NULL;
    atomic_fetch_sub(&queue.waiting, 1);
    if (atomic_load(&queue.waiting) == 0) {
        forget_flows(UINT64_MAX);
        queue.now = 0;
    }
}

/* `called`: who is to be told, once the lock is given back. */
static bool let_in(struct waiter *w, struct list *called)
{
    unsigned most = fleet_config(w->ask->fleet)->queue_max;
    struct flow *flow = flow_of(w->ask->key);

    if (!flow)
        return false;
    if (atomic_load(&queue.waiting) >= most) {
        struct flow *longest = longest_flow();
        if (longest->n <= flow->n + 1) {
            forget_flows(queue.now);
            return false;
        }
        struct waiter *last = list_entry(longest->waiters.prev, struct waiter, link);
        take_out(last);
        list_push_back(called, &last->link);
    }
    if (flow->n == 0 && flow->start < queue.now)
        flow->start = queue.now;
    list_push_back(&flow->waiters, &w->link);
    flow->n++;
    w->flow = flow;
    atomic_fetch_add(&queue.waiting, 1);
    return true;
}

/* ---- whose turn it is; the lock is held -------------------------------------------------------
 */

/* Which of its places the node is, and which node of it. */
static bool wants(const struct waiter *w, const struct node *n, unsigned *ret_place,
                  unsigned *ret_i)
{
    for (unsigned p = 0; p < w->ask->n_places; p++) {
        const struct waiting_place *place = &w->ask->places[p];
        const struct fleet_set *set = place->tried->set;
        for (unsigned i = 0; i < set->n; i++) {
            if (set->nodes[i].node != n ||
                !fleet_may_ask(w->ask->fleet, &place->wish, place->tried, i))
                continue;
            *ret_place = p;
            *ret_i = i;
            return true;
        }
    }
    return false;
}

static struct waiter *first_of(const struct flow *flow, const struct node *n, unsigned *ret_i)
{
    list_for_each (link, &flow->waiters) {
        struct waiter *w = list_entry(link, struct waiter, link);
        if (wants(w, n, &w->place, ret_i))
            return w;
    }
    return NULL;
}

static struct waiter *next_for(const struct node *n, unsigned *ret_i)
{
    struct waiter *next = NULL;

    list_for_each (link, &queue.flows) {
        const struct flow *flow = list_entry(link, struct flow, link);
        unsigned i;
        if (flow->n == 0 || (next && flow->start >= next->flow->start))
            continue;
        struct waiter *first = first_of(flow, n, &i);
        if (!first)
            continue;
        next = first;
        *ret_i = i;
    }
    return next;
}

static void call_up(struct waiter *w, struct node *n, unsigned i, struct list *called)
{
    struct flow *flow = w->flow;

    atomic_fetch_add(&n->room.claimed, 1);
    fleet_mark_tried(w->ask->places[w->place].tried, i);
    w->node = n;
    if (flow->start > queue.now) /* one that waited for another node may be behind */
        queue.now = flow->start;
    flow->start += w->ask->cost;
    list_remove(&flow->link); /* behind the others that start at the same time */
    list_push_back(&queue.flows, &flow->link);
    take_out(w);
    list_push_back(called, &w->link);
}

/* As many as the node has room for. */
static void fill(struct node *n, struct list *called)
{
    int64_t now = clock_mono_ns();
    struct waiter *w;
    unsigned i;

    while ((w = next_for(n, &i)) && !room_full(n, fleet_config(w->ask->fleet), now))
        call_up(w, n, i, called);
    forget_flows(queue.now);
}

/* ---- telling them -----------------------------------------------------------------------------
 */

static void arrived(struct loop_message *m)
{
    struct waiter *w = (struct waiter *)(void *)((char *)m - offsetof(struct waiter, message));

    w->told = true;
    task_wake(w->task);
}

/* A waiter is gone as soon as its message has arrived. */
static void tell(struct list *called)
{
    for (struct list *link; (link = list_pop_front(called));) {
        struct waiter *w = list_entry(link, struct waiter, link);
        loop_post(w->loop, &w->message);
    }
}

void waiting_room_came(struct node *n)
{
    struct list called;

    if (atomic_load(&queue.waiting) == 0)
        return;
    list_init(&called);
    lock_take(&queue.mutex);
    fill(n, &called);
    lock_release(&queue.mutex);
    tell(&called);
}

/* No wait in between, so none of them is freed meanwhile (forget.h). */
void waiting_look_around(void)
{
    for (struct node *n = node_first(); n && atomic_load(&queue.waiting) > 0; n = n->next)
        waiting_room_came(n);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static bool enter(struct waiter *w)
{
    struct list called;

    /* Those who free a seat look at the sets, which stay as long as it waits. */
    for (unsigned p = 0; p < w->ask->n_places; p++)
        (void)fleet_begin(w->ask->fleet, &w->ask->places[p].wish, w->ask->places[p].tried);
    list_init(&called);
    lock_take(&queue.mutex);
    int64_t now = clock_mono_ns();
    bool in = let_in(w, &called);
    /* Room that came up before it stood here was told to nobody. */
    for (unsigned p = 0; in && p < w->ask->n_places; p++) {
        const struct fleet_set *set = w->ask->places[p].tried->set;
        for (unsigned i = 0; i < set->n && w->flow; i++)
            if (!room_full(set->nodes[i].node, fleet_config(w->ask->fleet), now))
                fill(set->nodes[i].node, &called);
    }
    lock_release(&queue.mutex);
    tell(&called);
    return in;
}

/* False: it was called up before, and its message is on the way. */
static bool leave(struct waiter *w)
{
    lock_take(&queue.mutex);
    bool waits = w->flow != NULL;
    if (waits)
        take_out(w);
    lock_release(&queue.mutex);
    return waits;
}

static enum waiting_end stand(struct waiter *w)
{
    while (!w->told) {
        enum wait_result r = task_park(w->ask->deadline_ns, TASK_CANCELLABLE);
        if (r != WAIT_READY && leave(w))
            return r == WAIT_CANCELLED ? WAITING_CANCELLED : WAITING_TOO_LONG;
        while (r != WAIT_READY && !w->told)
            r = task_park(TIMER_NEVER, TASK_UNCANCELLABLE);
    }
    if (!w->node)
        return WAITING_REFUSED;
    atomic_fetch_sub(&w->node->room.claimed, 1);
    if (!task_cancelled())
        return WAITING_ROOM;
    waiting_room_came(w->node); /* for the next one */
    return WAITING_CANCELLED;
}

enum waiting_end waiting_for_room(const struct waiting_ask *ask, unsigned *ret_place,
                                  struct node **ret_node)
{
    struct waiter w = {
        .message = {.fn = arrived}, .ask = ask, .loop = loop_current(), .task = task_current()};
    int64_t began = clock_mono_ns();
    enum waiting_end end = WAITING_REFUSED;

    list_init(&w.link);
    if (enter(&w)) {
        end = stand(&w);
        atomic_fetch_add_explicit(&queue.waits, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&queue.waited_us,
                                  (uint64_t)((clock_mono_ns() - began) / NS_PER_US),
                                  memory_order_relaxed);
    }
    if (end == WAITING_REFUSED || end == WAITING_TOO_LONG)
        atomic_fetch_add_explicit(&queue.refused, 1, memory_order_relaxed);
    if (end == WAITING_ROOM) {
        *ret_place = w.place;
        *ret_node = w.node;
    }
    return end;
}

struct waiting_counts waiting_counts(void)
{
    return (struct waiting_counts){.waiting = atomic_load(&queue.waiting),
                                   .waits = atomic_load(&queue.waits),
                                   .waited_us = atomic_load(&queue.waited_us),
                                   .refused = atomic_load(&queue.refused)};
}
