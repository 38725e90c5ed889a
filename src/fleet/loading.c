#include "fleet/loading.h"

#include "base/clock.h"
#include "fleet/ask.h"

#include <errno.h>

enum { HEALTH_TIMEOUT_MS = 2000, ARENA_BYTES = 8 << 20, UNAVAILABLE = 503 };

/* vLLM reads large weights for minutes before it listens. */
static const int64_t PATIENCE_NS = INT64_C(600) * NS_PER_S;

static bool says_loading(struct fleet *f, struct node *n, const struct config_backend *backend)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct error ignored;
    struct view body;
    int status;

    bool loading = a &&
                   node_ask_any(f, n, backend, "GET", "/health", VIEW_NONE, HEALTH_TIMEOUT_MS, a,
                                &status, &body, &ignored) &&
                   status == UNAVAILABLE && view_find(body, VIEW("Loading model")) != VIEW_NPOS;
    arena_free(a);
    return loading;
}

bool loading_refused(const struct error *why)
{
    return why->code == ERROR_UPSTREAM_REFUSED &&
           view_ends(view_str(why->text), view_str(strerror(ECONNREFUSED)));
}

bool loading_found(struct fleet *f, struct node *n, const struct config_backend *backend,
                   const struct error *why, int64_t *refused_since_ns)
{
    int64_t now = clock_mono_ns();

    if (n->side != SIDE_INSIDE)
        return false;
    if (n->engine == ENGINE_LLAMACPP)
        return why->code == ERROR_UPSTREAM_STATUS && says_loading(f, n, backend);
    if (n->engine != ENGINE_VLLM || !loading_refused(why) || atomic_load(&n->was_up)) {
        *refused_since_ns = 0;
        return false;
    }
    if (*refused_since_ns == 0)
        *refused_since_ns = now;
    return now - *refused_since_ns < PATIENCE_NS;
}
