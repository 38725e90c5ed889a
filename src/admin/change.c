#include "admin/nodes.h"

#include "base/log.h"
#include "http/syntax.h"
#include "json/writer.h"

/* Whether the other end is on this machine, whatever the admin address is. */
static bool is_local(const struct http_server *c)
{
    static const struct network loopback[] = {{{127}, 4, 8}, {{[15] = 1}, 16, 128}};
    struct network_address peer;

    return stream_peer(&c->stream, &peer) && networks_hold(loopback, 2, &peer);
}

static bool is_called(const struct node *n, struct view name, struct arena *a)
{
    struct view host = n->url.address.n ? n->url.address : n->url.host;
    bool v6 = view_find_char(host, ':') != VIEW_NPOS;
    struct view place = arena_printf(a, v6 ? "[%.*s]:%u" : "%.*s:%u", VIEW_ARG(host), n->url.port);

    return view_eq(name, n->text) || view_eq(name, n->backend) || view_eq(name, place);
}

static bool read_verb(struct view word, enum node_duty *ret_duty)
{
    static const struct {
        struct view word;
        enum node_duty duty;
    } verbs[] = {{VIEW_LIT("resume"), DUTY_SERVE},
                 {VIEW_LIT("cordon"), DUTY_CORDON},
                 {VIEW_LIT("drain"), DUTY_DRAIN}};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (view_eq(verbs[i].word, word)) {
            *ret_duty = verbs[i].duty;
            return true;
        }
    return false;
}

static int refuse(struct buf *out, int status, const char *why)
{
    struct json_writer w = JSON_WRITER(out);

    buf_reset(out);
    json_put_object(&w);
    json_put_member_string(&w, VIEW("error"), view_str(why));
    json_put_close(&w);
    buf_append_char(out, '\n');
    return status;
}

struct change {
    struct gateway *gateway;
    struct view name;
    enum node_duty duty;
    struct arena *arena;
    struct json_writer out;
    unsigned n;
    bool full;
};

static void change_node(struct change *k, struct node *n)
{
    if (!duties_set(k->gateway->duties, n, k->duty)) {
        k->full = true;
        return;
    }
    const char *state = node_state_name(node_state(n, loop_now_ns()));
    log_info("node", "backend=%.*s node=%.*s state=%s (by the operator)", VIEW_ARG(n->backend),
             VIEW_ARG(n->text), state);
    json_put_object(&k->out);
    json_put_member_string(&k->out, VIEW("node"), n->text);
    json_put_member_string(&k->out, VIEW("backend"), n->backend);
    json_put_member_string(&k->out, VIEW("state"), view_str(state));
    json_put_close(&k->out);
    k->n++;
}

static void change_all(struct change *k)
{
    struct fleet *f = gateway_fleet(k->gateway);

    for (unsigned i = 0; i < fleet_config(f)->n_backends; i++) {
        struct fleet_set *set = fleet_set_ref(f, i);
        for (unsigned x = 0; x < set->n; x++)
            if (is_called(set->nodes[x].node, k->name, k->arena))
                change_node(k, set->nodes[x].node);
        fleet_set_unref(set);
    }
    fleet_unref(f);
}

int nodes_change(struct gateway *g, const struct http_server *c, const struct http_head *head,
                 struct arena *a, struct buf *out)
{
    struct view name = view_skip(head->path, sizeof("/nodes/") - 1);
    size_t slash = view_find_char(name, '/');
    struct change k = {.gateway = g, .arena = a, .out = JSON_WRITER(out)};
    struct error err;

    if (!is_local(c))
        return refuse(out, 403, "nodes are changed from this machine only");
    if (http_header_get(head, VIEW("origin")).p)
        return refuse(out, 403, "nodes are not changed from a page in a browser");
    if (slash == VIEW_NPOS || !read_verb(view_skip(name, slash + 1), &k.duty))
        return refuse(out, 404, "write /nodes/NAME/drain, /cordon or /resume");
    k.name = http_percent_decoded(view_first(name, slash), a);
    json_put_object(&k.out);
    json_put_key(&k.out, VIEW("nodes"));
    json_put_array(&k.out);
    change_all(&k);
    json_put_close(&k.out);
    json_put_close(&k.out);
    buf_append_char(out, '\n');
    if (k.full)
        return refuse(out, 507, "too many nodes are out of service to remember them all");
    if (k.n == 0)
        return refuse(out, 404, "no node and no backend is called that; GET /nodes lists them");
    if (!duties_save(g->duties, &err)) {
        log_error("node", "%s (the change holds until Weir ends)", err.text);
        struct view why = arena_printf(a, "the change holds until Weir ends, %s", err.text);
        return refuse(out, 500, why.p);
    }
    return 200;
}
