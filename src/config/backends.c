#include "config/options.h"
#include "config/values.h"

enum { MAX_BACKENDS = 256, MAX_MODELS = 1024 };

/* Until backends_finish() takes the engine's own. */
#define DIALECT_UNSAID ((enum llm_dialect)LLM_DIALECTS)

static const char *const ability_names = "tools | images | schema | embeddings";
enum { ABILITY_NAMES = 4 };

bool read_backend_key(struct load *l, const struct tree_node *node, void *record)
{
    struct config_backend *b = record;

    return load_secret_shown(l, node, "the backend's key", &b->key, &b->key_shown);
}

void show_backend_key(const void *record, struct show *s)
{
    const struct config_backend *b = record;

    show_secret(s, VIEW("key"), b->key_shown);
}

static bool read_model(struct load *l, const struct tree_node *node, struct config_model *ret_model)
{
    const struct tree_node *name = node;

    if (node->kind == TREE_MAP) {
        if (!options_read(l, node, "backends[].models[]", ret_model))
            return false;
        name = tree_find(node, "name");
    } else if (!load_text(l, node, "a model", "write its name, or {name: ..., window: ...}",
                          &ret_model->name)) {
        return false;
    }
    if (view_find_char(name->text, '*') != VIEW_NPOS ||
        view_find_char(name->text, ' ') != VIEW_NPOS || view_eq(name->text, VIEW("auto")))
        return load_fail(l, name, "write the model's name as the server has it",
                         "a model cannot be called %s", load_found(l, name));
    return true;
}

bool read_models(struct load *l, const struct tree_node *node, void *record)
{
    struct config_backend *b = record;
    void *models;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_LIST, MAX_MODELS, sizeof(struct config_model), "models",
                    "write models: [name, ...]", &models, &n))
        return false;
    b->models = models;
    for (const struct tree_node *m = node->first; m; m = m->next, i++) {
        if (!read_model(l, m, &b->models[i]))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (view_eq(b->models[k].name, b->models[i].name))
                return load_fail(l, m, "remove one of the two", "the model stands twice");
    }
    b->n_models = n;
    return true;
}

void show_models(const void *record, struct show *s)
{
    const struct config_backend *b = record;

    if (b->n_models == 0)
        return;
    show_key(s, VIEW("models"));
    buf_append_char(s->out, '\n');
    s->indent += 4;
    for (unsigned i = 0; i < b->n_models; i++) {
        show_item(s);
        options_show("backends[].models[]", &b->models[i], s);
    }
    s->indent -= 4;
}

bool read_abilities(struct load *l, const struct tree_node *node, void *record)
{
    struct config_model *model = record;
    unsigned index;

    if (!load_expect(l, node, TREE_LIST, "abilities",
                     "write abilities: [tools, images, schema] or [embeddings]"))
        return false;
    for (const struct tree_node *m = node->first; m; m = m->next) {
        if (m->kind != TREE_TEXT || !value_choice(m->text, ability_names, &index))
            return load_fail(l, m, "write tools, images, schema or embeddings", "an ability is %s",
                             load_found(l, m));
        model->abilities |= 1u << index;
    }
    model->abilities_known = true;
    return true;
}

void show_abilities(const void *record, struct show *s)
{
    const struct config_model *model = record;
    const char *before = " [";

    if (!model->abilities_known)
        return;
    show_key(s, VIEW("abilities"));
    for (unsigned i = 0; i < ABILITY_NAMES; i++)
        if (model->abilities & 1u << i) {
            buf_append(s->out, view_str(before));
            buf_append(s->out, value_choice_at(ability_names, i));
            before = ", ";
        }
    buf_append(s->out, model->abilities ? VIEW("]\n") : VIEW(" []\n"));
}

