#include "admin/nodes.h"

#include "base/clock.h"
#include "fleet/waiting.h"
#include "json/writer.h"

/* Negative: not known. */
static void put_count(struct json_writer *w, struct view key, int64_t value)
{
    json_put_key(w, key);
    if (value < 0)
        json_put_null(w);
    else
        json_put_i64(w, value);
}

static void put_load(struct json_writer *w, struct node *n, int64_t now)
{
    struct node_load load;
    int64_t age_ms;

    (void)node_load(n, now, &load, &age_ms);
    put_count(w, VIEW("running"), load.running);
    put_count(w, VIEW("queued"), load.queued);
    json_put_key(w, VIEW("kv_use"));
    if (load.kv_use < 0)
        json_put_null(w);
    else
        json_put_double(w, load.kv_use);
    put_count(w, VIEW("prefix_tokens_asked"), load.prefix_asked);
    put_count(w, VIEW("prefix_tokens_hit"), load.prefix_hit);
    put_count(w, VIEW("loaded"), load.loaded);
    put_count(w, VIEW("vram_bytes"), load.vram_bytes);
    put_count(w, VIEW("load_age_ms"), age_ms);
}

static void put_models(struct json_writer *w, const struct node_models *m)
{
    json_put_key(w, VIEW("models"));
    if (!m) {
        json_put_null(w);
        return;
    }
    json_put_array(w);
    for (unsigned i = 0; i < m->n; i++) {
        const struct policy_model *k = &m->models[i];
        json_put_object(w);
        json_put_member_string(w, VIEW("name"), k->name);
        json_put_member_string(w, VIEW("digest"), k->digest);
        put_count(w, VIEW("window"), k->window ? (int64_t)k->window : -1);
        json_put_member_bool(w, VIEW("loaded"), k->loaded);
        json_put_member_bool(w, VIEW("remote"), k->remote);
        json_put_close(w);
    }
    json_put_close(w);
}

static void put_history(struct json_writer *w, struct node *n)
{
    struct node_history h = node_history(n);

    json_put_member_u64(w, VIEW("requests"), atomic_load(&n->requests));
    json_put_member_u64(w, VIEW("failures"), atomic_load(&n->failures_total));
    put_count(w, VIEW("latency_ms"), h.latency_ms);
    put_count(w, VIEW("first_token_p50_ms"), h.first_token_p50_ms);
    put_count(w, VIEW("first_token_p95_ms"), h.first_token_p95_ms);
    json_put_member_u64(w, VIEW("breaker_opened"), atomic_load(&n->opened_total));
    json_put_member_u64(w, VIEW("failures_in_a_row"), h.failures);
    json_put_member_string(w, VIEW("last_error"), view_str(h.last_error));
    json_put_member_i64(w, VIEW("changed_ms"), h.changed_ms);
    json_put_member_string(w, VIEW("why"), view_str(h.why));
}

static void put_node(struct json_writer *w, const struct fleet_node *member)
{
    struct node *n = member->node;
    int64_t now = clock_mono_ns();
    struct node_models *m = node_models_ref(n);

    json_put_object(w);
    json_put_member_string(w, VIEW("node"), n->text);
    json_put_member_string(w, VIEW("backend"), n->backend);
    json_put_member_string(w, VIEW("side"), view_str(side_name(n->side)));
    json_put_member_string(w, VIEW("zone"), member->zone);
    json_put_member_u64(w, VIEW("weight"), member->weight);
    json_put_member_string(w, VIEW("state"), view_str(node_state_name(node_state(n, now))));
    json_put_member_string(w, VIEW("breaker"),
                           atomic_load(&n->open)        ? VIEW("open")
                           : atomic_load(&n->half_open) ? VIEW("half-open")
                                                        : VIEW("closed"));
    json_put_member_string(w, VIEW("engine"), view_str(engine_name(n->engine)));
    json_put_member_string(w, VIEW("version"), m ? m->version : VIEW_NONE);
    put_count(w, VIEW("slots"), m && m->slots ? (int64_t)m->slots : -1);
    json_put_member_u64(w, VIEW("in_flight"), atomic_load(&n->in_flight));
    put_load(w, n, now);
    put_history(w, n);
    put_models(w, m);
    json_put_close(w);
    node_models_unref(m);
}

static void put_backends(struct json_writer *w, const struct gateway *g, const struct config *c)
{
    json_put_key(w, VIEW("backends"));
    json_put_array(w);
    for (unsigned i = 0; i < c->n_backends; i++) {
        const struct saturation_state *s = saturation_of(&g->saturation, c->backends[i].name);
        json_put_object(w);
        json_put_member_string(w, VIEW("backend"), c->backends[i].name);
        json_put_member_bool(w, VIEW("overflows"), s && s->overflows);
        put_count(w, VIEW("since_ms"), s && s->since_ms ? s->since_ms : -1);
        json_put_close(w);
    }
    json_put_close(w);
    json_put_member_u64(w, VIEW("waiting"), waiting_counts().waiting);
}

static void put_difference(const struct fleet_difference *d, void *arg)
{
    struct json_writer *w = arg;

    json_put_object(w);
    json_put_member_string(w, VIEW("model"), d->model);
    json_put_member_string(w, VIEW("node"), d->a->text);
    json_put_member_string(w, VIEW("digest"), d->digest_a);
    json_put_member_string(w, VIEW("other_node"), d->b->text);
    json_put_member_string(w, VIEW("other_digest"), d->digest_b);
    json_put_close(w);
}

void nodes_write(struct gateway *g, struct buf *out)
{
    struct fleet *f = gateway_fleet(g);
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_key(&w, VIEW("nodes"));
    json_put_array(&w);
    for (unsigned i = 0; i < fleet_config(f)->n_backends; i++) {
        struct fleet_set *set = fleet_set_ref(f, i);
        for (unsigned k = 0; k < set->n; k++)
            put_node(&w, &set->nodes[k]);
        fleet_set_unref(set);
    }
    json_put_close(&w);
    json_put_key(&w, VIEW("differences"));
    json_put_array(&w);
    fleet_each_difference(f, put_difference, &w);
    json_put_close(&w);
    put_backends(&w, g, fleet_config(f));
    json_put_close(&w);
    buf_append_char(out, '\n');
    fleet_unref(f);
}
