#include "gateway/exchange.h"

/* As it came, decoded, looked through, masked. */
enum { BODIES = 8, ARENA_SLACK = 1 << 20 };

static void free_request(void *arg)
{
    struct exchange *x = arg;

    arena_free(x->request_arena);
    x->request_arena = NULL;
}

bool exchange_receive(struct exchange *x)
{
    x->request_arena = arena_new(x->config->max_body * BODIES + ARENA_SLACK);
    if (x->request_arena)
        arena_defer(x->arena, free_request, x); /* without memory for that it runs now */
    if (!x->request_arena)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to read the request");
    return http_server_body(x->client, x->limits, x->head, x->request_arena, &x->body, &x->error) ==
           HTTP_SERVER_OK;
}
