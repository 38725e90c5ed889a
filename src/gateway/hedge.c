#include "gateway/hedge.h"

#include "base/clock.h"
#include "gateway/race.h"
#include "gateway/windows.h"

/* Nobody but this node could be asked. */
static bool stands_alone(const struct exchange *x, unsigned i)
{
    struct fleet_set *set = fleet_set_ref(x->fleet, x->plan->candidates[i].backend);
    bool alone = set->n < 2 && x->plan->n_candidates < 2;

    fleet_set_unref(set);
    return alone;
}

/* When the node's first token counts as late; TIMER_NEVER: this attempt is not hedged. */
static int64_t late_at(struct exchange *x, unsigned i, struct node *node)
{
    struct hedge_budget *budget = &x->gateway->hedge_budget;
    int64_t after = x->config->hedge_after_min_ms * NS_PER_MS;

    if (x->config->hedge_share <= 0 || !x->request.stream || x->n_attempts > 0)
        return TIMER_NEVER;
    hedge_budget_earn(budget, x->config->hedge_share);
    if (stands_alone(x, i) || !hedge_budget_has(budget))
        return TIMER_NEVER;
    int64_t p95 = node_first_token_p95(node);
    if (p95 < 0)
        return TIMER_NEVER;
    return clock_mono_ns() + (p95 > after ? p95 : after);
}

/* Where a breaker is open the others have enough to do. */
static bool somebody_is_down(const struct exchange *x)
{
    bool down = false;

    for (unsigned i = 0; !down && i < x->plan->n_candidates; i++) {
        struct fleet_set *set = fleet_set_ref(x->fleet, x->plan->candidates[i].backend);
        for (unsigned k = 0; !x->plan->candidates[i].barred && !down && k < set->n; k++)
            down = atomic_load_explicit(&set->nodes[k].node->open, memory_order_relaxed);
        fleet_set_unref(set);
    }
    return down;
}

static bool has_a_queue(struct node *n)
{
    struct node_load load;
    int64_t age_ms;

    return node_load(n, loop_now_ns(), &load, &age_ms) && load.queued > 0;
}

/* What leaves only for speed must be known to hold nothing: looked through, and clean. */
static bool may_ask(const struct exchange *x, unsigned i)
{
    const struct plan_candidate *c = &x->plan->candidates[i];

    if (c->barred || x->too_long & (UINT32_C(1) << i))
        return false;
    return !c->leaves || x->config->perimeter.classes == 0 || x->plan->scan == PLAN_CLEAN;
}

/* The next node, of this candidate or one behind it. */
static struct node *find_second(const struct race *race, unsigned from, struct fleet_tried *tried,
                                const struct plan_candidate **ret_candidate)
{
    const struct exchange *x = race->first.x;

    if (somebody_is_down(x))
        return NULL;
    for (unsigned i = from; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        struct fleet_wish wish = {.backend = c->backend,
                                  .model = c->model,
                                  .roomy = true,
                                  .tokens = windows_needed(x, c),
                                  .arena = x->arena};
        struct fleet_tried before = tried[i];
        struct node *node = may_ask(x, i) ? fleet_pick(x->fleet, &wish, &tried[i]) : NULL;
        if (node && node != race->first.node && !has_a_queue(node)) {
            *ret_candidate = c;
            return node;
        }
        tried[i] = before;
    }
    return NULL;
}

static enum hedge_outcome outcome_of(const struct race *race)
{
    if (race->winner == &race->second)
        return HEDGE_WON;
    return race->second.outcome == ATTEMPT_LOST ? HEDGE_LOST : HEDGE_FAILED;
}

static void begin_second(struct race *race, unsigned i, struct fleet_tried *tried)
{
    struct exchange *x = race->first.x;
    struct hedge_budget *budget = &x->gateway->hedge_budget;
    const struct plan_candidate *c;

    if (!hedge_budget_spend(budget))
        return;
    struct node *node = find_second(race, i, tried, &c);
    if (!node || !race_join(race, c, node))
        hedge_budget_give_back(budget);
}

static OWN_FRAME enum attempt_outcome hedged(struct exchange *x, unsigned i, struct node *node,
                                             struct fleet_tried *tried, int64_t late_ns)
{
    const struct plan_candidate *c = &x->plan->candidates[i];
    struct race race;

    if (!race_begin(&race, x, c, node))
        return attempt_node(x, c, node);
    if (race_is_open(&race, late_ns))
        begin_second(&race, i, tried);
    enum attempt_outcome outcome = race_end(&race);
    if (race.second.task)
        stats_hedged(&x->gateway->stats, outcome_of(&race));
    return outcome;
}

enum attempt_outcome hedge_attempt(struct exchange *x, unsigned i, struct node *node,
                                   struct fleet_tried *tried)
{
    int64_t late_ns = late_at(x, i, node);

    return late_ns == TIMER_NEVER ? attempt_node(x, &x->plan->candidates[i], node)
                                  : hedged(x, i, node, tried, late_ns);
}
