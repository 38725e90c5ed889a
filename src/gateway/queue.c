#include "gateway/queue.h"

#include "base/clock.h"
#include "fleet/overflow.h"

enum {
    ANSWER_TOKENS = 256, /* of an answer that nobody knows yet */
    RETRY_UNKNOWN_MS = 5 * 1000,
    RETRY_MAX_MS = 60 * 1000,
};

/* Until those who wait now have had their turn. */
static int64_t room_in_ms(const struct exchange *x, const struct waiting_place *places,
                          unsigned n_places)
{
    int64_t soonest = RETRY_MAX_MS, now = clock_mono_ns();
    unsigned waiting = waiting_counts().waiting;
    bool known = false;

    for (unsigned i = 0; i < n_places; i++) {
        struct overflow_outlook o = overflow_outlook(x->fleet, places[i].wish.backend, now);
        int64_t ms = o.per_turn_ns * (waiting + 1) / NS_PER_MS;
        known |= o.per_turn_ns > 0;
        if (o.per_turn_ns > 0 && ms < soonest)
            soonest = ms;
    }
    return known ? soonest + 1 : RETRY_UNKNOWN_MS;
}

static bool overloaded(struct exchange *x, const char *why)
{
    error_set(&x->error, ERROR_OVERLOADED, "All that may answer this request is full, and %s.",
              why);
    return error_hint(&x->error, "Try again later; `weir nodes` shows what the nodes do.");
}

bool queue_for_room(struct exchange *x, const struct waiting_place *places, unsigned n_places,
                    unsigned *ret_place, struct node **ret_node)
{
    int64_t began = clock_mono_ns();
    int64_t until = began + x->config->queue_wait_ms * NS_PER_MS - x->waited_ns;
    struct waiting_ask ask = {.fleet = x->fleet,
                              .places = places,
                              .n_places = n_places,
                              .key = x->key,
                              .cost = (uint64_t)x->facts.tokens_in + ANSWER_TOKENS,
                              .deadline_ns = until < x->deadline_ns ? until : x->deadline_ns};

    enum waiting_end end = waiting_for_room(&ask, ret_place, ret_node);
    x->waited_ns += clock_mono_ns() - began;
    if (end == WAITING_ROOM)
        return true;
    if (end == WAITING_CANCELLED)
        return error_set(&x->error, ERROR_CLIENT_GONE, "the client left while waiting for room");
    x->retry_after_ms = room_in_ms(x, places, n_places);
    if (end == WAITING_REFUSED)
        return overloaded(x, "so is the queue of those who wait");
    if (until >= x->deadline_ns)
        return error_set(&x->error, ERROR_DEADLINE, "no room before this request's deadline");
    return overloaded(x, "no room came up in time");
}
