/* model_name, model_group_alias and fallbacks become aliases and rules. */
#include "config/import_parts.h"

static struct import_alias *find(struct import *im, struct view name)
{
    for (unsigned i = 0; i < im->n_aliases; i++)
        if (view_eq(im->aliases[i].name, name))
            return &im->aliases[i];
    return NULL;
}

static struct import_alias *add(struct import *im, const struct tree_node *at, struct view name)
{
    const char *why = NULL;

    if (view_eq(name, VIEW("auto")) || view_starts(name, VIEW("inside/")) ||
        view_starts(name, VIEW("outside/")))
        why = "means something else in Weir: choose another name";
    else if (!import_usable(name))
        why = "is no name that a config can hold";
    else if (im->n_aliases == IMPORT_MAX_ALIASES)
        why = "is one name too many: 1000 are carried";
    if (why) {
        import_note(im, at, import_clean(im, name), why);
        return NULL;
    }
    struct import_alias *alias = &im->aliases[im->n_aliases++];
    *alias = (struct import_alias){.at = at, .name = name};
    return alias;
}

static bool is_better(const struct import_deployment *d, const struct import_deployment *than)
{
    if (!than || d->backend->known != than->backend->known)
        return !than || d->backend->known;
    if (d->order != than->order)
        return d->order < than->order;
    return d->backend->index < than->backend->index;
}

/* The first of a group's deployments in the order in which Weir asks. */
static const struct import_deployment *first_of(const struct import *im, struct view group)
{
    const struct import_deployment *best = NULL;

    for (unsigned i = 0; i < im->n_deployments; i++) {
        const struct import_deployment *d = &im->deployments[i];
        if (d->backend && d->model.n && view_eq(d->group, group) && is_better(d, best))
            best = d;
    }
    return best;
}

static bool in_group(const struct import *im, struct view group, const struct import_backend *b)
{
    for (unsigned i = 0; i < im->n_deployments; i++)
        if (im->deployments[i].backend == b && view_eq(im->deployments[i].group, group))
            return true;
    return false;
}

/* Weir asks every backend that has the model. */
static void note_others(struct import *im, const struct import_alias *a)
{
    for (unsigned i = 0; i < im->n_backends; i++) {
        const struct import_backend *b = im->backends[i];
        bool has = false;
        for (unsigned k = 0; k < b->n_models && !has; k++)
            has = view_eq(b->models[k].name, a->model);
        if (has && b->known && (a->both_sides || b->side == a->side) && !in_group(im, a->name, b))
            import_notef(im, a->at, "has the model too, so Weir may ask it for this name",
                         "%.*s: backend %.*s", VIEW_ARG(import_clean(im, a->name)),
                         VIEW_ARG(b->name));
    }
}

static void make_group(struct import *im, const struct import_deployment *of)
{
    const struct import_deployment *first = first_of(im, of->group);
    unsigned backends = 0;

    if (!first) {
        if (of->backend && !view_eq(of->group, VIEW("*")))
            import_note(im, of->at, import_clean(im, of->group),
                        "is a pattern: ask for its models by the names that the server has");
        return;
    }
    struct import_alias *a = add(im, of->at, of->group);
    if (!a)
        return;
    a->model = first->model;
    a->side = first->side;
    a->known = first->backend->known;
    for (unsigned i = 0; i < im->n_deployments; i++) {
        const struct import_deployment *d = &im->deployments[i];
        if (!d->backend || !d->model.n || !view_eq(d->group, a->name))
            continue;
        if (!view_eq(d->model, a->model)) {
            import_notef(im, d->at, "a name stands for one model; this one is not asked for it",
                         "%.*s: %.*s beside %.*s", VIEW_ARG(import_clean(im, a->name)),
                         VIEW_ARG(import_clean(im, d->model)),
                         VIEW_ARG(import_clean(im, a->model)));
            continue;
        }
        a->both_sides |= d->side != a->side && d->backend->known;
        backends += d->backend != first->backend;
    }
    if (backends)
        import_note(im, of->at, import_clean(im, a->name),
                    "its servers are no nodes of one backend, so they are asked one after the "
                    "other and share no load");
    note_others(im, a);
}

static void make_group_alias(struct import *im, const struct tree_node *m)
{
    const struct tree_node *target = m;
    struct import_alias *of, *a;

    if (m->kind == TREE_MAP) {
        target = tree_find(m, "model");
        const struct tree_node *hidden = tree_find(m, "hidden");
        if (hidden && hidden->kind == TREE_TEXT && view_eq_nocase(hidden->text, VIEW("true")))
            import_note(im, hidden, import_clean(im, m->key->text),
                        "GET /v1/models lists all aliases, hidden ones too");
    }
    of = target && target->kind == TREE_TEXT ? find(im, target->text) : NULL;
    if (!of || find(im, m->key->text)) {
        import_note(im, m, import_clean(im, m->key->text),
                    of ? "is an alias and a model_name: the model_name is carried"
                       : "is an alias of no model_name that was carried");
        return;
    }
    a = add(im, m->key, m->key->text);
    if (a) {
        a->of = of->of ? of->of : of;
        a->known = a->of->known;
    }
}

