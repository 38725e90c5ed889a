#include "economics/size.h"

static bool smaller_cache(const struct size_plan *p, const struct size_cache_type *type)
{
    return type->engines & 1U << p->engine &&
           type->bytes * p->cache_type->elements < p->cache_type->bytes * type->elements;
}

static bool smaller_weights(const struct model_shape *s, const struct size_plan *p,
                            const struct weight_type *type)
{
    uint64_t now = p->weight_type ? shape_bytes_as(s, p->weight_type) : s->bytes;

    return type->gguf == (p->engine == SIZE_LLAMACPP) && shape_bytes_as(s, type) < now;
}

/* Adds the plan when it fits. */
static bool add(const struct model_shape *s, enum size_change change, const struct size_plan *p,
                struct size_choice *choices, unsigned *n)
{
    struct size_need need = size_needed(s, p);

    if (!size_fits(&need))
        return false;
    choices[(*n)++] = (struct size_choice){change, *p, need};
    return true;
}

static void fewer_tokens(const struct model_shape *s, const struct size_plan *p,
                         struct size_choice *choices, unsigned *n)
{
    struct size_plan plan = *p;

    plan.context = size_most_context(s, p);
    if (plan.context > 0 && plan.context < p->context)
        add(s, SIZE_CONTEXT, &plan, choices, n);
    plan = *p;
    plan.parallel = size_most_parallel(s, p);
    if (plan.parallel > 0)
        add(s, SIZE_PARALLEL, &plan, choices, n);
}

static void smaller_types(const struct model_shape *s, const struct size_plan *p,
                          struct size_choice *choices, unsigned *n)
{
    struct size_plan plan = *p;

    for (unsigned i = 0; i < n_size_cache_types; i++) {
        plan.cache_type = &size_cache_types[i];
        if (smaller_cache(p, plan.cache_type) && add(s, SIZE_CACHE_TYPE, &plan, choices, n))
            break;
    }
    plan = *p;
    for (unsigned i = 0; i < n_weight_types; i++) {
        plan.weight_type = &weight_types[i];
        if (smaller_weights(s, p, plan.weight_type) && add(s, SIZE_WEIGHT_TYPE, &plan, choices, n))
            break;
    }
}

/* One conversation with a cache of half the size: with the largest weights that leave room for the
 * context, or else with the smallest and as much of the context as there is room for. */
static void several(const struct model_shape *s, const struct size_plan *p,
                    struct size_choice *choices, unsigned *n)
{
    struct size_plan plan = *p;

    plan.parallel = 1;
    plan.cache_type = size_cache_type_find(p->engine == SIZE_VLLM ? VIEW("fp8") : VIEW("q8_0"));
    if (!smaller_cache(p, plan.cache_type))
        plan.cache_type = p->cache_type;
    if (add(s, SIZE_SEVERAL, &plan, choices, n))
        return;
    for (unsigned i = 0; i < n_weight_types; i++) {
        if (!smaller_weights(s, p, &weight_types[i]))
            continue;
        plan.weight_type = &weight_types[i];
        if (add(s, SIZE_SEVERAL, &plan, choices, n))
            return;
    }
    plan.context = size_most_context(s, &plan);
    if (plan.context > 0)
        add(s, SIZE_SEVERAL, &plan, choices, n);
}

unsigned size_instead(const struct model_shape *s, const struct size_plan *p,
                      struct size_choice ret_choices[SIZE_CHOICES])
{
    unsigned n = 0;

    fewer_tokens(s, p, ret_choices, &n);
    smaller_types(s, p, ret_choices, &n);
    if (n == 0)
        several(s, p, ret_choices, &n);
    return n;
}

uint64_t size_memory_for(const struct size_plan *p, const struct size_need *need)
{
    double memory = ((double)need->total + (double)p->reserve) / p->use;

    return memory < 1e18 ? (uint64_t)memory + 1 : UINT64_MAX;
}
