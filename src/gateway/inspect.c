/* From the body's bytes to what Weir knows of the request: its fields, its task, its tokens. */
#include "gateway/exchange.h"
#include "run/offload.h"

#include <stdlib.h>

/* Above this, reading would keep the loop from its other tasks for too long. */
enum { OFFLOAD_BYTES = 128 * 1024 };

static bool understand(enum llm_dialect dialect, struct view body, struct arena *a,
                       struct inspect_memory *memory, struct llm_request *ret_request,
                       struct inspect_facts *ret_facts, struct error *err)
{
    if (!llm_request_read(dialect, body, a, ret_request, err))
        return false;
    inspect_exchange(ret_request, memory, ret_facts);
    return true;
}

/* Whether some backend speaks another dialect than the client. */
static bool may_translate(const struct config *config, enum llm_dialect client)
{
    for (unsigned i = 0; i < config->n_backends; i++)
        if (config->backends[i].dialect != client)
            return true;
    return false;
}

/* A large body on the CPU pool. The task may leave meanwhile, so the job owns what it works on: the
 * request's arena, with the body in it, is handed over and comes back. */
struct inspect_job {
    struct offload_job job;
    enum llm_dialect dialect;
    struct arena *arena;
    struct view body;
    struct llm_request request;
    struct inspect_facts facts;
    struct error error;
    bool ok, may_translate;
};

static void run_inspect(struct offload_job *job)
{
    struct inspect_job *j = (struct inspect_job *)job;
    struct error refused; /* by the full reading, which says so again when somebody needs it */

    j->ok = understand(j->dialect, j->body, j->arena, NULL, &j->request, &j->facts, &j->error);
    if (j->ok && j->may_translate)
        (void)llm_request_neutral(&j->request, j->arena, &refused);
}

static void drop_inspect(struct offload_job *job)
{
    struct inspect_job *j = (struct inspect_job *)job;
    arena_free(j->arena);
    free(j);
}

/* The job has the arena now: to this exchange the request is gone. */
static bool left_behind(struct exchange *x, enum wait_result why)
{
    x->request_arena = NULL;
    x->body = VIEW_NONE;
    return why == WAIT_TIMEOUT
               ? error_set(&x->error, ERROR_DEADLINE, "reading the request took too long")
               : error_set(&x->error, ERROR_CLIENT_GONE, "the client left");
}

static bool understand_offloaded(struct exchange *x)
{
    struct inspect_job *j = calloc(1, sizeof(*j));

    if (!j)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    j->job = (struct offload_job){.run = run_inspect, .drop = drop_inspect};
    j->dialect = x->dialect;
    j->arena = x->request_arena;
    j->body = x->body;
    j->may_translate = may_translate(x->config, x->dialect);
    enum wait_result result = task_offload(OFFLOAD_CPU, &j->job, x->deadline_ns);
    if (result != WAIT_READY)
        return left_behind(x, result);
    bool ok = j->ok;
    x->error = j->error;
    x->request = j->request;
    x->facts = j->facts;
    j->arena = NULL;
    offload_release(&j->job);
    return ok;
}

bool exchange_inspect(struct exchange *x)
{
    struct inspect_memory *memory = x->gateway->memories[loop_index(loop_current())];
    bool ok = x->body.n > OFFLOAD_BYTES ? understand_offloaded(x)
                                        : understand(x->dialect, x->body, x->request_arena, memory,
                                                     &x->request, &x->facts, &x->error);

    x->request.model = arena_dup(x->arena, x->request.model); /* outlives the request's arena */
    return ok;
}
