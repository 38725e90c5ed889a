#include "base/clock.h"
#include "gateway/exchange.h"
#include "run/offload.h"

#include <stdlib.h>

/* Above this, reading JSON would keep the loop from its other tasks for too long. */
enum { OFFLOAD_BYTES = 128 * 1024 };

/* A large body read on the CPU pool. The job owns what it works on, because the task may leave: a
 * reference to the exchange's memory would not survive that. So it has a copy of the body, and the
 * exchange keeps the job for as long as it needs the request. */
struct read_job {
    struct offload_job job;
    struct arena *arena;
    struct view body;
    struct llm_request request;
    struct error error;
    bool ok;
};

static void run_read(struct offload_job *job)
{
    struct read_job *j = (struct read_job *)job;
    j->ok = llm_request_read(LLM_OPENAI_CHAT, j->body, j->arena, &j->request, &j->error);
}

static void drop_read(struct offload_job *job)
{
    struct read_job *j = (struct read_job *)job;
    arena_free(j->arena);
    free(j);
}

static void release_read(void *arg)
{
    offload_release(arg);
}

static bool read_offloaded(struct exchange *x)
{
    struct read_job *j = calloc(1, sizeof(*j));

    if (j)
        j->arena = arena_new(x->body.n * 4 + (1 << 20));
    if (!j || !j->arena) {
        free(j);
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    }
    j->job = (struct offload_job){.run = run_read, .drop = drop_read};
    j->body = arena_dup(j->arena, x->body);
    switch (task_offload(OFFLOAD_CPU, &j->job, x->deadline_ns)) {
    case WAIT_READY:
        break;
    case WAIT_TIMEOUT:
        return error_set(&x->error, ERROR_DEADLINE, "reading the request took too long");
    case WAIT_CANCELLED:
        return error_set(&x->error, ERROR_CLIENT_GONE, "the client left");
    }
    arena_defer(x->request_arena, release_read,
                &j->job); /* the request's views point into the job */
    x->error = j->error;
    x->request = j->request;
    return j->ok;
}

bool exchange_read(struct exchange *x)
{
    enum http_server_result result;

    x->request_arena = arena_new_child(x->arena);
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
