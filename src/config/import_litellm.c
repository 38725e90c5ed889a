/* LiteLLM's config, from its tree to the result. */
#include "config/import_parts.h"

enum { ARENA_MAX = 64 << 20, NOTES_MAX = 1 << 20, VARIABLES_MAX = 1 << 20 };

static bool no_models(struct import *im)
{
    error_set(im->err, ERROR_BAD_CONFIG, "%.100s: it has no model_list", im->name);
    return error_hint(im->err, "name the config.yaml that litellm --config reads");
}

static bool nothing_carried(struct import *im)
{
    error_set(im->err, ERROR_BAD_CONFIG,
              "%.100s: no entry of model_list is one that Weir can serve", im->name);
    return error_hint(im->err, "the notes say why");
}

static bool has_known_backend(const struct import *im)
{
    for (unsigned i = 0; i < im->n_backends; i++)
        if (im->backends[i]->known)
            return true;
    return false;
}

/* Every variable can stand for a URL as well as for a key in this form, and no two are the same. */
static void write_variables(const struct import *im, struct buf *out)
{
    for (unsigned i = 0; i < im->n_variables; i++)
        buf_printf(out, "%.*s=http://%.*s.invalid\n", VIEW_ARG(im->variables[i].name),
                   VIEW_ARG(im->variables[i].name));
}

static bool run(struct import *im, struct view text, struct import_result *r)
{
    im->root = tree_read_foreign(text, im->name, im->arena, im->err);
    if (!im->root)
        return false;
    if (!tree_find(im->root, "model_list"))
        return no_models(im);
    import_read_models(im);
    import_make_backends(im);
    import_make_aliases(im);
    import_read_settings(im);
    import_read_fallbacks(im);
    import_write(im, &r->config);
    write_variables(im, &r->variables);
    import_notes_write(im, &r->notes);
    r->n_backends = im->n_backends;
    r->n_aliases = im->n_aliases;
    r->n_notes = im->n_notes;
    if (arena_failed(im->arena) || !buf_ok(&r->config) || !buf_ok(&r->notes)) {
        error_set(im->err, ERROR_NO_MEMORY, "%.100s needs too much memory", im->name);
        return error_hint(im->err, "import a smaller part of it");
    }
    return has_known_backend(im) || nothing_carried(im);
}

bool import_litellm(struct view text, const char *name, struct import_result *ret,
                    struct error *err)
{
    struct import im = {.name = name, .arena = arena_new(ARENA_MAX), .err = err};

    *ret = (struct import_result){.config = BUF_MAX(TREE_MAX_BYTES),
                                  .notes = BUF_MAX(NOTES_MAX),
                                  .variables = BUF_MAX(VARIABLES_MAX)};
    if (im.arena) {
        im.notes = arena_new_array(im.arena, struct import_note, IMPORT_MAX_NOTES);
        im.variables = arena_new_array(im.arena, struct import_variable, IMPORT_MAX_VARIABLES);
    }
    bool ok = im.arena && im.notes && im.variables;
    if (ok)
        ok = run(&im, text, ret);
    else
        error_set(err, ERROR_NO_MEMORY, "no memory for the import");
    arena_free(im.arena);
    return ok;
}

void import_done(struct import_result *r)
{
    buf_done(&r->config);
    buf_done(&r->notes);
    buf_done(&r->variables);
}
