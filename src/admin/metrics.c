/*
 * Names follow OpenTelemetry's GenAI conventions where they have one (gen_ai_*), with `side` and
 * `backend` as labels, so that latency and errors of both paths are watched apart; weir_* is what
 * they lack.
 */
#include "admin/admin.h"

#include "base/clock.h"
#include "egress/egress.h"
#include "fleet/waiting.h"

static uint64_t get(const _Atomic(uint64_t) *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct buf *b, const char *name, const char *type, const char *help, double value)
{
    family(b, name, type, help);
    buf_printf(b, "%s %.17g\n", name, value);
}

static void labels(struct buf *b, const struct stats_backend *s)
{
    buf_printf(b, "side=\"%s\",backend=\"%s\"", side_name(s->side), s->name);
}

static void histogram(struct buf *b, const char *name, const struct stats_backend *s,
                      const struct stats_histogram *h)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        sum += get(&h->buckets[i]);
        buf_printf(b, "%s_bucket{", name);
        labels(b, s);
        if (i < STATS_BUCKETS - 1)
            buf_printf(b, ",le=\"%g\"} %llu\n", stats_bounds[i], (unsigned long long)sum);
        else
            buf_printf(b, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
    }
    buf_printf(b, "%s_sum{", name);
    labels(b, s);
    buf_printf(b, "} %.6f\n%s_count{", (double)get(&h->sum_us) / 1e6, name);
    labels(b, s);
    buf_printf(b, "} %llu\n", (unsigned long long)get(&h->count));
}

static void by_backend(struct buf *b, const struct stats *s, const char *name, size_t offset)
{
    unsigned n = atomic_load(&s->n_backends);

    for (unsigned i = 0; i < n; i++) {
        const _Atomic(uint64_t) *value =
            (const _Atomic(uint64_t) *)(const void *)((const char *)&s->backends[i] + offset);
        buf_printf(b, "%s{", name);
        labels(b, &s->backends[i]);
        buf_printf(b, "} %llu\n", (unsigned long long)get(value));
    }
}

static void write_backends(struct buf *b, const struct stats *s)
{
    unsigned n = atomic_load(&s->n_backends);

    family(b, "weir_answers_total", "counter", "Answers that came whole.");
    by_backend(b, s, "weir_answers_total", offsetof(struct stats_backend, ok));
    family(b, "weir_attempt_failures_total", "counter", "Attempts that failed.");
    by_backend(b, s, "weir_attempt_failures_total", offsetof(struct stats_backend, errors));
    family(b, "weir_unpriced_total", "counter", "Answers of models without a price.");
    by_backend(b, s, "weir_unpriced_total", offsetof(struct stats_backend, unpriced));
    family(b, "gen_ai_client_token_usage_total", "counter", "Tokens, by type.");
    for (unsigned i = 0; i < n; i++) {
        const struct stats_backend *k = &s->backends[i];
        buf_append_lit(b, "gen_ai_client_token_usage_total{");
        labels(b, k);
        buf_printf(b, ",gen_ai_token_type=\"input\"} %llu\n",
                   (unsigned long long)get(&k->tokens_in));
        buf_append_lit(b, "gen_ai_client_token_usage_total{");
        labels(b, k);
        buf_printf(b, ",gen_ai_token_type=\"output\"} %llu\n",
                   (unsigned long long)get(&k->tokens_out));
    }
    family(b, "weir_cost_dollars_total", "counter", "What priced answers cost.");
    for (unsigned i = 0; i < n; i++) {
        buf_append_lit(b, "weir_cost_dollars_total{");
        labels(b, &s->backends[i]);
        buf_printf(b, "} %.9f\n", (double)get(&s->backends[i].cost_nano) / 1e9);
    }
    family(b, "gen_ai_server_request_duration_seconds", "histogram", "Head to last byte.");
    for (unsigned i = 0; i < n; i++)
        histogram(b, "gen_ai_server_request_duration_seconds", &s->backends[i],
                  &s->backends[i].duration);
    family(b, "gen_ai_server_time_to_first_token_seconds", "histogram", "Head to first content.");
    for (unsigned i = 0; i < n; i++)
        histogram(b, "gen_ai_server_time_to_first_token_seconds", &s->backends[i],
                  &s->backends[i].first_token);
}

