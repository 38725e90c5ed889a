#include "economics/size.h"

enum { BOTH = 1 << SIZE_LLAMACPP | 1 << SIZE_VLLM, LLAMACPP = 1 << SIZE_LLAMACPP };
enum { LLAMACPP_PAD = 256, VLLM_BLOCK = 16, CONTEXT_STEP = 1024 };

const struct size_cache_type size_cache_types[] = {
    {"f32", 1, 4, LLAMACPP},      {"bf16", 1, 2, BOTH},          {"f16", 1, 2, BOTH},
    {"q8_0", 32, 34, LLAMACPP},   {"fp8", 1, 1, 1 << SIZE_VLLM}, {"q5_1", 32, 24, LLAMACPP},
    {"q5_0", 32, 22, LLAMACPP},   {"q4_1", 32, 20, LLAMACPP},    {"q4_0", 32, 18, LLAMACPP},
    {"iq4_nl", 32, 18, LLAMACPP},
};
const unsigned n_size_cache_types = sizeof(size_cache_types) / sizeof(size_cache_types[0]);

const struct size_cache_type *size_cache_type_find(struct view name)
{
    for (unsigned i = 0; i < n_size_cache_types; i++)
        if (view_eq_nocase(name, view_str(size_cache_types[i].name)))
            return &size_cache_types[i];
    return NULL;
}

struct size_plan size_plan_default(enum size_engine engine)
{
    struct size_plan plan = {.engine = engine,
                             .parallel = 1,
                             .cache_type = size_cache_type_find(VIEW("f16")),
                             .batch = 512,
                             .use = 1,
                             .reserve = UINT64_C(1) << 30};

    if (engine == SIZE_VLLM) {
        plan.cache_type = size_cache_type_find(VIEW("bf16"));
        plan.batch = 2048;
        plan.use = 0.9;
        plan.reserve = 0;
    }
    return plan;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static unsigned up_to(unsigned tokens, unsigned block)
{
    return (tokens + block - 1) / block * block;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* A window and what is computed together must both be seen. */
static unsigned sliding_cells(const struct model_shape *s, const struct size_plan *p,
                              unsigned cells)
{
    unsigned seen = s->sliding_window + p->batch;

    if (s->sliding.layers == 0)
        return 0;
    return p->engine == SIZE_LLAMACPP ? up_to(least(cells, seen), LLAMACPP_PAD)
                                      : least(cells, up_to(seen, VLLM_BLOCK));
}

static uint64_t cache_bytes(const struct shape_cache *cache, const struct size_cache_type *type,
                            unsigned cells)
{
    return times(times(cache->keys + cache->values, cells) / type->elements, type->bytes);
}

/* The widest that is alive at the same time, in numbers for each token: five rows as wide as a
 * layer, and three of the feed forward or two of all heads. */
static uint64_t rows(const struct model_shape *s)
{
    uint64_t inner = 3 * (uint64_t)s->inner, query = 2 * (uint64_t)s->query;

    return (5 + (uint64_t)s->spread) * s->hidden + (inner > query ? inner : query);
}

/* llama.cpp: the rows in floats, three numbers of 8 bytes for each token, and a mask of two bytes
 * for each cell that it may see. vLLM: the rows in 16 bits, and each conversation's logits in 16
 * bits and twice in 32. */
static uint64_t compute_bytes(const struct model_shape *s, const struct size_plan *p,
                              const struct size_need *need)
{
    uint64_t tokens = p->batch, most = times(need->cells, p->parallel);

    tokens = tokens < most ? tokens : most;
    if (p->engine == SIZE_VLLM)
        return plus(times(tokens, rows(s) * 2), times(p->parallel, (uint64_t)s->vocab * 10));
    return times(tokens, rows(s) * 4 + 24 + 2 * ((uint64_t)need->cells + need->sliding_cells));
}

struct size_need size_needed(const struct model_shape *s, const struct size_plan *p)
{
    struct size_need need = {.weights =
                                 p->weight_type ? shape_bytes_as(s, p->weight_type) : s->bytes};
    const struct size_cache_type *type = p->cache_type;

    need.cells = up_to(p->context, p->engine == SIZE_LLAMACPP ? LLAMACPP_PAD : VLLM_BLOCK);
    need.sliding_cells = sliding_cells(s, p, need.cells);
    need.cache = times(plus(cache_bytes(&s->full, type, need.cells),
                            cache_bytes(&s->sliding, type, need.sliding_cells)),
                       p->parallel);
    need.compute = compute_bytes(s, p, &need);
    if (p->engine == SIZE_LLAMACPP)
        need.output = times(p->parallel, (uint64_t)s->vocab * 4);
    need.total = plus(plus(need.weights, need.cache), plus(need.compute, need.output));
    double usable = (double)p->memory * p->use - (double)p->reserve;
    need.available = usable > 0 ? (uint64_t)usable : 0;
    return need;
}

bool size_fits(const struct size_need *need)
{
    return need->total <= need->available;
}

static bool fits(const struct model_shape *s, const struct size_plan *p)
{
    struct size_need need = size_needed(s, p);

    return size_fits(&need);
}

/* The largest multiple of `step` up to `limit` that fits as *number, which is a part of *p. Larger
 * numbers never need less. */
static unsigned most(const struct model_shape *s, const struct size_plan *p, unsigned *number,
                     unsigned step, unsigned limit)
{
    unsigned does = 0, does_not = limit / step + 1;

    while (does_not - does > 1) {
        unsigned half = does + (does_not - does) / 2;
        *number = half * step;
        if (fits(s, p))
            does = half;
        else
            does_not = half;
    }
    return does * step;
}

unsigned size_most_context(const struct model_shape *s, const struct size_plan *p)
{
    struct size_plan plan = *p;
    unsigned limit = s->window ? least(s->window, SIZE_MAX_CONTEXT) : SIZE_MAX_CONTEXT;
    unsigned context = most(s, &plan, &plan.context, CONTEXT_STEP, limit);

    return context > 4 * CONTEXT_STEP ? context
                                      : most(s, &plan, &plan.context, LLAMACPP_PAD, limit);
}

unsigned size_most_parallel(const struct model_shape *s, const struct size_plan *p)
{
    struct size_plan plan = *p;

    return most(s, &plan, &plan.parallel, 1, SIZE_MAX_PARALLEL);
}
