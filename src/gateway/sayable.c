#include "gateway/sayable.h"

#include "gateway/translate.h"

/* Writes the request for that candidate into a buffer that keeps nothing: only what cannot be said
 * is of interest. */
static bool sayable(const struct llm_neutral *neutral, enum llm_dialect dialect,
                    const struct llm_rewrite *rewrite, struct error *err)
{
    struct buf nothing = BUF_MAX(0), notes = BUF_MAX(0);

    return llm_dialect(dialect)->request_write(neutral, rewrite, &nothing, &notes, err) ||
           err->code == ERROR_NO_MEMORY;
}

/* The error's sentence without its full stop, and the field before it where it does not name it. */
static struct view reason_of(const struct error *err, struct arena *a)
{
    struct view text = view_str(err->text), param = view_str(err->param);

    if (view_ends(text, VIEW(".")))
        text = view_first(text, text.n - 1);
    return param.n && view_find(text, param) == VIEW_NPOS
               ? arena_printf(a, "%.*s: %.*s", VIEW_ARG(param), VIEW_ARG(text))
               : arena_dup(a, text);
}

bool sayable_sift(const struct config *config, struct llm_request *request,
                  struct arena *request_arena, struct plan *plan, struct arena *plan_arena,
                  struct error *err)
{
    struct error first = {0};

    for (unsigned i = 0; i < plan->n_candidates;) {
        const struct plan_candidate *c = &plan->candidates[i];
        const struct config_backend *backend = &config->backends[c->backend];
        struct error why;
        if (backend->dialect == request->dialect) {
            i++;
            continue;
        }
        struct llm_rewrite rewrite = translate_rewrite(request, backend, c->model);
        const struct llm_neutral *neutral = llm_request_neutral(request, request_arena, &why);
        if (neutral && sayable(neutral, backend->dialect, &rewrite, &why)) {
            i++;
            continue;
        }
        if (why.code == ERROR_NO_MEMORY) {
            *err = why;
            return false;
        }
        if (first.code == ERROR_NONE)
            first = why;
        plan_leave_out(plan, i, reason_of(&why, plan_arena));
    }
    if (plan->n_candidates > 0)
        return true;
    *err = first;
    return false;
}
