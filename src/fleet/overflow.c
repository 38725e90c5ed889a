#include "fleet/overflow.h"

#include "base/clock.h"

static double seats_a_second(int64_t turn_ns)
{
    return turn_ns > 0 ? (double)NS_PER_S / (double)turn_ns : 0;
}

struct overflow_outlook overflow_outlook(const struct fleet *f, unsigned backend, int64_t now_ns)
{
    const struct config *c = fleet_config(f);
    struct overflow_outlook out = {.full = true};
    double rate = 0;
    uint64_t taken = 0, seats = 0;
    struct fleet_set *set = fleet_set_ref(f, backend);

    for (unsigned i = 0; i < set->n; i++) {
        const struct node *node = set->nodes[i].node;
        if (!node_available(node, now_ns))
            continue;
        struct room_outlook o = room_outlook(node, c, now_ns);
        out.wait_ns = out.n_up == 0 || o.wait_ns < out.wait_ns ? o.wait_ns : out.wait_ns;
        out.kv_use = out.n_up == 0 || o.kv_use < out.kv_use ? o.kv_use : out.kv_use;
        out.n_up++;
        out.full &= o.full;
        if (o.seats > 0 || o.ahead > 0) { /* else nothing says how much it can take */
            taken += o.taken;
            seats += o.seats;
        }
        out.ours += atomic_load_explicit(&node->in_flight, memory_order_relaxed);
        out.ahead += o.ahead;
        rate += seats_a_second(room_turn_ns(node, now_ns));
    }
    fleet_set_unref(set);
    out.full &= out.n_up > 0;
    out.relaxed = 2 * taken <= seats;
    out.per_turn_ns = rate > 0 ? (int64_t)((double)NS_PER_S / rate) : 0;
    return out;
}

bool overflow_full(const struct fleet *f, unsigned backend, int64_t now_ns)
{
    const struct config *c = fleet_config(f);
    struct fleet_set *set = fleet_set_ref(f, backend);
    bool any_up = false, any_room = false;

    for (unsigned i = 0; i < set->n && !any_room; i++) {
        if (!node_available(set->nodes[i].node, now_ns))
            continue;
        any_up = true;
        any_room = !room_full(set->nodes[i].node, c, now_ns);
    }
    fleet_set_unref(set);
    return any_up && !any_room;
}

struct view overflow_reason(const struct fleet *f, unsigned backend, int64_t now_ns,
                            struct arena *a)
{
    struct overflow_outlook o = overflow_outlook(f, backend, now_ns);
    struct buf b = BUF_MAX(256);

    buf_printf(&b, "%.*s is full: %u of ours there, %u queued",
               VIEW_ARG(fleet_config(f)->backends[backend].name), o.ours, o.ahead);
    if (o.wait_ns > 0)
        buf_printf(&b, ", %.1f s to wait", (double)o.wait_ns / NS_PER_S);
    if (o.kv_use >= fleet_config(f)->overflow_kv)
        buf_printf(&b, ", KV cache %.0f%%", o.kv_use * 100);
    struct view text = arena_dup(a, buf_ok(&b) ? buf_view(&b) : VIEW("full"));
    buf_done(&b);
    return text;
}

/* Written only when it changes: requests on all loops come by here. */
static void press(struct node *n)
{
    if (!atomic_load_explicit(&n->room.pressed, memory_order_relaxed))
        atomic_store_explicit(&n->room.pressed, true, memory_order_relaxed);
}

bool overflow_passes(const struct fleet *f, const struct fleet_wish *wish,
                     struct fleet_tried *tried)
{
    const struct fleet_set *set = fleet_begin(f, wish, tried);
    int64_t now = loop_now_ns();

    for (unsigned i = 0; i < set->n; i++) {
        struct node *n = set->nodes[i].node;
        if (!room_full(n, fleet_config(f), now) || !fleet_may_ask(f, wish, tried, i))
            continue;
        press(n);
        return true;
    }
    return false;
}

void overflow_press(const struct fleet *f, unsigned backend)
{
    struct fleet_set *set = fleet_set_ref(f, backend);

    if (set->n > 0)
        press(set->nodes[0].node);
    fleet_set_unref(set);
}

bool overflow_take_pressed(const struct fleet *f, unsigned backend)
{
    struct fleet_set *set = fleet_set_ref(f, backend);
    bool pressed = false;

    for (unsigned i = 0; i < set->n; i++)
        pressed |= atomic_exchange_explicit(&set->nodes[i].node->room.pressed, false,
                                            memory_order_relaxed);
    fleet_set_unref(set);
    return pressed;
}
