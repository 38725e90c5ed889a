#include "economics/size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct model_shape smollm2(void)
{
    struct model_shape s = {.layers = 30,
                            .hidden = 576,
                            .inner = 1536,
                            .query = 576,
                            .vocab = 49152,
                            .window = 8192,
                            .params = 134515008,
                            .bytes = 96576768,
                            .matrix_params = 106168320};

    for (unsigned i = 0; i < s.layers; i++)
        shape_add_layer(&s, false, 3, 64, 64);
    return s;
}

static struct model_shape llama_8b(void)
{
    struct model_shape s = {.layers = 32,
                            .hidden = 4096,
                            .inner = 14336,
                            .query = 4096,
                            .vocab = 128256,
                            .window = 131072,
                            .params = 8030261248,
                            .bytes = UINT64_C(16060522496),
                            .matrix_params = 6979321856};

    for (unsigned i = 0; i < s.layers; i++)
        shape_add_layer(&s, false, 8, 128, 128);
    return s;
}

/* Gemma 3 1B: 4 layers see all, 22 the last 512 tokens. */
static struct model_shape gemma_1b(void)
{
    struct model_shape s = {.layers = 26,
                            .hidden = 1152,
                            .inner = 6912,
                            .query = 1024,
                            .vocab = 262144,
                            .window = 32768,
                            .params = 999885952,
                            .bytes = 1999771904,
                            .sliding_window = 512};

    for (unsigned i = 0; i < s.layers; i++)
        shape_add_layer(&s, (i + 1) % 6 != 0, 1, 256, 256);
    return s;
}

static struct size_plan plan_of(enum size_engine engine, unsigned context, unsigned parallel,
                                const char *type)
{
    struct size_plan p = size_plan_default(engine);

    p.context = context;
    p.parallel = parallel;
    if (type)
        p.cache_type = size_cache_type_find(view_str(type));
    assert_non_null(p.cache_type);
    return p;
}

static void caches(void **state)
{
    static const struct {
        struct model_shape (*model)(void);
        enum size_engine engine;
        unsigned context, parallel;
        const char *type;
        uint64_t bytes;
    } cases[] = {
        /* 30 x 3 x 128 x 2 = 23,040 bytes a token, as llama-server reports them */
        {smollm2, SIZE_LLAMACPP, 2048, 2, NULL, 90 * MIB},
        {smollm2, SIZE_LLAMACPP, 1000, 1, NULL, 23040 * 1024}, /* padded to 256 */
        {smollm2, SIZE_LLAMACPP, 8192, 1, "q8_0", 8192 * 11520 / 32 * 34},
        {smollm2, SIZE_LLAMACPP, 8192, 1, "F32", 360 * MIB},
        /* 32 x 8 x 256 x 2 = 131,072 bytes a token */
        {llama_8b, SIZE_LLAMACPP, 8192, 1, NULL, GIB},
        {llama_8b, SIZE_VLLM, 8192, 4, NULL, 4 * GIB},
        {llama_8b, SIZE_VLLM, 8192, 4, "fp8", 2 * GIB},
        {llama_8b, SIZE_VLLM, 17, 1, NULL, 32 * 131072}, /* two blocks of 16 */
        {llama_8b, SIZE_LLAMACPP, 131072, 8, "q4_0", 128 * GIB / 32 * 9},
        /* 4 x 512 x 2 bytes for 8,192 tokens, 22 x 512 x 2 for 512 + 512 */
        {gemma_1b, SIZE_LLAMACPP, 8192, 1, NULL, 4096 * 8192 + 22528 * 1024},
        {gemma_1b, SIZE_LLAMACPP, 256, 3, NULL, 3 * 256 * (4096 + 22528)},
        {gemma_1b, SIZE_VLLM, 8192, 1, NULL, 4096 * 8192 + 22528 * 2560},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_shape s = cases[i].model();
        struct size_plan p =
            plan_of(cases[i].engine, cases[i].context, cases[i].parallel, cases[i].type);
        struct size_need need = size_needed(&s, &p);
        if (need.cache != cases[i].bytes)
            fail_msg("%zu: %llu, not %llu", i, (unsigned long long)need.cache,
                     (unsigned long long)cases[i].bytes);
        assert_int_equal(need.total, need.weights + need.cache + need.compute + need.output);
    }
    assert_null(size_cache_type_find(VIEW("q9")));
}

