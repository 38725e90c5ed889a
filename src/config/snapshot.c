/* A snapshot's life: loaded, held, compared with its successor. */
#include "config/load.h"
#include "config/values.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    SNAPSHOT_MAX = 16 << 20, /* bytes of a snapshot's arena */
    SCRATCH_MAX = 32 << 20,
    WARNINGS_MAX = 64 << 10,
};

bool load_read_file(const char *path, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd >= 0) {
        do {
            char *to = buf_reserve(out, 16384);
            if (!to)
                break;
            n = read(fd, to, 16384);
            out->len += n > 0 ? (size_t)n : 0;
        } while (n > 0 && out->len <= TREE_MAX_BYTES);
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (n >= 0 && buf_ok(out))
        return true;
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY, "no memory to read %s", path);
    error_set(err, ERROR_BAD_CONFIG, "cannot read %s: %s", path, strerror(why));
    return error_hint(err, "name a file with --config FILE, or leave it out to use what is found");
}

/* What stands in several places at once; `need_backend` is false for the bare defaults. */
static bool read_all(struct load *l, bool need_backend)
{
    struct config *c = l->config;

    policy_defaults(&c->policy);
    perimeter_defaults(&c->perimeter);
    if (!options_read(l, l->root, "", c) || (need_backend && !backends_finish(l)) ||
        !policy_finish(l) || !perimeter_finish(l) || !access_finish(l) || !networks_finish(l))
        return false;
    if (buf_ok(&l->warnings))
        c->warnings = arena_dup(c->arena, buf_view(&l->warnings));
    else
        c->warnings = VIEW("more warnings than can be kept\n");
    if (arena_failed(c->arena) || arena_failed(l->scratch)) {
        error_set(l->err, ERROR_NO_MEMORY, "%s needs too much memory", l->name);
        return error_hint(l->err, "write a smaller config");
    }
    return true;
}

static struct config *snapshot_new(const char *path)
{
    struct arena *a = arena_new(SNAPSHOT_MAX);
    struct config *c = a ? arena_new_of(a, struct config) : NULL;

    if (!c) {
        arena_free(a);
        return NULL;
    }
    c->arena = a;
    c->path = arena_dup(a, view_str(path ? path : ""));
    c->refs = 1;
    return c;
}

static struct config *load(const char *path, struct view text, bool need_backend, struct error *err)
{
    struct load l = {.name = path ? path : "built-in config",
                     .err = err,
                     .threshold = -1,
                     .warnings = BUF_MAX(WARNINGS_MAX)};

    l.scratch = arena_new(SCRATCH_MAX);
    l.config = snapshot_new(path);
    if (!l.scratch || !l.config)
        error_set(err, ERROR_NO_MEMORY, "no memory for the config");
    else
        l.root = tree_read(text, l.name, l.scratch, err);
    bool ok = l.root && read_all(&l, need_backend);
    buf_done(&l.warnings);
    arena_free(l.scratch);
    if (ok)
        return l.config;
    config_unref(l.config);
    return NULL;
}

struct config *config_load(const char *path, struct view text, struct error *err)
{
    struct buf file = BUF_MAX(TREE_MAX_BYTES + 32768);
    struct config *c = NULL;

    if (text.n || !path)
        return load(path, text, true, err);
    if (load_read_file(path, &file, err))
        c = load(path, buf_view(&file), true, err);
    buf_done(&file);
    return c;
}

struct config *config_defaults(struct error *err)
{
    return load(NULL, VIEW(""), false, err);
}

static void write_found(const struct config_found *found, unsigned i, struct buf *out)
{
    unsigned number = 1;

    for (unsigned k = 0; k < i; k++)
        number += found[k].engine == found[i].engine;
    buf_printf(out, "- name: %s", engine_name(found[i].engine));
    if (number > 1)
        buf_printf(out, "-%u", number);
    buf_printf(out, "\n  side: %s\n  engine: %s\n  url: ", side_name(found[i].side),
               engine_name(found[i].engine));
    show_text(out, found[i].url);
    if (found[i].key_env)
        buf_printf(out, "\n  key: \"${%s}\"", found[i].key_env);
    if (found[i].model)
        buf_printf(out, "\n  models: [%s]", found[i].model);
    buf_append_char(out, '\n');
}

struct config *config_from_discovery(const struct config_found *found, unsigned n,
                                     struct error *err)
{
    struct buf text = BUF_MAX(TREE_MAX_BYTES);
    struct config *c = NULL;

    if (n == 0) {
        error_set(err, ERROR_BAD_CONFIG, "no model server was found on this machine");
        error_hint(err, "start Ollama, vLLM or llama-server, set OPENAI_API_KEY, or write a config "
                        "and name it with --config FILE");
        return NULL;
    }
    buf_append_lit(&text, "backends:\n");
    for (unsigned i = 0; i < n; i++)
        write_found(found, i, &text);
    if (buf_ok(&text))
        c = config_load(NULL, buf_view(&text), err);
    else
        error_set(err, ERROR_NO_MEMORY, "no memory for the config");
    buf_done(&text);
    return c;
}

struct view config_warnings(const struct config *c)
{
    return c->warnings;
}

struct config *config_ref(struct config *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void config_unref(struct config *c)
{
    /* Release and acquire: whatever another holder read happened before the memory goes. */
    if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
        arena_free(c->arena);
}

static void write_option(const struct option *o, const struct config *c, struct buf *out)
{
    struct show s = {.out = out};

    if (o->kind == OPTION_CUSTOM)
        o->show(c, &s); /* "loops: 4\n": its name stands there too, which is as well */
    else
        option_write(o, c, out);
}

bool config_may_follow(const struct config *now, const struct config *next, struct error *err)
{
    struct buf a = BUF_MAX(TREE_MAX_TEXT), b = BUF_MAX(TREE_MAX_TEXT);
    bool same = true;

    /* Rows that need a restart stand in the config itself, not in its lists (a unit test says so).
     */
    for (unsigned i = 0; same && i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!o->restart)
            continue;
        buf_reset(&a);
        buf_reset(&b);
        write_option(o, now, &a);
        write_option(o, next, &b);
        same = view_eq(buf_view(&a), buf_view(&b)) && buf_ok(&a) && buf_ok(&b);
        if (!same) {
            error_set(err, ERROR_BAD_CONFIG, "%s cannot be changed by a reload", o->path);
            error_hint(err, "restart weir to take it over, or put the old value back");
        }
    }
    buf_done(&a);
    buf_done(&b);
    return same;
}
