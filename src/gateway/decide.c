#include "base/clock.h"
#include "fleet/overflow.h"
#include "gateway/exchange.h"
#include "gateway/sayable.h"
#include "run/task.h"

#include <time.h>

enum { WAIT_FOR_MODELS_MS = 3000, STEP_MS = 5 };

static bool lists_needed(const struct config *c)
{
    for (unsigned i = 0; i < c->n_backends; i++)
        if (c->backends[i].n_models == 0 || c->backends[i].discover.from != DISCOVER_NOTHING)
            return true;
    return false;
}

void exchange_wait_for_models(struct exchange *x)
{
    int64_t until = clock_mono_ns() + WAIT_FOR_MODELS_MS * NS_PER_MS;

    if (fleet_known(x->fleet) || !lists_needed(x->config))
        return;
    while (!fleet_known(x->fleet) && clock_mono_ns() < until)
        if (task_sleep_ms(STEP_MS) == WAIT_CANCELLED)
            return;
}

/* Local time of day; localtime_r() reads the zone file only once. */
static int minute_of_day(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;

    localtime_r(&seconds, &parts);
    return parts.tm_hour * 60 + parts.tm_min;
}

static struct policy_header *headers_of(struct exchange *x, unsigned *ret_n)
{
    struct policy_header *out = arena_new_array(x->arena, struct policy_header, x->head->n_headers);

    for (unsigned i = 0; out && i < x->head->n_headers; i++)
        out[i] = (struct policy_header){x->head->headers[i].name, x->head->headers[i].value};
    *ret_n = out ? x->head->n_headers : 0;
    return out;
}

bool exchange_decide(struct exchange *x)
{
    struct policy_fleet fleet;
    bool rules = x->config->policy.n_rules > 0;
    struct policy_question question = {
        .facts = &x->facts,
        .model = x->request.model,
        .key = x->key,
        .user = x->request.user,
        .metadata = x->request.metadata,
        .task_header = http_header_get(x->head, VIEW("x-weir-task")),
    };

    exchange_wait_for_models(x);
    if (rules) { /* only they look at these */
        question.headers = headers_of(x, &question.n_headers);
        question.minute_of_day = minute_of_day(x->wall_ms);
    }
    x->plan = arena_new_of(x->arena, struct plan);
    if (!x->plan || !fleet_view(x->fleet, x->arena, &fleet))
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to decide");
    for (unsigned i = 0; i < fleet.n_backends; i++)
        if (fleet.backends[i].saturated)
            overflow_press(x->fleet, fleet.backends[i].index);
    return policy_decide(x->config, &question, &fleet, x->arena, x->plan, &x->error) &&
           sayable_sift(x->config, &x->request, x->request_arena, x->plan, x->arena, &x->error);
}
