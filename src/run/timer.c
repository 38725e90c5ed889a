#include "run/timer.h"

#include <stdlib.h>

static void place(struct timer_heap *h, size_t at, struct timer *t)
{
    h->items[at] = t;
    t->index = at;
}

static void sift_up(struct timer_heap *h, size_t at)
{
    struct timer *t = h->items[at];

    while (at > 1 && h->items[at / 2]->heap_ns > t->heap_ns) {
        place(h, at, h->items[at / 2]);
        at /= 2;
    }
    place(h, at, t);
}

static void sift_down(struct timer_heap *h, size_t at)
{
    struct timer *t = h->items[at];

    for (size_t child = at * 2; child <= h->n; child = at * 2) {
        if (child < h->n && h->items[child + 1]->heap_ns < h->items[child]->heap_ns)
            child++;
        if (h->items[child]->heap_ns >= t->heap_ns)
            break;
        place(h, at, h->items[child]);
        at = child;
    }
    place(h, at, t);
}

bool timer_arm(struct timer_heap *h, struct timer *t, int64_t deadline_ns)
{
    t->deadline_ns = deadline_ns;
    if (t->index != 0) {
        if (deadline_ns < t->heap_ns) {
            t->heap_ns = deadline_ns;
            sift_up(h, t->index);
        }
        return true;
    }
    if (deadline_ns == TIMER_NEVER)
        return true;
    if (h->n + 1 >= h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 64;
        struct timer **grown = realloc(h->items, cap * sizeof(*grown));
        if (!grown)
            return false;
        h->items = grown;
        h->cap = cap;
    }
    t->heap_ns = deadline_ns;
    h->items[++h->n] = t;
    sift_up(h, h->n);
    return true;
}

void timer_disarm(struct timer *t)
{
    t->deadline_ns = TIMER_NEVER;
}

void timer_remove(struct timer_heap *h, struct timer *t)
{
    size_t at = t->index;

    if (at == 0)
        return;
    t->index = 0;
    struct timer *last = h->items[h->n--];
    if (last == t)
        return;
    place(h, at, last);
    sift_up(h, at);
    sift_down(h, last->index);
}

struct timer *timer_pop_due(struct timer_heap *h, int64_t now_ns)
{
    while (h->n > 0 && h->items[1]->heap_ns <= now_ns) {
        struct timer *t = h->items[1];
        if (t->deadline_ns <= now_ns) {
            timer_remove(h, t);
            return t;
        }
        if (t->deadline_ns == TIMER_NEVER) {
            timer_remove(h, t);
        } else {
            t->heap_ns = t->deadline_ns;
            sift_down(h, 1);
        }
    }
    return NULL;
}

int64_t timer_next(const struct timer_heap *h)
{
    return h->n > 0 ? h->items[1]->heap_ns : TIMER_NEVER;
}

void timer_heap_done(struct timer_heap *h)
{
    free(h->items);
    *h = (struct timer_heap){0};
}
