/* Where a backend's nodes are looked up, and the file that may list them. */
#include "config/options.h"
#include "config/values.h"

enum {
    INTERVAL_MS = 10000,
    FILE_SCRATCH_MAX = 32 << 20,
};

static const char write_dns[] = "write it like http://engines.internal:8000";
static const char write_srv[] = "write it like http://_vllm._tcp.engines.internal";

static bool take_source(struct load *l, const struct tree_node *node, struct config_discover *d,
                        enum discover_source from)
{
    if (d->from != DISCOVER_NOTHING)
        return load_fail(l, node->key, "write one of dns, srv and file",
                         "the nodes can be looked up in one place only");
    d->from = from;
    return true;
}

static bool is_localhost(struct view host)
{
    struct view name = VIEW("localhost"), tail = view_last(host, name.n);

    return view_eq_nocase(tail, name) && (host.n == name.n || host.p[host.n - name.n - 1] == '.');
}

static bool read_place(struct load *l, const struct tree_node *node, const char *hint,
                       struct config_url *ret_url)
{
    struct network_address address;

    if (node->kind != TREE_TEXT)
        return load_fail(l, node, hint, "it is %s, not a URL", load_found(l, node));
    if (!config_url_parse(node->text, l->config->arena, ret_url, l->err))
        return load_place(l, node);
    /* (For localhost c-ares 1.18 would also leave a few bytes behind at each look.) */
    if (network_address_parse(ret_url->host, &address) || is_localhost(ret_url->host))
        return load_fail(l, node, "write url: for a node that is there already",
                         "an address, or localhost, is no name that could be looked up");
    return true;
}

bool read_discover_dns(struct load *l, const struct tree_node *node, void *record)
{
    struct config_discover *d = &((struct config_backend *)record)->discover;

    return take_source(l, node, d, DISCOVER_DNS) && read_place(l, node, write_dns, &d->url);
}

/* The labels that begin with _ name the service, the rest is the domain that offers it: that is
 * what its certificates are made for (RFC 6125, 6.2.1). */
bool read_discover_srv(struct load *l, const struct tree_node *node, void *record)
{
    struct config_discover *d = &((struct config_backend *)record)->discover;

    if (!take_source(l, node, d, DISCOVER_SRV) || !read_place(l, node, write_srv, &d->url))
        return false;
    struct view domain = d->service = d->url.host, label = VIEW("_");
    while (view_starts(domain, VIEW("_")))
        label = view_cut(&domain, '.');
    if (domain.n == d->service.n || domain.n == 0 || label.n < 2)
        return load_fail(l, node, write_srv, "the name is not that of a service");
    struct view behind = view_skip(d->url.text, d->url.tls ? 8 : 7);
    if (view_starts(view_skip(behind, d->service.n), VIEW(":")))
        return load_fail(l, node, write_srv, "the ports are what the SRV records say");
    d->url.host = domain;
    return true;
}

/* A path that does not begin with / stands beside the config. */
bool read_discover_file(struct load *l, const struct tree_node *node, void *record)
{
    struct config_discover *d = &((struct config_backend *)record)->discover;
    struct view folder = l->config->path;

    if (!take_source(l, node, d, DISCOVER_FILE) ||
        !load_text(l, node, "the file", "write its path, like nodes.yaml", &d->file_written))
        return false;
    while (folder.n > 0 && folder.p[folder.n - 1] != '/')
        folder.n--;
    if (view_starts(d->file_written, VIEW("/")))
        folder = VIEW("");
    d->file =
        arena_printf(l->config->arena, "%.*s%.*s", VIEW_ARG(folder), VIEW_ARG(d->file_written));
    return true;
}

