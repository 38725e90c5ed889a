#include "gateway/models.h"

#include "json/writer.h"

enum { MAX_LISTED = 2048 };

struct listing {
    struct view names[MAX_LISTED];
    struct view owners[MAX_LISTED];
    unsigned n;
};

static void add(struct listing *l, struct view name, struct view owner)
{
    for (unsigned i = 0; i < l->n; i++)
        if (view_eq(l->names[i], name))
            return;
    if (l->n == MAX_LISTED)
        return;
    l->names[l->n] = name;
    l->owners[l->n++] = owner;
}

static void collect(const struct config *c, const struct policy_fleet *fleet, struct arena *a,
                    struct listing *l)
{
    add(l, VIEW("auto"), VIEW("weir"));
    for (unsigned i = 0; i < c->n_aliases; i++)
        if (view_find_char(c->aliases[i].pattern, '*') == VIEW_NPOS)
            add(l, c->aliases[i].pattern, VIEW("weir"));
    for (unsigned i = 0; i < fleet->n_backends; i++) {
        const struct policy_backend *b = &fleet->backends[i];
        for (unsigned k = 0; k < b->n_models; k++) {
            add(l, b->models[k].name, b->name);
            add(l, arena_printf(a, "%s/%.*s", side_name(b->side), VIEW_ARG(b->models[k].name)),
                b->name);
        }
    }
}

static void write_anthropic(struct json_writer *w, struct view name)
{
    json_put_object(w);
    json_put_member_string(w, VIEW("type"), VIEW("model"));
    json_put_member_string(w, VIEW("id"), name);
    json_put_member_string(w, VIEW("display_name"), name);
    json_put_member_string(w, VIEW("created_at"), VIEW("1970-01-01T00:00:00Z")); /* not known */
    json_put_close(w);
}

static void write_one(struct json_writer *w, bool anthropic, struct view name, struct view owner)
{
    if (anthropic) {
        write_anthropic(w, name);
        return;
    }
    json_put_object(w);
    json_put_member_string(w, VIEW("id"), name);
    json_put_member_string(w, VIEW("object"), VIEW("model"));
    json_put_member_i64(w, VIEW("created"), 0);
    json_put_member_string(w, VIEW("owned_by"), owner);
    json_put_close(w);
}

bool models_write(struct fleet *f, bool anthropic, struct view only, struct arena *a,
                  struct buf *out, struct error *err)
{
    struct listing *l = arena_new_of(a, struct listing);
    struct policy_fleet fleet;
    struct json_writer w = JSON_WRITER(out);

    if (!l || !fleet_view(f, a, &fleet))
        return error_set(err, ERROR_NO_MEMORY, "no memory to list the models");
    collect(fleet_config(f), &fleet, a, l);
    if (only.n > 0) {
        for (unsigned i = 0; i < l->n; i++)
            if (view_eq(l->names[i], only)) {
                write_one(&w, anthropic, only, l->owners[i]);
                return true;
            }
        error_set(err, ERROR_UNKNOWN_MODEL, "there is no model '%.*s' here",
                  VIEW_ARG(view_first(only, 80)));
        return error_hint(err, "GET /v1/models lists all of them.");
    }
    json_put_object(&w);
    if (!anthropic)
        json_put_member_string(&w, VIEW("object"), VIEW("list"));
    json_put_key(&w, VIEW("data"));
    json_put_array(&w);
    for (unsigned i = 0; i < l->n; i++)
        write_one(&w, anthropic, l->names[i], l->owners[i]);
    json_put_close(&w);
    if (anthropic) {
        json_put_member_bool(&w, VIEW("has_more"), false);
        json_put_member_string(&w, VIEW("first_id"), l->names[0]);
        json_put_member_string(&w, VIEW("last_id"), l->names[l->n - 1]);
    }
    json_put_close(&w);
    return true;
}
