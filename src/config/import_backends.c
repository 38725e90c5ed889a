/* Deployments become backends: one for each server, then one for servers that have the same. */
#include "config/import_parts.h"

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool engine_is_known(const char *name)
{
    for (unsigned i = 0; i < ENGINE_COUNT; i++)
        if (strcmp(name, engine_name((enum engine)i)) == 0)
            return true;
    return false;
}

static bool same_server(const struct import_backend *b, const struct import_deployment *d)
{
    return strcmp(b->provider->engine, d->provider->engine) == 0 && b->side == d->side &&
           view_eq(b->urls[0], d->url) && view_eq(b->key, d->key);
}

static bool add_model(struct import *im, struct import_backend *b,
                      const struct import_deployment *d)
{
    for (unsigned i = 0; i < b->n_models; i++) {
        struct config_model *m = &b->models[i];
        if (!view_eq(m->name, d->model))
            continue;
        if (d->facts.window && (!m->window || d->facts.window < m->window))
            m->window = d->facts.window;
        if (!m->abilities_known && d->facts.abilities_known) {
            m->abilities = d->facts.abilities;
            m->abilities_known = true;
        }
        return true;
    }
    if (b->n_models == IMPORT_MAX_MODELS)
        return false;
    if (b->n_models == b->cap_models) {
        unsigned cap = b->cap_models ? 2 * b->cap_models : 4;
        struct config_model *models = arena_new_array(im->arena, struct config_model, cap);
        if (!models)
            return false;
        if (b->n_models)
            memcpy(models, b->models, b->n_models * sizeof(*models));
        b->models = models;
        b->cap_models = cap;
    }
    b->models[b->n_models] = d->facts;
    b->models[b->n_models++].name = d->model;
    return true;
}

/* One time for all that a server has: the longest. */
static void longest(struct import *im, const struct import_deployment *d, int64_t *ms,
                    int64_t other, const char *what)
{
    if (*ms && other && *ms != other)
        import_note(im, d->at, view_str(what),
                    "a backend has one for all its models: the longest is taken");
    *ms = larger(*ms, other);
}

static void place(struct import *im, struct import_deployment *d)
{
    struct import_backend *b = NULL;

    for (unsigned i = 0; i < im->n_backends && !b; i++)
        if (same_server(im->backends[i], d))
            b = im->backends[i];
    if (!b) {
        if (!(b = arena_new_of(im->arena, struct import_backend)))
            return;
        *b = (struct import_backend){.provider = d->provider,
                                     .side = d->side,
                                     .known = engine_is_known(d->provider->engine),
                                     .key = d->key,
                                     .urls = {d->url},
                                     .n_urls = 1,
                                     .order = d->order};
        im->backends[im->n_backends++] = b;
    }
    if (d->model.n == 0) {
        b->any_model = true;
    } else if (!add_model(im, b, d)) {
        import_note(im, d->at, VIEW("a model"), "a backend has 1024 models at the most");
        return;
    }
    if (d->order < b->order)
        b->order = d->order;
    longest(im, d, &b->total_ms, d->total_ms, "timeout");
    longest(im, d, &b->first_token_ms, d->first_token_ms, "stream_timeout");
    if (b->cost_per_hour_nano && d->cost_per_hour_nano &&
        b->cost_per_hour_nano != d->cost_per_hour_nano)
        import_note(im, d->at, VIEW("input_cost_per_second"),
                    "a node costs the same for all its models: the largest is taken");
    b->cost_per_hour_nano = larger(b->cost_per_hour_nano, d->cost_per_hour_nano);
    d->backend = b;
}

static bool has_model(const struct import_backend *b, struct view name)
{
    for (unsigned i = 0; i < b->n_models; i++)
        if (view_eq(b->models[i].name, name))
            return true;
    return false;
}

static bool can_merge(const struct import_backend *a, const struct import_backend *b)
{
    if (strcmp(a->provider->engine, b->provider->engine) != 0 || a->side != b->side ||
        a->order != b->order || a->any_model || b->any_model || !view_eq(a->key, b->key) ||
        a->n_models != b->n_models || a->cost_per_hour_nano != b->cost_per_hour_nano ||
        a->n_urls == IMPORT_MAX_NODES)
        return false;
    for (unsigned i = 0; i < a->n_models; i++)
        if (!has_model(b, a->models[i].name))
            return false;
    return true;
}

static void merge(struct import_backend *into, struct import_backend *b)
{
    for (unsigned i = 0; i < into->n_models; i++)
        for (unsigned k = 0; k < b->n_models; k++) {
            struct config_model *m = &into->models[i], *other = &b->models[k];
            if (view_eq(m->name, other->name) && other->window &&
                (!m->window || other->window < m->window))
                m->window = other->window;
        }
    into->urls[into->n_urls++] = b->urls[0];
    into->total_ms = larger(into->total_ms, b->total_ms);
    into->first_token_ms = larger(into->first_token_ms, b->first_token_ms);
    b->merged = into;
}

static void merge_all(struct import *im)
{
    unsigned n = 0;

    for (unsigned i = 0; i < im->n_backends; i++) {
        struct import_backend *b = im->backends[i];
        for (unsigned k = 0; k < n && !b->merged; k++)
            if (can_merge(im->backends[k], b))
                merge(im->backends[k], b);
        if (!b->merged)
            im->backends[n++] = b;
    }
    im->n_backends = n;
}

/* `order` first, then the file's order: that is in which order Weir asks. */
static void sort(struct import *im)
{
    for (unsigned i = 1; i < im->n_backends; i++) {
        struct import_backend *b = im->backends[i];
        unsigned k = i;
        for (; k > 0 && im->backends[k - 1]->order > b->order; k--)
            im->backends[k] = im->backends[k - 1];
        im->backends[k] = b;
    }
}

static void name_all(struct import *im)
{
    for (unsigned i = 0; i < im->n_backends; i++) {
        struct import_backend *b = im->backends[i];
        b->index = i;
        const char *word =
            strcmp(b->provider->engine, "openai") == 0 ? b->provider->prefix : b->provider->engine;
        if (b->side == SIDE_INSIDE && strcmp(word, "openai") == 0)
            word = "own";
        unsigned number = 1;
        for (unsigned k = 0; k < i; k++)
            number += view_starts(im->backends[k]->name, view_str(word)) &&
                      (im->backends[k]->name.n == strlen(word) ||
                       im->backends[k]->name.p[strlen(word)] == '-');
        b->name = number == 1 ? arena_dup(im->arena, view_str(word))
                              : arena_printf(im->arena, "%s-%u", word, number);
    }
}

void import_make_backends(struct import *im)
{
    im->backends = arena_new_array(im->arena, struct import_backend *, im->n_deployments + 1);
    if (!im->backends)
        return;
    for (unsigned i = 0; i < im->n_deployments; i++)
        place(im, &im->deployments[i]);
    merge_all(im);
    sort(im);
    if (im->n_backends > IMPORT_MAX_BACKENDS)
        im->n_backends = IMPORT_MAX_BACKENDS;
    name_all(im);
    for (unsigned i = 0; i < im->n_deployments; i++) {
        struct import_deployment *d = &im->deployments[i];
        if (d->backend && d->backend->merged)
            d->backend = d->backend->merged;
        if (d->backend && d->backend->name.n == 0) {
            d->backend = NULL;
            import_note(im, d->at, VIEW("an entry of model_list"),
                        "a config has 256 backends at the most");
        }
        if (d->backend && !d->backend->known)
            import_notef(im, d->at,
                         "this Weir has no such engine: its backend and aliases are written as "
                         "comments",
                         "%s", d->provider->engine);
    }
}
