/* A backend's nodes: each an address, where it stands and how much it is given. */
#include "config/options.h"
#include "config/values.h"

enum { MAX_NODES = CONFIG_MAX_NODES };

static const char write_nodes[] = "write nodes: [http://...], or url: for a single one";

bool read_node_url(struct load *l, const struct tree_node *node, void *record)
{
    struct config_node *n = record;

    if (node->kind != TREE_TEXT)
        return load_fail(l, node, "write it like http://10.0.0.7:8000", "a node is %s, not a URL",
                         load_found(l, node));
    return config_url_parse(node->text, l->config->arena, &n->url, l->err) || load_place(l, node);
}

void show_node_url(const void *record, struct show *s)
{
    const struct config_node *n = record;

    show_key(s, VIEW("url"));
    show_value(s, n->url.text);
}

/* A URL alone is a node with nothing else said of it. */
static bool read_node(struct load *l, const struct tree_node *node, struct config_node *n)
{
    if (node->kind == TREE_MAP)
        return options_read(l, node, "backends[].nodes[]", n);
    return options_default(l, "backends[].nodes[]", n) && read_node_url(l, node, n);
}

static bool nodes_once(struct load *l, const struct tree_node *node, const struct config_backend *b)
{
    if (b->n_nodes == 0)
        return true;
    return load_fail(l, node->key, "write one of the two", "both url and nodes are given");
}

bool read_url(struct load *l, const struct tree_node *node, void *record)
{
    struct config_backend *b = record;
    struct config_node *n = arena_new_of(l->config->arena, struct config_node);

    if (!n)
        return load_fail(l, node, "write a smaller config", "the config needs too much memory");
    if (!nodes_once(l, node, b) || !options_default(l, "backends[].nodes[]", n) ||
        !read_node_url(l, node, n))
        return false;
    b->nodes = n;
    b->n_nodes = 1;
    return true;
}

bool read_nodes(struct load *l, const struct tree_node *node, void *record)
{
    struct config_backend *b = record;
    void *nodes;
    unsigned n, i = 0;

    if (!nodes_once(l, node, b) ||
        !load_array(l, node, TREE_LIST, MAX_NODES, sizeof(struct config_node), "nodes", write_nodes,
                    &nodes, &n))
        return false;
    if (n == 0)
        return load_fail(l, node, write_nodes, "nodes is empty");
    b->nodes = nodes;
    for (const struct tree_node *m = node->first; m; m = m->next, i++) {
        if (!read_node(l, m, &b->nodes[i]))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (view_eq(b->nodes[k].url.text, b->nodes[i].url.text))
                return load_fail(l, m, "remove one of the two", "the node stands twice");
    }
    b->n_nodes = n;
    return true;
}

void show_url(const void *record, struct show *s)
{
    (void)record; /* nodes covers both */
    (void)s;
}

static bool is_url_alone(const struct config_node *n)
{
    return n->zone.n == 0 && n->weight == CONFIG_NODE_WEIGHT;
}

void show_nodes(const void *record, struct show *s)
{
    const struct config_backend *b = record;
    unsigned alone = 0;

    if (b->n_nodes == 0)
        return; /* they are looked up */
    while (alone < b->n_nodes && is_url_alone(&b->nodes[alone]))
        alone++;
    show_key(s, VIEW("nodes"));
    if (alone == b->n_nodes) {
        for (unsigned i = 0; i < b->n_nodes; i++) {
            buf_append(s->out, i ? VIEW(", ") : VIEW(" ["));
            show_text(s->out, b->nodes[i].url.text);
        }
        buf_append_lit(s->out, "]\n");
        return;
    }
    buf_append_char(s->out, '\n');
    s->indent += 4;
    for (unsigned i = 0; i < b->n_nodes; i++) {
        show_item(s);
        options_show("backends[].nodes[]", &b->nodes[i], s);
    }
    s->indent -= 4;
}
