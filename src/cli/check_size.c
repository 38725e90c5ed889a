#include "cli/check_size.h"

#include "cli/size_source.h"
#include "economics/size.h"

#include <stdio.h>

static bool plan_of(const struct config_backend *b, const struct config_model *m, uint32_t window,
                    struct size_plan *ret_plan)
{
    struct size_plan plan = size_plan_default(b->engine == ENGINE_VLLM ? SIZE_VLLM : SIZE_LLAMACPP);

    plan.memory = b->memory;
    plan.context = window;
    plan.parallel = m->parallel ? m->parallel : 1;
    if (m->kv_type.n > 0)
        plan.cache_type = size_cache_type_find(m->kv_type);
    *ret_plan = plan;
    return plan.cache_type != NULL;
}

void check_memory(const struct config_backend *b, const struct config_model *m, uint32_t window)
{
    struct model_shape shape;
    struct size_plan plan;
    struct error err;
    bool gguf;

    if (b->memory == 0 || m->file.n == 0 || window == 0 || window > SIZE_MAX_CONTEXT)
        return;
    if (!plan_of(b, m, window, &plan)) {
        printf("%24swarning: %.*s: there is no kv_type %.*s\n", "", VIEW_ARG(m->name),
               VIEW_ARG(m->kv_type));
        return;
    }
    if (!size_source_read(m->file.p, NULL, &shape, &gguf, &err)) {
        printf("%24swarning: %.*s: %s\n", "", VIEW_ARG(m->name), err.text);
        return;
    }
    struct size_need need = size_needed(&shape, &plan);
    if (size_fits(&need))
        return;
    double gib = 1 << 30;
    printf("%24swarning: %.*s with %u tokens x %u takes %.2f GiB, of a node's memory %.2f GiB are "
           "there for it\n"
           "%24s(what would fit: weir size --model %.*s --gpu %.2fGB --context %u --parallel %u)\n",
           "", VIEW_ARG(m->name), window, plan.parallel, (double)need.total / gib,
           (double)need.available / gib, "", VIEW_ARG(m->file), (double)b->memory / gib, window,
           plan.parallel);
}

void check_windows_add(struct check_windows *w, enum side side, uint32_t window)
{
    if (window == 0)
        w->unknown[side] = true;
    else if (window > w->longest[side])
        w->longest[side] = window;
}

void check_windows_print(const struct check_windows *w)
{
    uint32_t inside = w->longest[SIDE_INSIDE], outside = w->longest[SIDE_OUTSIDE];

    if (w->unknown[SIDE_INSIDE] || inside == 0 || outside <= inside)
        return;
    printf("no model inside holds more than %u tokens, outside up to %u: what is longer and must "
           "stay inside\n(sensitive data, inside_only, pins) is refused\n",
           inside, outside);
}
