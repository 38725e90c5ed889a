#include "fleet/found.h"

#include "base/clock.h"
#include "fleet/node.h"
#include "run/dns.h"
#include "run/offload.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    LOOK_MS = 5000, /* all questions of one look */
    FOUND_ARENA_BYTES = 2 << 20,
    MAX_WEIGHT = 1000,
};

/* A file may change twice within a tick of its clock: one that was written lately is read again. */
static const int64_t SETTLED_NS = 2 * NS_PER_S;

void found_done(struct found *found)
{
    arena_free(found->arena);
    *found = (struct found){0};
}

/* ---- DNS ------------------------------------------------------------------------------------- */

/* What one look asks with. */
struct look {
    const struct config_backend *backend;
    struct dns_addresses *addresses;
    int64_t deadline_ns;
    struct found *found;
};

static bool is_known(const struct found *f, struct view text)
{
    for (unsigned i = 0; i < f->n; i++)
        if (view_eq(f->nodes[i].url.text, text))
            return true;
    return false;
}

static void add(struct look *k, const struct network_address *address, uint16_t port,
                unsigned weight)
{
    struct config_url url = k->backend->discover.url;
    struct buf text = BUF_MAX(64);

    network_address_write(&text, address);
    url.address = arena_dup(k->found->arena, buf_view(&text));
    buf_done(&text);
    url.port = port;
    url.text = arena_printf(k->found->arena, address->n == 16 ? "%s[%.*s]:%u%.*s" : "%s%.*s:%u%.*s",
                            url.tls ? "https://" : "http://", VIEW_ARG(url.address), port,
                            VIEW_ARG(url.prefix));
    if (k->backend->discover.from == DISCOVER_SRV && is_known(k->found, url.text))
        return; /* two names of one server */
    if (k->found->n == CONFIG_MAX_NODES)
        k->found->more = true;
    else
        k->found->nodes[k->found->n++] = (struct config_node){.url = url, .weight = weight};
}

static bool look_up(struct look *k, struct view name, uint16_t port, unsigned weight,
                    struct error *err)
{
    if (!dns_ask_addresses(name, k->backend->discover.resolver, k->deadline_ns, k->addresses, err))
        return false;
    for (unsigned i = 0; i < k->addresses->n; i++)
        add(k, &k->addresses->all[i], port, weight);
    k->found->more |= k->addresses->more;
    return true;
}

static bool any_usable(const struct look *k, unsigned from)
{
    for (unsigned i = from; i < k->found->n; i++)
        if (!node_is_down(k->backend, &k->found->nodes[i].url))
            return true;
    return false;
}

/* Weights of SRV records go up to 65,535; where nobody has one, all are alike. */
static unsigned weight_of(const struct dns_services *s, const struct dns_service *one)
{
    unsigned most = 0;

    for (unsigned i = 0; i < s->n; i++)
        most = s->all[i].weight > most ? s->all[i].weight : most;
    if (most == 0)
        return CONFIG_NODE_WEIGHT;
    unsigned weight = most > MAX_WEIGHT ? one->weight * MAX_WEIGHT / most : one->weight;
    return weight ? weight : 1;
}

/* Priority by priority, until one has a node that is not down. Those before it stay, so that Weir
 * goes on looking at them and sees them come back. */
static bool take_services(struct look *k, const struct dns_services *s, struct error *err)
{
    unsigned from = 0;

    for (unsigned i = 0; i < s->n; i++) {
        bool next = i > 0 && s->all[i].priority != s->all[i - 1].priority;
        if (next && any_usable(k, from))
            break;
        if (next)
            from = k->found->n;
        if (!look_up(k, view_str(s->all[i].target), s->all[i].port, weight_of(s, &s->all[i]), err))
            return false;
    }
    k->found->more |= s->more;
    return true;
}

static bool look_for_services(struct look *k, struct error *err)
{
    const struct config_discover *d = &k->backend->discover;
    struct dns_services *s = arena_new_of(k->found->arena, struct dns_services);

    if (!s)
        return error_set(err, ERROR_NO_MEMORY, "no memory to look up a service");
    return dns_ask_services(d->service, d->resolver, k->deadline_ns, s, err) &&
           take_services(k, s, err);
}

