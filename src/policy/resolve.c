#include "policy/parts.h"

#define NAMES_IN_HINT 4

bool model_matches(const struct policy_backend *backend, const struct policy_model *model,
                   struct view name)
{
    if (view_eq(model->name, name))
        return true;
    static const struct view latest = VIEW_LIT(":latest");
    return backend->engine == ENGINE_OLLAMA && view_ends(model->name, latest) &&
           view_eq(view_first(model->name, model->name.n - latest.n), name);
}

static bool backend_has(const struct policy_backend *b, struct view name)
{
    for (unsigned i = 0; i < b->n_models; i++)
        if (model_matches(b, &b->models[i], name))
            return true;
    return false;
}

/* A few names that would have worked. */
static void hint_names(const struct policy_fleet *fleet, struct error *err)
{
    char names[120];
    struct view seen[NAMES_IN_HINT];
    unsigned n_seen = 0;
    size_t n = 0;
    for (unsigned i = 0; i < fleet->n_backends; i++) {
        const struct policy_backend *b = &fleet->backends[i];
        for (unsigned k = 0; k < b->n_models && n_seen < NAMES_IN_HINT; k++) {
            struct view name = b->models[k].name;
            bool known = false;
            for (unsigned s = 0; s < n_seen; s++)
                known |= view_eq(seen[s], name);
            if (known || n + name.n + 2 > sizeof names)
                continue;
            memcpy(names + n, ", ", 2);
            memcpy(names + n + 2, name.p, name.n);
            n += name.n + 2;
            seen[n_seen++] = name;
        }
    }
    error_hint(err, "Use \"auto\"%.*s; GET /v1/models lists all.", (int)n, names);
}

static bool unknown_model(struct view asked, const struct target *t,
                          const struct policy_fleet *fleet, const struct plan *plan,
                          struct error *err)
{
    bool silent = false;
    for (unsigned i = 0; i < fleet->n_backends; i++)
        silent |= fleet->backends[i].n_models == 0 &&
                  (!t->one_side || fleet->backends[i].side == t->side);
    if (silent) {
        error_set(err, ERROR_NO_BACKEND,
                  "No backend is known to have the model \"%.*s\", and not every backend has told "
                  "its models yet.",
                  (int)(t->model.n < 80 ? t->model.n : 80), t->model.p);
        error_hint(err, "Try again when the backends are up, or use \"auto\".");
        return error_param(err, VIEW("model"));
    }
    int n = (int)(asked.n < 80 ? asked.n : 80);
    if (plan->alias.n)
        error_set(err, ERROR_UNKNOWN_MODEL,
                  "The model \"%.*s\" stands for \"%.*s\" (alias), which no backend has.", n,
                  asked.p, (int)(t->model.n < 80 ? t->model.n : 80), t->model.p);
    else if (t->one_side)
        error_set(err, ERROR_UNKNOWN_MODEL, "No %s backend has the model of \"%.*s\".",
                  side_name(t->side), n, asked.p);
    else
        error_set(err, ERROR_UNKNOWN_MODEL, "The model \"%.*s\" does not exist.", n, asked.p);
    hint_names(fleet, err);
    return error_param(err, VIEW("model"));
}

/* `inside`, `outside/MODEL` and their like. */
static bool read_pin(struct view name, struct target *t)
{
    for (unsigned i = 0; i < SIDE_COUNT; i++) {
        struct view side = view_str(side_name((enum side)i));
        if (!view_starts(name, side))
            continue;
        struct view rest = view_skip(name, side.n);
        if (rest.n && rest.p[0] != '/')
            continue;
        rest = view_skip(rest, 1);
        t->model = view_eq(rest, VIEW("auto")) ? VIEW_NONE : rest;
        t->one_side = true;
        t->side = (enum side)i;
        return true;
    }
    return false;
}

/* The first model that embeds, of the side that is pinned, else inside before outside. */
static bool first_embedder(const struct policy_fleet *fleet, struct target *t)
{
    for (unsigned side = 0; side < SIDE_COUNT; side++)
        for (unsigned i = 0; i < fleet->n_backends; i++) {
            const struct policy_backend *b = &fleet->backends[i];
            if (b->side != side || (t->one_side && t->side != side))
                continue;
            for (unsigned k = 0; k < b->n_models; k++)
                if (b->models[k].abilities & ABILITY_EMBEDDINGS) {
                    t->model = b->models[k].name;
                    return true;
                }
        }
    return false;
}

static bool no_embedder(struct error *err)
{
    error_set(err, ERROR_BAD_VALUE, "No backend is known to have a model for embeddings.");
    error_hint(err, "Name the model, or give a backend one with `abilities: [embeddings]`.");
    return error_param(err, VIEW("model"));
}

/* Whether a target stands for whatever model fits. */
static bool names_none(struct view target)
{
    struct target t = {0};

    return view_eq(target, VIEW("auto")) || (read_pin(target, &t) && t.model.n == 0);
}

bool resolve_target(const struct config *config, const struct policy_question *question,
                    const struct policy_fleet *fleet, struct arena *a, struct plan *plan,
                    struct target *ret_target, struct error *err)
{
    static const struct view any = VIEW_LIT("auto");
    bool embeds = (question->facts->needs & LLM_NEED_EMBEDDINGS) != 0;
    struct target t = {0};
    struct view asked = question->model, name = asked;
    bool pin = read_pin(name, &t);
    for (unsigned i = 0; i < config->n_aliases && !pin && !view_eq(name, any); i++) {
        if (!view_matches_glob(name, config->aliases[i].pattern) ||
            (embeds && names_none(config->aliases[i].target)))
            continue;
        plan->alias = config->aliases[i].pattern;
        name = config->aliases[i].target;
        pin = read_pin(name, &t);
        break;
    }
    if (!pin && view_eq(name, any) && !embeds) {
        *ret_target = t;
        return true;
    }
    if (!pin && !view_eq(name, any))
        t.model = name;
    if (embeds && t.model.n == 0 && !first_embedder(fleet, &t))
        return no_embedder(err);
    plan->pinned = true;
    if (t.one_side) {
        plan->placement = t.side == SIDE_INSIDE ? PLACE_INSIDE_ONLY : PLACE_OUTSIDE_ONLY;
        t.because = CONCAT(a, VIEW("pinned "), view_str(side_name(t.side)));
    } else {
        t.because = CONCAT(a, VIEW("model "), t.model, VIEW(" was asked for"));
    }
    plan->because = t.because;
    bool has = t.model.n == 0;
    for (unsigned i = 0; i < fleet->n_backends && !has; i++)
        has = (!t.one_side || fleet->backends[i].side == t.side) &&
              backend_has(&fleet->backends[i], t.model);
    if (!has)
        return unknown_model(asked, &t, fleet, plan, err);
    *ret_target = t;
    return true;
}