/* A target is looked up once: a plain model must not be called like an alias. */
static void avoid_chains(struct import *im)
{
    for (unsigned i = 0; i < im->n_aliases; i++) {
        struct import_alias *a = &im->aliases[i];
        if (a->both_sides && find(im, a->model)) {
            a->both_sides = false;
            import_note(im, a->at, import_clean(im, a->name),
                        "stays on the side of its first server, because its model is called like "
                        "an alias");
        }
    }
}

void import_make_aliases(struct import *im)
{
    const struct tree_node *map =
        tree_find(tree_find(im->root, "router_settings"), "model_group_alias");

    im->aliases = arena_new_array(im->arena, struct import_alias, IMPORT_MAX_ALIASES);
    if (!im->aliases)
        return;
    for (unsigned i = 0; i < im->n_deployments; i++) {
        bool seen = false;
        for (unsigned k = 0; k < i && !seen; k++)
            seen = view_eq(im->deployments[k].group, im->deployments[i].group);
        if (!seen)
            make_group(im, &im->deployments[i]);
    }
    for (const struct tree_node *m = map && map->kind == TREE_MAP ? map->first : NULL; m;
         m = m->next)
        make_group_alias(im, m);
    avoid_chains(im);
}

/* ---- fallbacks ------------------------------------------------------------------------------- */

enum { MAX_CHAIN = 32 };

/* The models in the order in which `auto` asks them when it begins on this side: the first of each
 * backend, without repetition. False when that is not known. */
static bool auto_order(const struct import *im, enum side side, struct view *models,
                       unsigned *ret_n)
{
    unsigned n = 0;

    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < im->n_backends; i++) {
            const struct import_backend *b = im->backends[i];
            bool known = false;
            if (!b->known || (b->side == side) != (turn == 0))
                continue;
            if (b->any_model || b->n_models == 0)
                return false;
            for (unsigned k = 0; k < n && !known; k++)
                known = view_eq(models[k], b->models[0].name);
            if (known)
                continue;
            if (n == MAX_CHAIN)
                return false;
            models[n++] = b->models[0].name;
        }
    *ret_n = n;
    return true;
}

/* Whether `auto`, beginning on the side of `a`, asks for its model and then for those of `list`. */
static bool auto_does(struct import *im, const struct import_alias *a, const struct tree_node *list)
{
    struct view models[MAX_CHAIN];
    unsigned n = 0, at = 1;

    if (a->both_sides || !a->known || !auto_order(im, a->side, models, &n) || n == 0 ||
        !view_eq(models[0], a->model))
        return false;
    for (const struct tree_node *m = list->first; m; m = m->next) {
        const struct import_alias *to = m->kind == TREE_TEXT ? find(im, m->text) : NULL;
        if (to && to->of)
            to = to->of;
        if (!to || !to->known)
            return false;
        if (view_eq(to->model, models[at - 1]))
            continue;
        if (at == n || !view_eq(to->model, models[at]))
            return false;
        at++;
    }
    return at == n;
}

static void read_one(struct import *im, const struct tree_node *m)
{
    struct import_alias *a = find(im, m->key->text);
    struct view what = import_clean(im, m->key->text);

    if (!a || a->of || m->kind != TREE_LIST) {
        import_notef(im, m->key, "is the fallback of no model_name that was carried", "%.*s",
                     VIEW_ARG(what));
    } else if (auto_does(im, a, m)) {
        a->to_auto = !a->not_auto;
    } else {
        a->to_auto = false;
        a->not_auto = true;
        import_notef(im, m->key,
                     "Weir has other models behind a name only under auto, which takes the first "
                     "that fits of each backend, one side after the other; that is another order, "
                     "so the name stays with its model (docs/import.md)",
                     "the fallback of %.*s", VIEW_ARG(what));
    }
}

static void read_list(struct import *im, const struct tree_node *list)
{
    if (!list || list->kind != TREE_LIST)
        return;
    for (const struct tree_node *item = list->first; item; item = item->next)
        for (const struct tree_node *m = item->kind == TREE_MAP ? item->first : NULL; m;
             m = m->next)
            read_one(im, m);
}

void import_read_fallbacks(struct import *im)
{
    static const char *const sections[] = {"router_settings", "litellm_settings"};

    for (unsigned i = 0; im->aliases && i < 2; i++) {
        const struct tree_node *section = tree_find(im->root, sections[i]);
        read_list(im, tree_find(section, "fallbacks"));
        read_list(im, tree_find(section, "context_window_fallbacks"));
    }
}
