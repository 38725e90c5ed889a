#include "egress/egress.h"

#include "base/clock.h"
#include "egress/look.h"

#include <stdatomic.h>
#include <stdlib.h>

struct egress {
    atomic_int refs;
    struct sensitivity *scanner;
};

static _Atomic(uint64_t) sent, catches, failed;

static void count(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

struct egress *egress_new(const struct config *config, struct error *err)
{
    struct sensitivity_own own = {.words = config->perimeter.words,
                                  .n_words = config->perimeter.n_words,
                                  .patterns = config->perimeter.patterns,
                                  .n_patterns = config->perimeter.n_patterns};
    struct egress *e = calloc(1, sizeof(*e));

    if (!e) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the gate");
        return NULL;
    }
    atomic_store(&e->refs, 1);
    e->scanner = sensitivity_new(&own, err);
    if (e->scanner)
        return e;
    free(e);
    return NULL;
}

struct egress *egress_ref(struct egress *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void egress_unref(struct egress *e)
{
    if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    sensitivity_free(e->scanner);
    free(e);
}

const struct sensitivity *egress_scanner(const struct egress *e)
{
    return e->scanner;
}

static bool stop(enum look look, uint32_t classes, struct error *err)
{
    unsigned first = classes ? (unsigned)__builtin_ctz(classes) : 0;

    if (look == LOOK_FAILED) {
        struct error why = *err;
        count(&failed);
        error_set(err, ERROR_GATE, "the request could not be looked through at the gate: %.120s",
                  why.text);
        return error_hint(err, "Nothing left. It can only be answered inside.");
    }
    count(&catches);
    error_set(err, ERROR_GATE, "the gate found %s in what was to leave",
              classes ? data_class_name((enum data_class)first) : "a masked value");
    return error_hint(err, "Nothing left. It can only be answered inside.");
}

bool egress_send(struct http_call *call, struct http_origin *origin,
                 const struct http_request_out *request, const struct egress_pass *pass,
                 const struct http_deadlines *deadlines, struct arena *a, uint32_t *ret_left,
                 struct error *err)
{
    uint32_t classes;
    int64_t began_ns = clock_mono_ns();
    enum look look = egress_look(request, pass, deadlines->head_ns, &classes, err);
    struct http_deadlines rest = *deadlines;

    if (look == LOOK_CANCELLED)
        return false;
    if (look != LOOK_CLEAN)
        return stop(look, classes & pass->forbidden, err);
    if (ret_left)
        *ret_left = classes;
    count(&sent);
    rest.connect_ns += clock_mono_ns() - began_ns; /* the look is no fault of the backend's */
    if (rest.connect_ns > rest.head_ns)
        rest.connect_ns = rest.head_ns;
    return http_call_start(call, origin, request, &rest, a, err);
}

struct egress_counts egress_counts(void)
{
    return (struct egress_counts){
        .sent = atomic_load_explicit(&sent, memory_order_relaxed),
        .catches = atomic_load_explicit(&catches, memory_order_relaxed),
        .failed = atomic_load_explicit(&failed, memory_order_relaxed),
    };
}
