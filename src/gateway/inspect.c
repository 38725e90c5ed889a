/* From the body's bytes to what Weir knows of the request: its fields, its task, its tokens. */
#include "gateway/conversation.h"
#include "gateway/exchange.h"
#include "run/offload.h"

#include <stdlib.h>

/* Above this, reading would keep the loop from its other tasks for too long. */
enum { OFFLOAD_BYTES = 128 * 1024 };

/* Whether some backend speaks another dialect than the client. */
static bool may_translate(const struct config *config, enum llm_dialect client)
{
    for (unsigned i = 0; i < config->n_backends; i++)
        if (config->backends[i].dialect != client)
            return true;
    return false;
}

/* What is read and what becomes of it. `keeper.answers` NULL: no conversations are kept. */
struct reading {
    enum llm_dialect dialect;
    struct arena *arena;
    struct conversation_keeper keeper;
    struct view body; /* the whole conversation, once it was read */
    struct answer *turn;
    struct llm_request request;
    struct inspect_facts facts;
    bool beginnings;                      /* a choice of nodes depends on them */
    const struct affinity_prompt *prompt; /* NULL: none */
    struct error error;
};

/* Without memory there is no affinity. */
static const struct affinity_prompt *beginnings_of(struct reading *r)
{
    struct affinity_prompt *prompt = arena_new_of(r->arena, struct affinity_prompt);

    if (prompt)
        affinity_read(&r->request, prompt);
    return prompt;
}

static bool understand(struct reading *r, struct inspect_memory *memory)
{
    if (r->keeper.answers &&
        !conversation_begin(&r->keeper, r->arena, &r->body, &r->turn, &r->error))
        return false;
    if (!llm_request_read(r->dialect, r->body, r->arena, &r->request, &r->error))
        return false;
    inspect_exchange(&r->request, memory, &r->facts);
    if (r->beginnings)
        r->prompt = beginnings_of(r);
    return true;
}

/* A large conversation on the CPU pool. The task may leave meanwhile, so the job owns what it works
 * on: the request's arena, with the body in it, is handed over and comes back. */
struct inspect_job {
    struct offload_job job;
    struct reading reading;
    bool ok, may_translate;
};

static void run_inspect(struct offload_job *job)
{
    struct inspect_job *j = (struct inspect_job *)job;
    struct error refused; /* by the full reading, which says so again when somebody needs it */

    j->ok = understand(&j->reading, NULL);
    if (j->ok && j->may_translate)
        (void)llm_request_neutral(&j->reading.request, j->reading.arena, &refused);
}

static void drop_inspect(struct offload_job *job)
{
    struct inspect_job *j = (struct inspect_job *)job;
    answer_unref(j->reading.turn);
    arena_free(j->reading.arena);
    free(j);
}

void exchange_lose_request(struct exchange *x)
{
    x->request_arena = NULL;
    x->body = VIEW_NONE;
    x->prompt = NULL;
}

static bool left_behind(struct exchange *x, enum wait_result why)
{
    exchange_lose_request(x);
    return why == WAIT_TIMEOUT
               ? error_set(&x->error, ERROR_DEADLINE, "reading the request took too long")
               : error_set(&x->error, ERROR_CLIENT_GONE, "the client left");
}

static void let_go(void *arg)
{
    struct exchange *x = arg;
    answer_unref(x->turn);
}

static void take_over(struct exchange *x, const struct reading *r)
{
    x->body = r->body;
    x->turn = r->turn;
    x->error = r->error;
    x->request = r->request;
    x->facts = r->facts;
    x->prompt = r->prompt;
    if (x->turn)
        arena_defer(x->arena, let_go, x);
}

static bool understand_offloaded(struct exchange *x, const struct reading *reading)
{
    struct inspect_job *j = calloc(1, sizeof(*j));

    if (!j)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    j->job = (struct offload_job){.run = run_inspect, .drop = drop_inspect};
    j->reading = *reading;
    j->may_translate = may_translate(x->config, x->dialect);
    enum wait_result result = task_offload(OFFLOAD_CPU, &j->job, x->deadline_ns);
    if (result != WAIT_READY)
        return left_behind(x, result);
    bool ok = j->ok;
    take_over(x, &j->reading);
    j->reading.arena = NULL;
    j->reading.turn = NULL;
    offload_release(&j->job);
    return ok;
}

/* Reading on from a former answer may be long however short the request is. An escape may stand in
 * the key that says so. */
static bool is_long(const struct reading *r)
{
    return r->body.n > OFFLOAD_BYTES ||
           (r->keeper.answers && (view_find(r->body, VIEW("previous_response_id")) != VIEW_NPOS ||
                                  view_find(r->body, VIEW("\\u")) != VIEW_NPOS));
}

static bool understand_here(struct exchange *x, struct reading *r)
{
    bool ok = understand(r, x->gateway->memories[loop_index(loop_current())]);

    take_over(x, r);
    return ok;
}

static bool chooses_nodes(const struct config *config)
{
    for (unsigned i = 0; config->affinity && i < config->n_backends; i++)
        if (config->backends[i].n_nodes != 1) /* none: as many as are found */
            return true;
    return false;
}

bool exchange_inspect(struct exchange *x)
{
    struct reading r = {.dialect = x->dialect,
                        .arena = x->request_arena,
                        .body = x->body,
                        .beginnings = chooses_nodes(x->config)};

    if (x->dialect == LLM_OPENAI_RESPONSES && x->config->responses_store != RESPONSES_STORE_OFF)
        r.keeper = (struct conversation_keeper){.answers = &x->gateway->answers,
                                                .key = arena_dup(x->request_arena, x->key),
                                                .max_body = x->config->max_body};
    bool ok = is_long(&r) ? understand_offloaded(x, &r) : understand_here(x, &r);

    x->request.model = arena_dup(x->arena, x->request.model); /* outlives the request's arena */
    return ok;
}
