/* The record of an exchange: tokens, money, decision, outcome. Runs in every case. */
#include "base/clock.h"
#include "economics/prices.h"
#include "gateway/continue.h"
#include "gateway/evidence.h"
#include "gateway/log.h"
#include "llm/models.h"
#include "llm/tokens.h"
#include "run/task.h"

enum { JSON_MAX_BYTES = 64 * 1024 };

/* ---- waiting for the ledger's writer --------------------------------------------------------- */

struct commit {
    struct ledger_commit base;
    struct loop_message message;
    struct loop *loop;
    struct task *task;
    bool finished, committed;
};

static void finished(struct loop_message *m)
{
    struct commit *c = (struct commit *)(void *)((char *)m - offsetof(struct commit, message));
    c->finished = true;
    task_wake(c->task);
}

/* On the writer's thread. */
static void committed(struct ledger_commit *base, bool ok)
{
    struct commit *c = (struct commit *)base;
    c->committed = ok;
    loop_post(c->loop, &c->message);
}

static bool write_record(struct exchange *x, const struct ledger_record *record)
{
    struct commit c = {
        .base = {.record = record, .done = committed},
        .message = {.fn = finished},
        .loop = loop_current(),
        .task = task_current(),
    };

    ledger_submit(x->gateway->ledger, &c.base);
    while (!c.finished) /* the writer answers always: committed, or failing */
        if (task_park(TIMER_NEVER, TASK_UNCANCELLABLE) != WAIT_READY)
            break;
    return c.committed;
}

/* Once when it begins, once when it is over. */
static void say_ledger_state(struct gateway *g, bool written)
{
    struct error why;

    if (!written && !atomic_exchange(&g->ledger_failed, true) && ledger_failing(g->ledger, &why))
        log_error("ledger_failing", "%s %s", why.text, why.hint);
    else if (written && atomic_load_explicit(&g->ledger_failed, memory_order_relaxed) &&
             atomic_exchange(&g->ledger_failed, false))
        log_info("ledger_recovered", "records are written again");
}

/* ---- money ----------------------------------------------------------------------------------- */

static int64_t outside_cost(const struct exchange *x, struct view model,
                            const struct llm_usage *usage)
{
    struct price price;
    return price_find(x->config, model, &price) ? price_cost_nano(&price, usage) : LEDGER_UNPRICED;
}

static int64_t inside_cost(const struct exchange *x, unsigned backend, int64_t share_ns)
{
    int64_t per_hour = x->config->backends[backend].cost_per_hour_nano;
    return per_hour > 0 && share_ns >= 0 ? share_cost_nano(share_ns, per_hour) : LEDGER_UNPRICED;
}

int64_t account_cost(const struct exchange *x, const struct plan_candidate *answered_by,
                     const struct llm_usage *usage, int64_t share_ns)
{
    return answered_by->side == SIDE_OUTSIDE ? outside_cost(x, answered_by->model, usage)
                                             : inside_cost(x, answered_by->backend, share_ns);
}

/* With the steps before it, where a request was split, and the parts of a stream that broke. */
static int64_t whole_cost(const struct exchange *x, const struct llm_usage *usage)
{
    int64_t cost = account_cost(x, x->answered_by, usage, x->share_ns);
    return cost == LEDGER_UNPRICED || x->steps_cost_nano == LEDGER_UNPRICED
               ? LEDGER_UNPRICED
               : cost + x->steps_cost_nano;
}

/* What a backend that did not answer would have cost. */
static int64_t would_cost(const struct exchange *x, unsigned backend, struct view model,
                          const struct llm_usage *usage)
{
    int64_t share_ns = -1;

    if (x->config->backends[backend].side == SIDE_OUTSIDE)
        return outside_cost(x, model, usage);
    struct fleet_set *set = fleet_set_ref(x->fleet, backend);
    for (unsigned i = 0; i < set->n && share_ns < 0; i++)
        share_ns =
            node_estimate_share_ns(set->nodes[i].node, (uint64_t)usage->input + usage->output);
    fleet_set_unref(set);
    return inside_cost(x, backend, share_ns);
}

/* The backend's first model that could have done the same kind of work; NULL: it has none. */
static const struct config_model *alike(const struct exchange *x, const struct config_backend *b)
{
    bool embeds = (x->facts.needs & LLM_NEED_EMBEDDINGS) != 0;

    for (unsigned i = 0; i < b->n_models; i++)
        if (((llm_model_abilities(&b->models[i]) & ABILITY_EMBEDDINGS) != 0) == embeds)
            return &b->models[i];
    return NULL;
}

/* The best candidate of the other side: the plan's, or where the plan has none of that side the
 * first model of the first backend there. */
static void other_side(const struct exchange *x, const struct llm_usage *usage,
                       struct ledger_record *r)
{
    enum side other = r->side == SIDE_INSIDE ? SIDE_OUTSIDE : SIDE_INSIDE;

