/* What was found in a request decides who may still be asked. */
#include "policy/policy.h"

enum { FOUND_BYTES = 512 };

const char *plan_scan_name(enum plan_scan scan)
{
    static const char *const names[] = {"not scanned", "clean", "found", "failed"};
    return names[scan];
}

static enum data_mode strictest(const struct plan *plan, uint32_t classes)
{
    enum data_mode mode = DATA_ALLOW;

    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (classes & UINT32_C(1) << i && plan->modes[i] > mode)
            mode = (enum data_mode)plan->modes[i];
    return mode;
}

static struct view found_text(const struct policy_findings *found, struct arena *a)
{
    struct buf b = BUF_MAX(FOUND_BYTES);

    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (found->classes & UINT32_C(1) << i)
            buf_printf(&b, "%s%s %u", b.len ? ", " : "", data_class_name((enum data_class)i),
                       found->counts ? found->counts[i] : 1);
    struct view text = arena_dup(a, buf_ok(&b) ? buf_view(&b) : VIEW("many classes"));
    buf_done(&b);
    return text;
}

bool policy_keep_inside(struct plan *plan, struct view reason)
{
    unsigned left = 0;

    for (unsigned i = 0; i < plan->n_candidates; i++) {
        struct plan_candidate *c = &plan->candidates[i];
        left += !c->leaves;
        if (!c->leaves || c->barred)
            continue;
        c->barred = true;
        if (plan->n_skipped < PLAN_MAX_CANDIDATES)
            plan->skipped[plan->n_skipped++] = (struct plan_skipped){
                .backend_name = c->backend_name, .model = c->model, .reason = reason};
    }
    return left > 0;
}

static bool blocked(const struct plan *plan, struct error *err)
{
    error_set(err, ERROR_SENSITIVE, "The request holds what the policy blocks (%.*s).",
              VIEW_ARG(view_first(plan->found, 160)));
    return error_hint(err, "Take it out of the request, or change %.*s.",
                      VIEW_ARG(view_first(plan->modes_because, 60)));
}

static bool nobody_inside(const struct plan *plan, struct error *err)
{
    if (plan->scan == PLAN_SCAN_FAILED)
        error_set(err, ERROR_SENSITIVE,
                  "The request could not be looked through for sensitive data, so it may not go "
                  "outside, and no backend inside can answer it.");
    else
        error_set(err, ERROR_SENSITIVE,
                  "The request holds sensitive data (%.*s), so it may not go outside, and no "
                  "backend inside can answer it.",
                  VIEW_ARG(view_first(plan->found, 120)));
    return error_hint(err, "Give Weir a backend inside for it, or mask or allow these classes in "
                           "perimeter.modes.");
}

struct policy_findings policy_findings_of(const struct findings *f)
{
    struct policy_findings found = {
        .scan = f->classes ? PLAN_FOUND : PLAN_CLEAN, .classes = f->classes, .counts = f->counts};

    for (unsigned i = 0; i < f->n; i++)
        if (!f->all[i].maskable)
            found.unmaskable |= UINT32_C(1) << f->all[i].class;
    return found;
}

/* Whether something that would have to be masked cannot be. */
static bool cannot_mask(const struct plan *plan, uint32_t unmaskable)
{
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (unmaskable & UINT32_C(1) << i && plan->modes[i] == DATA_MASK)
            return true;
    return false;
}

/* A split's digest and its completion are written inside. */
static bool anybody_inside(const struct plan *plan)
{
    for (unsigned i = 0; i < plan->n_candidates; i++)
        if (!plan->candidates[i].leaves)
            return true;
    return false;
}

bool policy_screen(const struct policy_findings *found, struct arena *a, struct plan *plan,
                   struct error *err)
{
    plan->scan = found->scan;
    if (found->scan == PLAN_NOT_SCANNED || found->scan == PLAN_CLEAN)
        return true;
    if (found->scan == PLAN_SCAN_FAILED) {
        plan->mode = DATA_LOCAL;
        return policy_keep_inside(plan, VIEW("could not be scanned: stays inside")) ||
               nobody_inside(plan, err);
    }
    plan->found = found_text(found, a);
    plan->mode = strictest(plan, found->classes);
    if (plan->mode == DATA_BLOCK)
        return blocked(plan, err);
    if (cannot_mask(plan, found->unmaskable) && plan->mode < DATA_LOCAL)
        plan->mode = DATA_LOCAL;
    if (plan->mode == DATA_SPLIT && !anybody_inside(plan))
        plan->mode = DATA_LOCAL;
    if (plan->mode < DATA_LOCAL)
        return true;
    return policy_keep_inside(plan,
                              arena_printf(a, "holds %.*s: stays inside", VIEW_ARG(plan->found))) ||
           nobody_inside(plan, err);
}