static void warn_clear_text(struct load *l, const struct tree_node *node,
                            const struct config_backend *b)
{
    bool clear = b->discover.from != DISCOVER_NOTHING && b->discover.from != DISCOVER_FILE &&
                 !b->discover.url.tls;

    for (unsigned i = 0; !clear && i < b->n_nodes; i++)
        clear = !b->nodes[i].url.tls && !value_is_loopback(b->nodes[i].url.host);
    if (clear && b->side == SIDE_OUTSIDE)
        load_warn(l, node,
                  "backend '%.*s' is outside and not https: prompts and its key can be read on the "
                  "way",
                  VIEW_ARG(b->name));
}

static bool read_backend(struct load *l, const struct tree_node *node, struct config_backend *b)
{
    if (node->kind != TREE_MAP)
        return load_fail(l, node, "write - name: ..., and side:, engine:, url: below it",
                         "a backend is %s, not a map", load_found(l, node));
    b->dialect = DIALECT_UNSAID;
    b->connect_ms = b->first_token_ms = b->between_tokens_ms = b->total_ms = -1;
    if (!options_read(l, node, "backends[]", b))
        return false;
    if (!discover_check(l, node, b))
        return false;
    if (b->n_nodes == 0 && b->discover.from == DISCOVER_NOTHING)
        return load_fail(l, node, "add url: http://host:port, or nodes: [http://..., ...]",
                         "the backend '%.*s' has no node", VIEW_ARG(b->name));
    warn_clear_text(l, node, b);
    return true;
}

bool read_backends(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    void *backends;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_LIST, MAX_BACKENDS, sizeof(struct config_backend), "backends",
                    "begin each backend with - name: ...", &backends, &n))
        return false;
    c->backends = backends;
    for (const struct tree_node *m = node->first; m; m = m->next, i++) {
        if (!read_backend(l, m, &c->backends[i]))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (view_eq(c->backends[k].name, c->backends[i].name))
                return load_fail(l, tree_find(m, "name"), "give each backend a name of its own",
                                 "two backends are called '%.*s'", VIEW_ARG(c->backends[i].name));
    }
    c->n_backends = n;
    return true;
}

void show_backends(const void *record, struct show *s)
{
    const struct config *c = record;

    show_key(s, VIEW("backends"));
    buf_append(s->out, c->n_backends ? VIEW("\n") : VIEW(" []\n"));
    s->indent += 4;
    for (unsigned i = 0; i < c->n_backends; i++) {
        show_item(s);
        options_show("backends[]", &c->backends[i], s);
    }
    s->indent -= 4;
}

static enum llm_dialect dialect_of(enum engine engine)
{
    return engine == ENGINE_ANTHROPIC ? LLM_ANTHROPIC
           : engine == ENGINE_OLLAMA  ? LLM_OLLAMA
                                      : LLM_OPENAI_CHAT;
}

static void fill(int64_t *ms, int64_t from)
{
    if (*ms < 0)
        *ms = from;
}

bool backends_finish(struct load *l)
{
    enum { OLLAMA_FIRST_TOKEN_MS = 300000 }; /* it loads models on demand */
    struct config *c = l->config;
    const struct tree_node *at = tree_find(l->root, "backends");
    bool said = tree_find(tree_find(l->root, "timeouts"), "first_token") != NULL;

    if (c->n_backends == 0)
        return load_fail(l, at ? at : l->root,
                         "add one: backends: [{name: lab, side: inside, engine: vllm, url: "
                         "\"http://10.0.0.7:8000\"}]",
                         "there is no backend");
    for (unsigned i = 0; i < c->n_backends; i++) {
        struct config_backend *b = &c->backends[i];
        if (b->dialect == DIALECT_UNSAID)
            b->dialect = dialect_of(b->engine);
        fill(&b->connect_ms, c->connect_ms);
        fill(&b->first_token_ms,
             b->engine == ENGINE_OLLAMA && !said ? OLLAMA_FIRST_TOKEN_MS : c->first_token_ms);
        fill(&b->between_tokens_ms, c->between_tokens_ms);
        fill(&b->total_ms, c->total_ms);
    }
    return true;
}