    r->other_cost_nano = LEDGER_UNPRICED;
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *c = &x->plan->candidates[i];
        if (c->side != other)
            continue;
        r->other_model = c->model;
        r->other_cost_nano = would_cost(x, c->backend, c->model, usage);
        return;
    }
    for (unsigned i = 0; i < x->config->n_backends; i++) {
        const struct config_backend *b = &x->config->backends[i];
        const struct config_model *m = b->side == other ? alike(x, b) : NULL;
        if (!m)
            continue;
        r->other_model = m->name;
        r->other_cost_nano = would_cost(x, i, m->name, usage);
        return;
    }
}

struct llm_usage account_usage(const struct exchange *x)
{
    struct llm_usage u = x->answer.usage;

    if (!u.reported) {
        u.input = x->facts.tokens_by_family[tokens_family(x->answered_by->model)];
        u.output = tokens_estimate_bytes(x->answer.text_bytes);
        if (continue_going(x))
            u.input += x->continuation->earlier.output;
    }
    return u;
}

/* ---- the record ------------------------------------------------------------------------------ */

static void fill_answer(struct exchange *x, struct ledger_record *r)
{
    struct llm_usage last = account_usage(x), u = last;

    if (continue_going(x))
        u = continue_whole(x->continuation, &last);
    r->side = (int)x->answered_by->side;
    r->backend = x->answered_by->backend_name;
    r->node = x->node->text;
    r->model = x->answered_by->model;
    r->tokens_in = u.input;
    r->tokens_out = u.output;
    r->tokens_cached = u.cached;
    r->tokens_reasoning = u.reasoning;
    r->tokens_estimated = !u.reported || continue_going(x); /* a part that broke told nothing */
    r->cost_nano = whole_cost(x, &last);
    other_side(x, &u, r);
}

static struct view plan_json(struct exchange *x)
{
    struct buf b = BUF_MAX(JSON_MAX_BYTES);

    if (!x->plan)
        return VIEW("");
    plan_write_brief(x->plan, &x->facts, &b);
    struct view text = buf_ok(&b) ? arena_dup(x->arena, buf_view(&b)) : VIEW("");
    buf_done(&b);
    return text;
}

/* Nothing where the record's other members say all of it. */
static struct view attempts_json(struct exchange *x)
{
    bool plain = x->n_attempts == 1 && x->waited_ns == 0 && x->answered_by &&
                 x->error.code == ERROR_NONE && x->status == x->upstream_status &&
                 !continue_going(x);

    if (x->n_attempts == 0 || plain)
        return VIEW_NONE;
    buf_append_char(&x->attempts, ']');
    return buf_ok(&x->attempts) ? buf_view(&x->attempts) : VIEW("[]");
}

static int64_t since_us(const struct exchange *x, int64_t ns)
{
    return ns ? (ns - x->began_ns) / NS_PER_US : -1;
}

/* A failed attempt's status speaks of an upstream; only "slow down" is the client's business. */
static int status_of_error(const struct exchange *x)
{
    if (x->streaming)
        return 200;
    if (x->error.code == ERROR_NO_BACKEND && x->upstream_status == 429)
        return 429;
    return error_info(x->error.code)->http_status;
}

static struct view notes_of(struct exchange *x)
{
    if (!continue_going(x))
        return x->notes;
    bool continued = x->n_attempts > 1 && x->error.code == ERROR_NONE;
    return arena_printf(x->arena, "%.*s%s%s after %zu bytes", VIEW_ARG(x->notes),
                        x->notes.n ? ", " : "", continued ? "continued" : "broke",
                        x->continuation->at);
}

bool exchange_account(struct exchange *x)
{
    bool failed = x->error.code != ERROR_NONE;

    if (failed)
        x->status = x->error.code == ERROR_CLIENT_GONE ? 499 : status_of_error(x);
    struct ledger_record r = {
        .id = x->id,
        .request_id = x->request_id,
        .wall_ms = x->wall_ms,
        .key = x->key,
        .model_asked = x->request.model,
        .dialect = view_str(dialect_name(x->dialect)),
        .plan = plan_json(x),
        .attempts = attempts_json(x),
        .notes = notes_of(x),
        .side = -1,
        .stream = x->request.stream,
        .status = x->status,
        .outcome = failed ? view_str(error_info(x->error.code)->wire) : x->outcome,
        .first_token_us = since_us(x, x->first_token_ns),
        .total_us = since_us(x, clock_mono_ns()),
        .cost_nano = LEDGER_UNPRICED,
        .other_cost_nano = LEDGER_UNPRICED,
    };
    if (x->plan) {
        r.task = view_str(task_name(x->plan->task));
        r.alias = x->plan->alias;
        r.confidence = x->facts.confidence;
        r.complexity = x->facts.complexity;
        r.tokens_in = x->facts.tokens_in;
        r.tokens_estimated = true;
    }
    if (x->answered_by)
        fill_answer(x, &r);
    evidence_fill(x, &r);
    stats_record(&x->gateway->stats, &r);
    bool written = write_record(x, &r);
    say_ledger_state(x->gateway, written);
    buf_done(&x->attempts);
    if (!written)
        atomic_fetch_add_explicit(&x->gateway->stats.ledger_lost, 1, memory_order_relaxed);
    return written || !x->config->ledger_required;
}
