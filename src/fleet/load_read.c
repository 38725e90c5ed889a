#include "fleet/load_read.h"

#include "fleet/ask.h"

enum {
    TIMEOUT_MS = 5000, /* llama.cpp took 4.4 s during the batch of a long prompt */
    READING_BYTES = 8 << 20,
    OFF_READINGS = 60,
};

bool load_can_be_read(const struct node *n)
{
    return n->side == SIDE_INSIDE &&
           (n->engine == ENGINE_VLLM || n->engine == ENGINE_LLAMACPP || n->engine == ENGINE_OLLAMA);
}

struct reading {
    struct fleet *fleet;
    struct node *node;
    const struct config_backend *backend;
    struct arena *arena;
    struct error *err;
};

static bool get(struct reading *g, const char *path, struct view *ret_body)
{
    return node_ask(g->fleet, g->node, g->backend, "GET", path, VIEW_NONE, TIMEOUT_MS, g->arena,
                    ret_body, g->err);
}

/* Leaves out what is switched off. */
static bool get_unless_off(struct reading *g, const char *path, unsigned *off,
                           struct view *ret_body)
{
    if (*off > 0) {
        --*off;
        return false;
    }
    if (get(g, path, ret_body))
        return true;
    if (g->err->code == ERROR_NOT_FOUND || g->err->code == ERROR_UPSTREAM_STATUS)
        *off = OFF_READINGS;
    return false;
}

static bool read_llamacpp(struct reading *g, struct load_reader *r, struct node_load *load)
{
    struct view text;

    bool slots =
        get_unless_off(g, "/slots", &r->slots_off, &text) && load_from_slots(text, load, g->err);
    bool metrics =
        get_unless_off(g, "/metrics", &r->metrics_off, &text) && load_from_llamacpp(text, load);
    return slots || metrics;
}

bool load_read(struct load_reader *r, struct fleet *f, struct node *n,
               const struct config_backend *backend, struct node_load *ret_load, struct error *err)
{
    struct reading g = {f, n, backend, arena_new(READING_BYTES), err};
    struct node_load load = LOAD_UNKNOWN;
    struct view text;
    bool ok = false;

    if (!g.arena)
        return error_set(err, ERROR_NO_MEMORY, "no memory to read a node's load");
    if (n->engine == ENGINE_LLAMACPP)
        ok = read_llamacpp(&g, r, &load);
    else if (n->engine == ENGINE_VLLM)
        ok = get(&g, "/metrics", &text) && load_from_vllm(text, &load);
    else if (n->engine == ENGINE_OLLAMA)
        ok = get(&g, "/api/ps", &text) && load_from_ps(text, &load, err);
    arena_free(g.arena);
    if (ok)
        *ret_load = load;
    return ok;
}