/* What llama-server said of its compute buffer, in hundredths of MiB (build 11549, on a CPU). */
static void computes_as_llama_server(void **state)
{
    static const struct {
        unsigned context, parallel, batch, hundredths;
    } cases[] = {
        {1024, 1, 512, 1564},  {2048, 2, 512, 1664}, {8192, 1, 512, 2264},  {1024, 8, 512, 1564},
        {16384, 1, 512, 3064}, {8192, 1, 256, 1132}, {8192, 1, 1024, 4529},
    };
    struct model_shape s = smollm2();
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct size_plan p = plan_of(SIZE_LLAMACPP, cases[i].context, cases[i].parallel, NULL);
        p.batch = cases[i].batch;
        struct size_need need = size_needed(&s, &p);
        assert_in_range((need.compute * 100 + MIB / 2) / MIB, cases[i].hundredths - 2,
                        cases[i].hundredths + 2);
        assert_int_equal(need.output, cases[i].parallel * 49152 * 4);
    }
}

/* vLLM published 1.26 GiB for Llama 3 8B with 8,192 tokens together and 256 conversations. */
static void computes_near_vllm(void **state)
{
    struct model_shape s = llama_8b();
    struct size_plan p = plan_of(SIZE_VLLM, 8192, 256, NULL);
    (void)state;

    p.batch = 8192;
    struct size_need need = size_needed(&s, &p);
    assert_in_range(need.compute, 126 * GIB / 100 * 95 / 100, 126 * GIB / 100 * 105 / 100);
    assert_int_equal(need.output, 0);
}

static void wide_heads_and_narrow_experts(void **state)
{
    struct model_shape s = {.layers = 4, .hidden = 2048, .inner = 6144, .vocab = 49152};
    struct size_plan p = plan_of(SIZE_LLAMACPP, 4096, 1, NULL);
    (void)state;

    s.spread = 8; /* llama-server: 92.02 MiB */
    assert_int_equal(size_needed(&s, &p).compute, 512 * (4 * 22 * 2048 + 24 + 2 * 4096));
    s = (struct model_shape){.layers = 4, .hidden = 1024, .inner = 1024, .query = 2048};
    /* 22.02 MiB */
    assert_int_equal(size_needed(&s, &p).compute, 512 * (4 * 9 * 1024 + 24 + 2 * 4096));
}

/* The most that fits does, and one step more does not. */
static void finds_the_most(void **state)
{
    static const uint64_t memories[] = {GIB + 200 * MIB, 2 * GIB, 3 * GIB, 24 * GIB};
    struct model_shape s = smollm2();
    (void)state;

    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++)
        for (unsigned parallel = 1; parallel <= 64; parallel *= 4) {
            struct size_plan p = plan_of(SIZE_LLAMACPP, 8192, parallel, NULL);
            struct size_need need;
            p.memory = memories[i];
            unsigned context = size_most_context(&s, &p), step = context > 4096 ? 1024 : 256;
            assert_true(context <= s.window);
            p.context = context;
            need = size_needed(&s, &p);
            assert_true(context == 0 || size_fits(&need));
            p.context = context + step;
            need = size_needed(&s, &p);
            assert_true(context == s.window || !size_fits(&need));
            p.context = 8192;
            p.parallel = size_most_parallel(&s, &p);
            need = size_needed(&s, &p);
            assert_true(p.parallel == 0 || size_fits(&need));
            p.parallel++;
            need = size_needed(&s, &p);
            assert_false(size_fits(&need));
        }
}

