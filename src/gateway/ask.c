#include "gateway/ask.h"

#include "base/clock.h"
#include "fleet/overflow.h"
#include "gateway/attempts.h"
#include "gateway/blame.h"
#include "gateway/queue.h"
#include "gateway/send.h"
#include "gateway/translate.h"
#include "llm/dialect.h"

enum { TEXT_BYTES = 256 * 1024, BODY_SLACK = 1 << 20 };

struct asking {
    const struct ask *ask;
    const struct config_backend *backend;
    struct node *node;
    struct http_call call;
    int64_t began_ns, deadline_ns;
    struct buf text;
    struct llm_usage usage;
    bool foreign; /* something came that is no text */
};

/* ---- the request ----------------------------------------------------------------------------- */

static void free_buf(void *b)
{
    buf_done(b);
}

static bool write_body(struct exchange *x, struct asking *k, struct arena *a,
                       struct llm_body *ret_body)
{
    struct llm_rewrite rewrite =
        translate_rewrite(&x->request, k->backend, k->ask->candidate->model);
    struct buf *body = arena_new_of(a, struct buf);
    struct buf notes = BUF_MAX(0);

    if (!body)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory for a question");
    rewrite.add_usage = false; /* only streams need to be told */
    *body = BUF_MAX(x->request.body.n * 8 + BODY_SLACK);
    arena_defer(a, free_buf, body);
    if (!llm_dialect(k->backend->dialect)
             ->request_write(k->ask->request, &rewrite, body, &notes, &x->error))
        return false;
    if (!buf_ok(body))
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory for a question");
    *ret_body = (struct llm_body){.pieces = {buf_view(body)}, .n = 1, .bytes = body->len};
    return true;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool collect(void *arg, const struct llm_ev *ev)
{
    struct asking *k = arg;

    if (ev->kind == LLM_EV_TEXT && ev->choice == 0)
        buf_append(&k->text, ev->text);
    else if (ev->kind == LLM_EV_USAGE)
        k->usage = ev->usage;
    k->foreign = k->foreign || ev->kind == LLM_EV_CALL || ev->kind == LLM_EV_REFUSAL;
    return true;
}

static bool read_answer(struct exchange *x, struct asking *k, struct arena *a)
{
    struct llm_reader reader = {.dialect = k->backend->dialect, .arena = a};
    struct view body;

    if (k->call.head.status != 200)
        return error_set(&x->error, ERROR_UPSTREAM_STATUS, "%.*s answered %d",
                         VIEW_ARG(k->backend->name), k->call.head.status);
    if (!deliver_read_whole(x, &k->call, x->config->max_answer, k->deadline_ns, a, &body) ||
        !llm_dialect(k->backend->dialect)->plain_read(&reader, body, collect, k, &x->error))
        return false;
    if (!buf_ok(&k->text))
        return error_set(&x->error, ERROR_UPSTREAM_PROTOCOL, "the %s is longer than %d bytes",
                         k->ask->purpose, TEXT_BYTES);
    if (k->foreign || k->text.len == 0)
        return error_set(&x->error, ERROR_UPSTREAM_PROTOCOL, "the %s came without text",
                         k->ask->purpose);
    return true;
}

/* ---- one node -------------------------------------------------------------------------------- */

static void book(struct exchange *x, struct asking *k, bool ok, int64_t share_ns)
{
    const char *outcome = ok ? "ok" : error_info(x->error.code)->wire;
    int64_t cost = ok ? account_cost(x, k->ask->candidate, &k->usage, share_ns) : 0;

    attempts_add(x, &(struct attempt_note){.candidate = k->ask->candidate,
                                           .node = k->node,
                                           .outcome = view_str(outcome),
                                           .purpose = k->ask->purpose,
                                           .ms = (loop_now_ns() - k->began_ns) / NS_PER_MS,
                                           .status = k->call.head.status,
                                           .usage = &k->usage});
    x->steps_cost_nano = cost == LEDGER_UNPRICED || x->steps_cost_nano == LEDGER_UNPRICED
                             ? LEDGER_UNPRICED
                             : x->steps_cost_nano + cost;
    if (ok)
        (void)node_answered(k->node, &x->config->breaker, 0);
    else if (error_info(x->error.code)->may_fail_over && x->error.code != ERROR_GATE)
        (void)blame_failure(x, k->node, k->call.head.status, 0);
}

static bool ask_node(struct exchange *x, struct asking *k, struct arena *a)
{
    struct send send = {.backend = k->backend,
                        .node = k->node,
                        .leaves = k->ask->candidate->leaves,
                        .own = k->ask->own};

    struct node_use use;

    if (!node_begin(k->node, &use))
        return error_set(&x->error, ERROR_NO_BACKEND, "the node is tried by somebody else");
    k->began_ns = clock_mono_ns();
    k->deadline_ns = k->began_ns + k->backend->total_ms * NS_PER_MS;
    if (k->deadline_ns > x->deadline_ns)
        k->deadline_ns = x->deadline_ns;
    int64_t connect_ns = k->began_ns + k->backend->connect_ms * NS_PER_MS;
    send.deadlines = (struct http_deadlines){
        .connect_ns = connect_ns < k->deadline_ns ? connect_ns : k->deadline_ns,
        .head_ns = k->deadline_ns,
    };
    bool ok = write_body(x, k, a, &send.body) && send_request(x, &send, a, &k->call) &&
              read_answer(x, k, a);
    http_call_end(&k->call);
    int64_t share_ns = node_end(&use, ok ? (uint64_t)k->usage.input + k->usage.output : 0);
    book(x, k, ok, share_ns);
    return ok;
}

/* The next one that has room; where all are full it is waited for. */
static struct node *next_node(struct exchange *x, const struct fleet_wish *wish,
                              struct fleet_tried *tried)
{
    struct waiting_place place = {*wish, tried};
    struct node *node = fleet_pick(x->fleet, wish, tried);
    unsigned ignored;

    if (!node && overflow_passes(x->fleet, wish, tried) &&
        !queue_for_room(x, &place, 1, &ignored, &node))
        return NULL;
    return node;
}

bool ask_candidate(struct exchange *x, const struct ask *ask, struct arena *a,
                   struct view *ret_text)
{
    unsigned backend = ask->candidate->backend;
    struct fleet_wish wish = {
        .backend = backend, .model = ask->candidate->model, .roomy = true, .arena = x->arena};
    struct fleet_tried tried = {0};
    struct node *node;

    error_set(&x->error, ERROR_NO_BACKEND, "no node of %.*s can be asked for the %s",
              VIEW_ARG(ask->candidate->backend_name), ask->purpose);
    while ((node = next_node(x, &wish, &tried))) {
        struct asking k = {.ask = ask,
                           .backend = &x->config->backends[backend],
                           .node = node,
                           .text = BUF_MAX(TEXT_BYTES)};
        bool may = x->n_attempts < ATTEMPTS_MAX && clock_mono_ns() < x->deadline_ns;
        bool ok = may && ask_node(x, &k, a);
        if (ok)
            *ret_text = arena_dup(a, buf_view(&k.text));
        buf_done(&k.text);
        if (ok || !may || !error_info(x->error.code)->may_fail_over || x->error.code == ERROR_GATE)
            return ok;
    }
    return false;
}
