#include "gateway/windows.h"

/* Tokens; 0: not known. */
static uint32_t window_of(const struct policy_fleet *fleet, const struct plan_candidate *c)
{
    const struct policy_backend *b = &fleet->backends[c->backend];

    for (unsigned i = 0; i < b->n_models; i++)
        if (view_eq(b->models[i].name, c->model))
            return b->models[i].window;
    return 0;
}

uint32_t windows_wider(const struct exchange *x, const struct plan_candidate *than)
{
    struct policy_fleet fleet;
    uint32_t wider = 0;

    if (!fleet_view(x->fleet, x->arena, &fleet))
        return 0;
    uint32_t window = window_of(&fleet, than);
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        uint32_t other = window_of(&fleet, c);
        bool tried = c == than || (x->too_long & (UINT32_C(1) << i)) != 0;
        if (!tried && !c->barred && (window == 0 || other == 0 || other > window))
            wider |= UINT32_C(1) << i;
    }
    return wider;
}

bool windows_wider_behind(const struct exchange *x, const struct plan_candidate *from)
{
    return windows_wider(x, from) >> (from - x->plan->candidates + 1) != 0; /* one behind it */
}
