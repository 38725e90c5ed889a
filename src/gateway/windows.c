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

static bool config_has_window(const struct config_backend *b, struct view model)
{
    for (unsigned i = 0; i < b->n_models; i++)
        if (view_eq(b->models[i].name, model))
            return b->models[i].window > 0;
    return false;
}

uint32_t windows_needed(const struct exchange *x, const struct plan_candidate *c)
{
    const struct config_backend *b = &x->config->backends[c->backend];

    if ((x->facts.needs & LLM_NEED_EMBEDDINGS) || b->n_nodes < 2 || config_has_window(b, c->model))
        return 0;
    uint32_t needed = inspect_window(&x->facts, tokens_family(c->model));
    return needed > x->least_window ? needed : x->least_window;
}

bool windows_wider_node(const struct exchange *x, const struct plan_candidate *c, struct node *n)
{
    uint32_t own = fleet_window(n, c->model);
    struct policy_fleet fleet;

    return own > 0 && x->config->backends[c->backend].n_nodes > 1 &&
           !config_has_window(&x->config->backends[c->backend], c->model) &&
           fleet_view(x->fleet, x->arena, &fleet) && window_of(&fleet, c) > own;
}

void windows_exceeded(struct exchange *x, const struct plan_candidate *c, struct node *n)
{
    uint32_t own = fleet_window(n, c->model);

    if (own >= x->least_window && own < UINT32_MAX)
        x->least_window = own + 1;
}
