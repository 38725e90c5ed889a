#include "gateway/exchange.h"
#include "run/offload.h"

#include <stdlib.h>

enum {
    OFFLOAD_BYTES = 128 * 1024, /* above this, reading would keep the loop from its other tasks */
    ARENA_SLACK = 1 << 20,      /* beyond four times the largest body */
};

/* A large body is read and inspected on the CPU pool. The task may leave meanwhile, so the job owns
 * what it works on: the request's arena, with the body in it, is handed over and comes back. */
struct read_job {
    struct offload_job job;
    struct arena *arena;
    struct view body;
    struct llm_request request;
    struct inspect_facts facts;
    struct error error;
    bool ok;
};

static void run_read(struct offload_job *job)
{
    struct read_job *j = (struct read_job *)job;

    j->ok = llm_request_read(LLM_OPENAI_CHAT, j->body, j->arena, &j->request, &j->error);
    if (j->ok)
        inspect_exchange(&j->request, &j->facts);
}

static void drop_read(struct offload_job *job)
{
    struct read_job *j = (struct read_job *)job;
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

static bool read_offloaded(struct exchange *x)
{
    struct read_job *j = calloc(1, sizeof(*j));

    if (!j)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    j->job = (struct offload_job){.run = run_read, .drop = drop_read};
    j->arena = x->request_arena;
    j->body = x->body;
    enum wait_result result = task_offload(OFFLOAD_CPU, &j->job, x->deadline_ns);
    if (result != WAIT_READY)
        return left_behind(x, result);
    bool ok = x->inspected = j->ok;
    x->error = j->error;
    x->request = j->request;
    x->facts = j->facts;
    j->arena = NULL;
    offload_release(&j->job);
    return ok;
}

static void free_request(void *arg)
{
    struct exchange *x = arg;

    arena_free(x->request_arena);
    x->request_arena = NULL;
}

bool exchange_read(struct exchange *x)
{
    enum http_server_result result;

    x->request_arena = arena_new(x->config->max_body * 4 + ARENA_SLACK);
    if (x->request_arena)
        arena_defer(x->arena, free_request, x);
    if (!x->request_arena)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    result = http_server_body(x->client, x->limits, x->head, x->request_arena, &x->body, &x->error);
    if (result != HTTP_SERVER_OK)
        return false;
    bool ok =
        x->body.n > OFFLOAD_BYTES
            ? read_offloaded(x)
            : llm_request_read(LLM_OPENAI_CHAT, x->body, x->request_arena, &x->request, &x->error);
    x->request.model = arena_dup(x->arena, x->request.model);
    return ok;
}