/* The next of those that are some backend's now. */
static struct node *member(struct node *n)
{
    while (n && !node_is_member(n))
        n = n->next;
    return n;
}

static void node_line(struct buf *b, const char *name, const struct node *n, double value)
{
    buf_printf(b, "%s{side=\"%s\",backend=\"%.*s\",node=\"%.*s\"} %.17g\n", name,
               side_name(n->side), VIEW_ARG(n->backend), VIEW_ARG(n->text), value);
}

/* What the engines say; a node whose engine does not say it, or not lately, has no line. */
static void write_loads(struct buf *b, int64_t now)
{
    struct node_load load;
    int64_t age_ms;

    family(b, "weir_node_running", "gauge", "Requests that the engine works on, as it says.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        if (node_load(n, now, &load, &age_ms) && load.running >= 0)
            node_line(b, "weir_node_running", n, (double)load.running);
    family(b, "weir_node_queued", "gauge", "Requests that wait in the engine, as it says.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        if (node_load(n, now, &load, &age_ms) && load.queued >= 0)
            node_line(b, "weir_node_queued", n, (double)load.queued);
    family(b, "weir_node_kv_use", "gauge", "How full its KV cache is, 0 to 1, as it says.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        if (node_load(n, now, &load, &age_ms) && load.kv_use >= 0)
            node_line(b, "weir_node_kv_use", n, load.kv_use);
}

static void write_nodes(struct buf *b)
{
    int64_t now = clock_mono_ns();

    family(b, "weir_node_up", "gauge", "1: the node is up, and takes requests.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        node_line(b, "weir_node_up", n, node_available(n, now));
    family(b, "weir_node_in_flight", "gauge", "Requests running on the node.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        node_line(b, "weir_node_in_flight", n, atomic_load(&n->in_flight));
    write_loads(b, now);
    family(b, "weir_node_requests_total", "counter", "Attempts at the node.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        node_line(b, "weir_node_requests_total", n, (double)get(&n->requests));
    family(b, "weir_node_failures_total", "counter", "Failed attempts at the node.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        node_line(b, "weir_node_failures_total", n, (double)get(&n->failures_total));
    family(b, "weir_inside_violations_total", "counter",
           "Connections to inside nodes that led elsewhere and were dropped.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        if (n->side == SIDE_INSIDE)
            node_line(b, "weir_inside_violations_total", n, (double)get(&n->origin.strangers));
    family(b, "weir_inside_remote_models", "gauge",
           "Models of inside nodes that somebody else serves.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        if (n->side == SIDE_INSIDE)
            node_line(b, "weir_inside_remote_models", n, node_count_remote(n));
    family(b, "weir_node_breaker_opened_total", "counter", "How often its breaker opened.");
    for (struct node *n = member(node_first()); n; n = member(n->next))
        node_line(b, "weir_node_breaker_opened_total", n, (double)get(&n->opened_total));
}

static void write_retries(struct buf *out, const struct stats *s)
{
    family(out, "weir_retries_total", "counter",
           "Requests asked again where they were asked before, by what had happened.");
    for (unsigned i = 0; i < STATS_RETRIES; i++)
        buf_printf(out, "weir_retries_total{reason=\"%s\"} %llu\n",
                   stats_retry_name((enum stats_retry)i), (unsigned long long)get(&s->retries[i]));
    one(out, "weir_retry_budget_exhausted_total", "counter",
        "Retries that the budget did not allow.", (double)get(&s->retry_exhausted));
    one(out, "weir_prompts_cut_total", "counter",
        "Answers of Ollama whose prompt filled the window: it was cut, most likely.",
        (double)get(&s->prompts_cut));
}

/* Of backends whose nodes are looked up. */
static void write_lookups(struct buf *b, struct fleet *f)
{
    enum { NODES, FAILURES, GOOD, METRICS };
    static const char *const metrics[METRICS][3] = {
        {"weir_discover_nodes", "gauge", "Nodes that were found and are asked."},
        {"weir_discover_failures_total", "counter", "Looks for nodes that failed."},
        {"weir_discover_last_success_seconds", "gauge", "When one succeeded last, Unix time."}};
    const struct config *c = fleet_config(f);

    for (unsigned m = 0; m < METRICS; m++) {
        family(b, metrics[m][0], metrics[m][1], metrics[m][2]);
        for (unsigned i = 0; i < c->n_backends; i++) {
            struct fleet_lookups *l = fleet_lookups(f, i);
            if (c->backends[i].discover.from == DISCOVER_NOTHING)
                continue;
            struct fleet_set *set = fleet_set_ref(f, i);
            double value = m == NODES      ? set->n
                           : m == FAILURES ? (double)get(&l->failures)
                                           : (double)atomic_load(&l->good_ms) / 1000;
            buf_printf(b, "%s{backend=\"%.*s\"} %.17g\n", metrics[m][0],
                       VIEW_ARG(c->backends[i].name), value);
            fleet_set_unref(set);
        }
    }
}

static void write_room(struct buf *b, const struct gateway *g)
{
    struct waiting_counts w = waiting_counts();

    family(b, "weir_overflow", "gauge", "1: requests pass the backend by, or wait, as it is full.");
    for (unsigned i = 0; i < g->saturation.n; i++)
        buf_printf(b, "weir_overflow{backend=\"%s\"} %d\n", g->saturation.states[i].name,
                   g->saturation.states[i].overflows);
    one(b, "weir_queue_waiting", "gauge", "Requests that wait for room at a node.", w.waiting);
    family(b, "weir_queue_wait_seconds", "summary", "How long requests waited for room.");
    buf_printf(b, "weir_queue_wait_seconds_sum %.6f\nweir_queue_wait_seconds_count %llu\n",
               (double)w.waited_us / 1e6, (unsigned long long)w.waits);
    one(b, "weir_queue_refused_total", "counter", "Requests that got no room in time.",
        (double)w.refused);
}

static void write_scans(struct buf *out, const struct stats *s)
{
    family(out, "weir_scans_total", "counter", "Requests looked through for sensitive data.");
    for (unsigned i = PLAN_CLEAN; i < PLAN_SCANS; i++)
        buf_printf(out, "weir_scans_total{result=\"%s\"} %llu\n", plan_scan_name((enum plan_scan)i),
                   (unsigned long long)get(&s->by_scan[i]));
    family(out, "weir_sensitive_total", "counter", "Requests that hold data of a class.");
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (get(&s->by_class[i]))
            buf_printf(out, "weir_sensitive_total{class=\"%s\"} %llu\n",
                       data_class_name((enum data_class)i),
                       (unsigned long long)get(&s->by_class[i]));
}

static void write_hedges(struct buf *out, const struct stats *s)
{
    static const char *const names[HEDGE_OUTCOMES] = {"won", "lost", "failed"};

    family(out, "weir_hedges_total", "counter", "Second attempts for a late first token.");
    for (unsigned i = 0; i < HEDGE_OUTCOMES; i++)
        buf_printf(out, "weir_hedges_total{outcome=\"%s\"} %llu\n", names[i],
                   (unsigned long long)get(&s->hedges[i]));
}

static void write_exchanges(struct buf *out, const struct stats *s)
{
    one(out, "weir_exchanges_total", "counter", "Chat requests.", (double)get(&s->exchanges));
    one(out, "weir_refused_total", "counter", "Requests that nobody answered.",
        (double)get(&s->refused));
    one(out, "weir_cancelled_total", "counter", "Clients that left.", (double)get(&s->cancelled));
    one(out, "weir_failovers_total", "counter", "Steps to the next candidate.",
        (double)get(&s->failovers));
    one(out, "weir_cut_streams_total", "counter", "Streams that the client saw break.",
        (double)get(&s->cut_streams));
    write_hedges(out, s);
    one(out, "weir_continued_total", "counter", "Breaks that another node went on behind.",
        (double)get(&s->continued));
    family(out, "weir_task_total", "counter", "Requests by task.");
    for (unsigned i = 0; i < TASK_COUNT; i++)
        buf_printf(out, "weir_task_total{task=\"%s\"} %llu\n", task_name((enum task_kind)i),
                   (unsigned long long)get(&s->by_task[i]));
}

static void write_gate(struct buf *out)
{
    struct egress_counts gate = egress_counts();

    one(out, "weir_egress_requests_total", "counter", "Requests through the gate to the outside.",
        (double)gate.sent);
    one(out, "weir_gate_catches_total", "counter",
        "Requests that the gate stopped for what nobody before it had found.",
        (double)gate.catches);
    one(out, "weir_gate_failed_total", "counter",
        "Requests that the gate stopped because they could not be looked through.",
        (double)gate.failed);
}

static void write_ledger(struct buf *out, struct gateway *g)
{
    struct ledger_stats ledger = ledger_stats(g->ledger);

    one(out, "weir_ledger_records_total", "counter", "Records committed.",
        (double)ledger.committed);
    one(out, "weir_ledger_lost_total", "counter", "Records that could not be written.",
        (double)get(&g->stats.ledger_lost));
    one(out, "weir_ledger_anchor_failures_total", "counter",
        "Checkpoints that could not be anchored.",
        (double)(ledger.anchor_failures + get(&g->stats.anchor_hook_failures)));
    one(out, "weir_ledger_failing", "gauge", "1 while the ledger takes no writes.",
        ledger_failing(g->ledger, NULL));
}

static void write_process(struct buf *out, struct gateway *g)
{
    unsigned tasks = 0;
    size_t deepest = 0;

    for (unsigned i = 0; i < g->n_loops; i++) {
        size_t high = loop_stack_high_water(g->loops[i]);
        tasks += loop_tasks(g->loops[i]);
        deepest = high > deepest ? high : deepest;
    }
    one(out, "weir_connections", "gauge", "Client connections.",
        atomic_load(&g->listener.connections));
    one(out, "weir_tasks", "gauge", "Tasks of all loops.", tasks);
    one(out, "weir_kept_answers_bytes", "gauge", "Memory of kept conversations.",
        (double)get(&g->answers.bytes));
    one(out, "weir_stack_high_water_bytes", "gauge", "Deepest stack use that was sampled.",
        (double)deepest);
    one(out, "weir_reloads_total", "counter", "Configurations taken over.",
        (double)get(&g->reloads));
    one(out, "weir_reloads_refused_total", "counter", "Configurations refused.",
        (double)get(&g->reloads_refused));
    one(out, "weir_start_time_seconds", "gauge", "Start, Unix time.",
        (double)g->started_wall_ms / 1000);
}

void metrics_write(struct gateway *g, struct buf *out)
{
    const struct stats *s = &g->stats;

    write_exchanges(out, s);
    write_retries(out, s);
    write_scans(out, s);
    write_backends(out, s);
    write_nodes(out);
    struct fleet *f = gateway_fleet(g);
    write_lookups(out, f);
    one(out, "weir_nodes_remembered", "gauge", "Nodes that left, and whose state is kept.",
        node_count_released());
    fleet_unref(f);
    write_room(out, g);
    write_gate(out);
    write_ledger(out, g);
    write_process(out, g);
}