static void says_what_would_fit(void **state)
{
    static const struct {
        enum size_engine engine;
        unsigned context, parallel;
        uint64_t memory;
        unsigned changes; /* bits of enum size_change */
        const char *cache_type, *weight_type;
    } cases[] = {
        /* 16 GB of weights and 8 GiB of cache in 24 GB: each alone is enough */
        {SIZE_LLAMACPP, 8192, 8, 24 * GIB,
         1 << SIZE_CONTEXT | 1 << SIZE_PARALLEL | 1 << SIZE_CACHE_TYPE | 1 << SIZE_WEIGHT_TYPE,
         "q8_0", "Q8_0"},
        /* the weights alone are too large: only smaller ones are enough */
        {SIZE_LLAMACPP, 8192, 1, 12 * GIB, 1 << SIZE_WEIGHT_TYPE, NULL, "Q8_0"},
        {SIZE_VLLM, 8192, 1, 12 * GIB, 1 << SIZE_WEIGHT_TYPE, NULL, "fp8"},
        {SIZE_LLAMACPP, 131072, 8, 12 * GIB, 1 << SIZE_SEVERAL, "q8_0", "Q2_K"},
        {SIZE_LLAMACPP, 8192, 1, 2 * GIB, 0, NULL, NULL},
    };
    struct model_shape s = llama_8b();
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct size_plan p = plan_of(cases[i].engine, cases[i].context, cases[i].parallel, NULL);
        struct size_choice choices[SIZE_CHOICES];
        unsigned changes = 0;
        p.memory = cases[i].memory;
        unsigned n = size_instead(&s, &p, choices);
        for (unsigned k = 0; k < n; k++) {
            const struct size_choice *c = &choices[k];
            changes |= 1U << c->change;
            assert_true(size_fits(&c->need));
            bool cache = c->change == SIZE_CACHE_TYPE || c->change == SIZE_SEVERAL;
            if (cache && strcmp(c->plan.cache_type->name, cases[i].cache_type) != 0)
                fail_msg("%zu: %s", i, c->plan.cache_type->name);
            bool weights = c->change == SIZE_WEIGHT_TYPE || c->change == SIZE_SEVERAL;
            if (weights && strcmp(c->plan.weight_type->name, cases[i].weight_type) != 0)
                fail_msg("%zu: %s", i, c->plan.weight_type->name);
        }
        if (changes != cases[i].changes)
            fail_msg("%zu: %x, not %x", i, changes, cases[i].changes);
    }
}

static void memory_that_is_enough(void **state)
{
    struct model_shape s = llama_8b();
    (void)state;

    for (unsigned engine = SIZE_LLAMACPP; engine <= SIZE_VLLM; engine++) {
        struct size_plan p = plan_of(engine, 8192, 8, NULL);
        struct size_need need = size_needed(&s, &p);
        assert_false(size_fits(&need));
        p.memory = size_memory_for(&p, &need);
        need = size_needed(&s, &p);
        assert_true(size_fits(&need));
        p.memory -= 4;
        need = size_needed(&s, &p);
        assert_false(size_fits(&need));
    }
}

static void what_overflows_does_not_fit(void **state)
{
    struct model_shape s = llama_8b();
    struct size_plan p = plan_of(SIZE_LLAMACPP, SIZE_MAX_CONTEXT, SIZE_MAX_PARALLEL, "f32");
    (void)state;

    s.full.keys = UINT64_C(1) << 40;
    p.memory = UINT64_C(1) << 50;
    struct size_need need = size_needed(&s, &p);
    assert_true(need.total == UINT64_MAX);
    assert_false(size_fits(&need));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caches),
        cmocka_unit_test(computes_as_llama_server),
        cmocka_unit_test(computes_near_vllm),
        cmocka_unit_test(wide_heads_and_narrow_experts),
        cmocka_unit_test(finds_the_most),
        cmocka_unit_test(says_what_would_fit),
        cmocka_unit_test(memory_that_is_enough),
        cmocka_unit_test(what_overflows_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