static bool look_in_dns(const struct config_backend *b, struct found *f, struct error *err)
{
    const struct config_discover *d = &b->discover;
    struct look k = {
        .backend = b, .deadline_ns = clock_mono_ns() + LOOK_MS * NS_PER_MS, .found = f};

    f->arena = arena_new(FOUND_ARENA_BYTES);
    if (f->arena) {
        f->nodes = arena_new_array(f->arena, struct config_node, CONFIG_MAX_NODES);
        k.addresses = arena_new_of(f->arena, struct dns_addresses);
    }
    if (!f->arena || !f->nodes || !k.addresses)
        return error_set(err, ERROR_NO_MEMORY, "no memory to look up nodes");
    if (!(d->from == DISCOVER_SRV ? look_for_services(&k, err)
                                  : look_up(&k, d->url.host, d->url.port, CONFIG_NODE_WEIGHT, err)))
        return false;
    if (arena_failed(f->arena))
        return error_set(err, ERROR_NO_MEMORY, "no memory to look up nodes");
    return f->n > 0 || error_set(err, ERROR_UPSTREAM_REFUSED, "%.*s has no %s",
                                 VIEW_ARG(view_first(d->url.text, 120)),
                                 d->from == DISCOVER_SRV ? "servers" : "address");
}

/* ---- the file: read on the CPU pool ---------------------------------------------------------- */

struct file_job {
    struct offload_job job;
    struct config *config;
    const struct config_backend *backend;
    struct found_stamp seen;
    struct found found;
    struct error error;
    bool ok;
};

static bool stamp(const char *path, struct found_stamp *ret_stamp, struct error *err)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return error_set(err, ERROR_BAD_CONFIG, "cannot read %.200s: %s", path, strerror(errno));
    *ret_stamp = (struct found_stamp){st.st_dev, st.st_ino, st.st_size,
                                      st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec};
    return true;
}

static bool read_file(struct file_job *j)
{
    struct found_stamp now;
    const char *path = j->backend->discover.file.p;

    if (!stamp(path, &now, &j->error)) {
        j->seen = (struct found_stamp){0};
        return false;
    }
    j->found.same = memcmp(&now, &j->seen, sizeof(now)) == 0;
    if (j->found.same)
        return true;
    bool settled = clock_wall_ms() * NS_PER_MS - now.changed_ns > SETTLED_NS;
    j->seen = settled ? now : (struct found_stamp){0};
    j->found.arena = arena_new(FOUND_ARENA_BYTES);
    if (!j->found.arena)
        return error_set(&j->error, ERROR_NO_MEMORY, "no memory to read %.200s", path);
    return config_nodes_load(j->backend, j->found.arena, &j->found.nodes, &j->found.n, &j->error);
}

static void run_file(struct offload_job *job)
{
    struct file_job *j = (struct file_job *)job;
    j->ok = read_file(j);
}

static void drop_file(struct offload_job *job)
{
    struct file_job *j = (struct file_job *)job;

    found_done(&j->found);
    config_unref(j->config);
    free(j);
}

static bool look_in_file(struct config *config, const struct config_backend *b,
                         struct found_stamp *seen, struct found *f, struct error *err)
{
    struct file_job *j = calloc(1, sizeof(*j));

    if (!j)
        return error_set(err, ERROR_NO_MEMORY, "no memory to read the nodes' file");
    j->job = (struct offload_job){.run = run_file, .drop = drop_file};
    j->config = config_ref(config);
    j->backend = b;
    j->seen = *seen;
    switch (task_offload(OFFLOAD_CPU, &j->job, clock_mono_ns() + LOOK_MS * NS_PER_MS)) {
    case WAIT_TIMEOUT:
        return error_set(err, ERROR_IO, "reading %.200s takes too long", b->discover.file.p);
    case WAIT_CANCELLED:
        return error_set(err, ERROR_CANCELLED, "cancelled while reading %.200s",
                         b->discover.file.p);
    case WAIT_READY:
        break;
    }
    bool ok = j->ok;
    *seen = j->seen;
    if (ok) {
        *f = j->found;
        j->found = (struct found){0};
    } else {
        *err = j->error;
    }
    offload_release(&j->job);
    return ok;
}

bool found_look(struct config *config, const struct config_backend *b, struct found_stamp *seen,
                struct found *ret_found, struct error *err)
{
    struct found f = {0};
    bool ok = b->discover.from == DISCOVER_FILE ? look_in_file(config, b, seen, &f, err)
                                                : look_in_dns(b, &f, err);

    if (ok)
        *ret_found = f;
    else
        found_done(&f);
    return ok;
}
