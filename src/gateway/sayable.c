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

/* In which dialect that candidate is asked. False, with the reason: in none. */
static bool way_to(const struct config_backend *backend, const struct llm_request *request,
                   enum llm_dialect *ret_asked, struct error *why)
{
    if (!llm_asked_in(request->dialect, backend->dialect, backend->engine, ret_asked)) {
        error_set(why, ERROR_BAD_VALUE, "%s has no endpoint for %s.",
                  dialect_name(backend->dialect), dialect_name(request->dialect));
        return error_hint(why, "Ask for another model.");
    }
    /* Only an engine of the organisation's own is told what to hold in its memory. */
    if (request->load != LLM_LOAD_NONE &&
        (*ret_asked != request->dialect || backend->side == SIDE_OUTSIDE))
        return error_set(why, ERROR_BAD_VALUE, "It is not told what to load.");
    return true;
}

/* The error's sentence without its full stop, and the field before it where it does not name it. */
static struct view reason_of(const struct error *err, struct arena *a)
{
    struct view text = error_own_words(err), param = view_str(err->param);

    if (view_ends(text, VIEW(".")))
        text = view_first(text, text.n - 1);
    return param.n && view_find(text, param) == VIEW_NPOS
               ? arena_printf(a, "%.*s: %.*s", VIEW_ARG(param), VIEW_ARG(text))
               : arena_dup(a, text);
}

static bool can_be_told(const struct config_backend *backend, struct view model,
                        struct llm_request *request, struct arena *request_arena, struct error *why)
{
    enum llm_dialect asked;

    if (!way_to(backend, request, &asked, why))
        return false;
    if (asked == request->dialect)
        return true;
    struct llm_rewrite rewrite = translate_rewrite(request, backend, model);
    const struct llm_neutral *neutral = llm_request_neutral(request, request_arena, why);
    return neutral && sayable(neutral, asked, &rewrite, why);
}

bool sayable_sift(const struct config *config, struct llm_request *request,
                  struct arena *request_arena, struct plan *plan, struct arena *plan_arena,
                  struct error *err)
{
    struct error first = {0};

    for (unsigned i = 0; i < plan->n_candidates;) {
        const struct plan_candidate *c = &plan->candidates[i];
        struct error why;
        if (can_be_told(&config->backends[c->backend], c->model, request, request_arena, &why)) {
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
    if (plan->n_candidates > 0 || request->load != LLM_LOAD_NONE)
        return true;
    *err = first;
    return false;
}