bool read_discover_resolver(struct load *l, const struct tree_node *node, void *record)
{
    static const char hint[] = "write it like 10.0.0.2:53, or \"[fd00::2]:53\"";
    struct config_discover *d = &((struct config_backend *)record)->discover;
    struct network_address address;
    struct config_listen server;

    if (node->kind != TREE_TEXT)
        return load_fail(l, node, hint, "the resolver is %s", load_found(l, node));
    if (!value_address(node->text, l->config->arena, &server, l->err))
        return load_place(l, node);
    if (!network_address_parse(server.host, &address))
        return load_fail(l, node, hint, "the resolver is a name, which would need another one");
    d->resolver = server.text;
    return true;
}

bool discover_check(struct load *l, const struct tree_node *node, struct config_backend *b)
{
    struct config_discover *d = &b->discover;
    const struct tree_node *at = tree_find(node, "discover");

    if (!at)
        return true;
    if (d->from == DISCOVER_NOTHING)
        return load_fail(l, at->key, "add one of dns, srv and file", "it says not where");
    if (b->n_nodes > 0)
        return load_fail(l, at->key, "write one of url, nodes and discover",
                         "the nodes are given, and are to be looked up too");
    if (d->resolver.n && d->from == DISCOVER_FILE)
        return load_fail(l, tree_find(at, "resolver"), "leave it out",
                         "a file is not asked of a resolver");
    if (d->interval_ms == 0)
        d->interval_ms = INTERVAL_MS;
    return true;
}

static void show_source(const struct config_backend *b, enum discover_source from, const char *key,
                        struct view text, struct show *s)
{
    if (b->discover.from != from)
        return;
    show_key(s, view_str(key));
    show_value(s, text);
}

void show_discover_dns(const void *record, struct show *s)
{
    const struct config_backend *b = record;
    show_source(b, DISCOVER_DNS, "dns", b->discover.url.text, s);
}

void show_discover_srv(const void *record, struct show *s)
{
    const struct config_backend *b = record;
    show_source(b, DISCOVER_SRV, "srv", b->discover.url.text, s);
}

void show_discover_file(const void *record, struct show *s)
{
    const struct config_backend *b = record;
    show_source(b, DISCOVER_FILE, "file", b->discover.file_written, s);
}

void show_discover_resolver(const void *record, struct show *s)
{
    const struct config_backend *b = record;

    if (b->discover.resolver.n == 0)
        return;
    show_key(s, VIEW("resolver"));
    show_value(s, b->discover.resolver);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool read_list(struct load *l, struct config_backend *list)
{
    struct config_backend found = *list;

    if (l->root->kind != TREE_LIST)
        return load_fail(l, l->root, "write a list: - http://10.0.0.7:8000, one a line",
                         "the nodes are %s, not a list", load_found(l, l->root));
    found.n_nodes = 0;
    if (!read_nodes(l, l->root, &found) || !networks_check_nodes(l, l->root, &found))
        return false;
    *list = found;
    return true;
}

bool config_nodes_load(const struct config_backend *backend, struct arena *a,
                       struct config_node **ret_nodes, unsigned *ret_n, struct error *err)
{
    struct buf file = BUF_MAX(TREE_MAX_BYTES + 32768);
    struct config owner = {.arena = a};
    struct config_backend found = *backend;
    struct load l = {.config = &owner, .name = backend->discover.file.p, .err = err};

    l.scratch = arena_new(FILE_SCRATCH_MAX);
    if (!l.scratch)
        error_set(err, ERROR_NO_MEMORY, "no memory to read %s", l.name);
    else if (load_read_file(l.name, &file, err))
        l.root = tree_read(buf_view(&file), l.name, l.scratch, err);
    else
        error_hint(err, "the file that discover.file names must be there, and readable");
    bool ok = l.root && read_list(&l, &found);
    if (ok && (arena_failed(a) || arena_failed(l.scratch)))
        ok = error_set(err, ERROR_NO_MEMORY, "no memory to read %s", l.name);
    buf_done(&file);
    arena_free(l.scratch);
    if (ok) {
        *ret_nodes = found.nodes;
        *ret_n = found.n_nodes;
    }
    return ok;
}
