/* Where inside is: the networks that addresses of inside nodes lie in. */
#include "config/options.h"

enum { MAX_NETWORKS = 64 };

/* What no router of the internet passes on. */
static const char *const private_networks[] = {
    "127.0.0.0/8",    "::1/128",       /* this machine */
    "10.0.0.0/8",     "172.16.0.0/12", /* RFC 1918 */
    "192.168.0.0/16", "fc00::/7",      /* and RFC 4193 */
    "169.254.0.0/16", "fe80::/10",     /* this link */
    "100.64.0.0/10",                   /* carriers' and overlay networks, RFC 6598 */
};
#define N_PRIVATE (sizeof(private_networks) / sizeof(private_networks[0]))

bool read_inside_networks(struct load *l, const struct tree_node *node, void *record)
{
    static const char hint[] = "write networks like [10.0.0.0/8, \"fc00::/7\"]";
    struct config *c = record;
    void *networks;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_LIST, MAX_NETWORKS, sizeof(struct network),
                    "perimeter.inside_networks", hint, &networks, &n))
        return false;
    if (n == 0)
        return load_fail(l, node, "leave it out for the private ranges",
                         "perimeter.inside_networks is empty: nothing would be inside");
    for (const struct tree_node *m = node->first; m; m = m->next, i++)
        if (m->kind != TREE_TEXT || !network_parse(m->text, (struct network *)networks + i))
            return load_fail(l, m,
                             "write an address and the bits of its prefix, like 10.0.0.0/8, "
                             "with no bit set behind them",
                             "a network is %s", load_found(l, m));
    c->inside_networks = networks;
    c->n_inside_networks = n;
    return true;
}

void show_inside_networks(const void *record, struct show *s)
{
    const struct config *c = record;

    show_key(s, VIEW("inside_networks"));
    for (unsigned i = 0; i < c->n_inside_networks; i++) {
        buf_append(s->out, i ? VIEW(", \"") : VIEW(" [\""));
        network_write(s->out, &c->inside_networks[i]);
        buf_append_char(s->out, '"');
    }
    buf_append_lit(s->out, "]\n");
}

static bool take_private_networks(struct load *l)
{
    struct network *all = arena_new_array(l->config->arena, struct network, N_PRIVATE);

    for (size_t i = 0; all && i < N_PRIVATE; i++)
        if (!network_parse(view_str(private_networks[i]), &all[i]))
            return error_set(l->err, ERROR_INTERNAL, "%s is no network", private_networks[i]);
    l->config->inside_networks = all;
    l->config->n_inside_networks = all ? N_PRIVATE : 0;
    return all || error_set(l->err, ERROR_NO_MEMORY, "%s needs too much memory", l->name);
}

/* A node that is written as an address needs no connection to be known as a stranger. */
bool networks_check_nodes(struct load *l, const struct tree_node *at,
                          const struct config_backend *b)
{
    struct network_address a;

    for (unsigned i = 0; b->n_networks > 0 && i < b->n_nodes; i++)
        if (network_address_parse(b->nodes[i].url.host, &a) &&
            !networks_hold(b->networks, b->n_networks, &a))
            return load_fail(l, at,
                             "write side: outside, or add its network to perimeter.inside_networks",
                             "the backend '%.*s' is inside, but its node %.*s is in none of "
                             "perimeter.inside_networks",
                             VIEW_ARG(b->name), VIEW_ARG(view_first(b->nodes[i].url.host, 60)));
    return true;
}

bool networks_finish(struct load *l)
{
    struct config *c = l->config;

    if (c->n_inside_networks == 0 && !take_private_networks(l))
        return false;
    for (unsigned i = 0; i < c->n_backends; i++) {
        struct config_backend *b = &c->backends[i];
        if (b->side != SIDE_INSIDE)
            continue;
        b->networks = c->inside_networks;
        b->n_networks = c->n_inside_networks;
        if (!networks_check_nodes(l, tree_find(l->root, "backends"), b))
            return false;
    }
    return true;
}
