#include "policy/parts.h"

/* A pin decides alone, unless the policy keeps the request inside. */
static void pin_over_policy(const struct target *target, struct plan *plan)
{
    if (plan->placement == PLACE_INSIDE_ONLY && !(target->one_side && target->side == SIDE_INSIDE))
        return;
    if (target->one_side)
        plan->placement = target->side == SIDE_INSIDE ? PLACE_INSIDE_ONLY : PLACE_OUTSIDE_ONLY;
    plan->because = target->because;
}

bool policy_decide(const struct config *config, const struct policy_question *question,
                   const struct policy_fleet *fleet, struct arena *a, struct plan *ret_plan,
                   struct error *err)
{
    struct target target;
    *ret_plan = (struct plan){.task = question->facts->task};
    if (!resolve_target(config, question, fleet, a, ret_plan, &target, err) ||
        !place_task(config, question, a, ret_plan, err))
        return false;
    place_modes(config, question, a, ret_plan);
    place_continuing(config, question, a, ret_plan);
    if (ret_plan->pinned)
        pin_over_policy(&target, ret_plan);
    if (!collect_candidates(question, fleet, &target, a, ret_plan, err))
        return false;
    if (arena_failed(a))
        return error_set(err, ERROR_NO_MEMORY, "No memory for the plan.");
    return true;
}
