#include "gateway/saturation.h"

#include "base/clock.h"
#include "base/log.h"
#include "fleet/overflow.h"

#include <stdio.h>

enum { CALM_S = 3, LONG_S = 60, REASON_BYTES = 4096 };

const struct saturation_state *saturation_of(const struct saturation *s, struct view backend)
{
    for (unsigned i = 0; i < s->n; i++)
        if (view_eq(view_str(s->states[i].name), backend))
            return &s->states[i];
    return NULL;
}

/* NULL when the table is full: more than 64 names came by reloads. */
static struct saturation_state *state_of(struct saturation *s, struct view backend)
{
    for (unsigned i = 0; i < s->n; i++)
        if (view_eq(view_str(s->states[i].name), backend))
            return &s->states[i];
    if (s->n == SATURATION_MAX || backend.n >= sizeof(s->states[0].name))
        return NULL;
    struct saturation_state *state = &s->states[s->n++];
    *state = (struct saturation_state){.overflows = false};
    snprintf(state->name, sizeof(state->name), "%.*s", VIEW_ARG(backend));
    return state;
}

static void begin(struct saturation_state *state, const struct fleet *f, unsigned backend,
                  int64_t now_ns)
{
    struct arena *a = arena_new(REASON_BYTES);
    struct view why = a ? overflow_reason(f, backend, now_ns, a) : VIEW("it is full");

    state->overflows = true;
    state->again = state->ended_ns && now_ns - state->ended_ns < LONG_S * NS_PER_S;
    state->since_ms = clock_wall_ms();
    log_warn("overflow", "backend=%s why=\"%.*s\" (requests go elsewhere, or wait)", state->name,
             VIEW_ARG(why));
    arena_free(a);
}

static bool is_over(const struct saturation_state *state, int64_t now_ns)
{
    int64_t not_full_ns = now_ns - state->full_ns, at_rest_ns = now_ns - state->strained_ns;

    return not_full_ns >= LONG_S * NS_PER_S ||
           (!state->again && not_full_ns >= CALM_S * NS_PER_S && at_rest_ns >= CALM_S * NS_PER_S);
}

static void look_at(struct saturation_state *state, const struct fleet *f, unsigned backend,
                    int64_t now_ns)
{
    struct overflow_outlook o = overflow_outlook(f, backend, now_ns);
    bool passed = overflow_take_pressed(f, backend) || o.full;

    if (passed)
        state->full_ns = now_ns;
    if (!o.relaxed)
        state->strained_ns = now_ns;
    if (!state->overflows && passed) {
        begin(state, f, backend, now_ns);
    } else if (state->overflows && is_over(state, now_ns)) {
        state->overflows = false;
        state->since_ms = clock_wall_ms();
        state->ended_ns = now_ns;
        log_info("overflow_over", "backend=%s", state->name);
    }
}

void saturation_look(struct saturation *s, const struct fleet *f, int64_t now_ns)
{
    const struct config *c = fleet_config(f);

    for (unsigned i = 0; i < c->n_backends; i++) {
        struct saturation_state *state =
            c->backends[i].side == SIDE_INSIDE ? state_of(s, c->backends[i].name) : NULL;
        if (state)
            look_at(state, f, i, now_ns);
    }
}
