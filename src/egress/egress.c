#include "egress/egress.h"

#include <stdatomic.h>

static _Atomic(uint64_t) sent;

bool egress_send(struct http_call *call, struct http_origin *origin,
                 const struct http_request_out *request, const struct http_deadlines *deadlines,
                 struct arena *a, struct error *err)
{
    atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed);
    return http_call_start(call, origin, request, deadlines, a, err);
}

uint64_t egress_sent(void)
{
    return atomic_load_explicit(&sent, memory_order_relaxed);
}
