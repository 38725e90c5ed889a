#include "gateway/models.h"

static struct llm_listed *find(const struct models *m, struct view name)
{
    for (unsigned i = 0; i < m->n; i++)
        if (view_eq(m->all[i].name, name))
            return &m->all[i];
    return NULL;
}

const struct llm_listed *models_find(const struct models *m, struct view name)
{
    return find(m, name);
}

/* Of one name the first backend's is told, but it is loaded where any has it loaded. */
static void add(struct models *m, struct llm_listed model)
{
    struct llm_listed *same = find(m, model.name);

    if (same)
        same->loaded |= model.loaded;
    else if (m->n < MODELS_MAX)
        m->all[m->n++] = model;
}

static void add_backend(struct models *m, const struct policy_backend *b, bool pins,
                        struct arena *a)
{
    for (unsigned i = 0; i < b->n_models && m->n < MODELS_MAX; i++) {
        const struct policy_model *model = &b->models[i];
        struct llm_listed listed = {.name = model->name,
                                    .owner = b->name,
                                    .window = model->window,
                                    .loaded = model->loaded,
                                    .abilities = model->abilities};
        add(m, listed);
        if (!pins)
            continue;
        listed.name = arena_printf(a, "%s/%.*s", side_name(b->side), VIEW_ARG(model->name));
        add(m, listed);
    }
}

bool models_collect(struct fleet *f, bool pins, struct arena *a, struct models *ret_models,
                    struct error *err)
{
    const struct config *c = fleet_config(f);
    struct policy_fleet fleet;
    struct models m = {.all = arena_new_array(a, struct llm_listed, MODELS_MAX)};

    if (!m.all || !fleet_view(f, a, &fleet))
        return error_set(err, ERROR_NO_MEMORY, "no memory to list the models");
    add(&m, (struct llm_listed){.name = VIEW("auto"), .owner = VIEW("weir")});
    for (unsigned i = 0; i < c->n_aliases; i++)
        if (view_find_char(c->aliases[i].pattern, '*') == VIEW_NPOS)
            add(&m, (struct llm_listed){.name = c->aliases[i].pattern, .owner = VIEW("weir")});
    for (unsigned i = 0; i < fleet.n_backends; i++)
        add_backend(&m, &fleet.backends[i], pins, a);
    if (arena_failed(a))
        return error_set(err, ERROR_NO_MEMORY, "no memory to list the models");
    *ret_models = m;
    return true;
}
