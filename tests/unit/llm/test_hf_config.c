#include "llm/hf_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LLAMA_8B                                                                                   \
    "\"model_type\": \"llama\", \"hidden_size\": 4096, \"intermediate_size\": 14336, "             \
    "\"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"num_hidden_layers\": 32, "         \
    "\"vocab_size\": 128256, \"max_position_embeddings\": 131072, \"torch_dtype\": \"bfloat16\", " \
    "\"tie_word_embeddings\": false, \"rope_scaling\": {\"factor\": 8.0}"
#define GEMMA3_1B                                                                             \
    "\"model_type\": \"gemma3_text\", \"hidden_size\": 1152, \"intermediate_size\": 6912, "   \
    "\"num_attention_heads\": 4, \"num_key_value_heads\": 1, \"head_dim\": 256, "             \
    "\"num_hidden_layers\": 26, \"vocab_size\": 262144, \"max_position_embeddings\": 32768, " \
    "\"sliding_window\": 512, \"torch_dtype\": \"bfloat16\""

/* The weights are those that the models' makers publish. */
static void counts(void **state)
{
    static const struct {
        const char *json;
        uint64_t params, bytes;
        unsigned full, sliding;
        uint64_t keys; /* of all layers together */
    } cases[] = {
        {"{" LLAMA_8B "}", 8030261248, 2 * UINT64_C(8030261248), 32, 0, 32 * 8 * 128},
        /* 6,979,321,856 between the embeddings, of 4.156 bits; 1,050,939,392 of 16 */
        {"{" LLAMA_8B ", \"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 4, "
         "\"group_size\": 128}}",
         8030261248, UINT64_C(6979321856) / 8000 * 4156 + 964 + 2 * UINT64_C(1050939392), 32, 0,
         32 * 8 * 128},
        {"{" LLAMA_8B ", \"quantization_config\": {\"quant_method\": \"fp8\"}}", 8030261248,
         UINT64_C(6979321856) + 2 * UINT64_C(1050939392), 32, 0, 32 * 8 * 128},
        {"{" LLAMA_8B ", \"quantization_config\": {\"quant_method\": \"compressed-tensors\", "
         "\"config_groups\": {\"group_0\": {\"weights\": {\"num_bits\": 8}}}}}",
         8030261248, UINT64_C(6979321856) + 2 * UINT64_C(1050939392), 32, 0, 32 * 8 * 128},
        /* Qwen2.5 7B: biases; its window is not used */
        {"{\"model_type\": \"qwen2\", \"hidden_size\": 3584, \"intermediate_size\": 18944, "
         "\"num_attention_heads\": 28, \"num_key_value_heads\": 4, \"num_hidden_layers\": 28, "
         "\"vocab_size\": 152064, \"sliding_window\": 131072, \"use_sliding_window\": false, "
         "\"torch_dtype\": \"bfloat16\", \"tie_word_embeddings\": false}",
         7615616512, 2 * UINT64_C(7615616512), 28, 0, 28 * 4 * 128},
        /* Mixtral 8x7B */
        {"{\"model_type\": \"mixtral\", \"hidden_size\": 4096, \"intermediate_size\": 14336, "
         "\"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"num_hidden_layers\": 32, "
         "\"vocab_size\": 32000, \"num_local_experts\": 8, \"num_experts_per_tok\": 2, "
         "\"sliding_window\": null, \"torch_dtype\": \"bfloat16\", \"tie_word_embeddings\": false}",
         46702792704, 2 * UINT64_C(46702792704), 32, 0, 32 * 8 * 128},
        /* Gemma 2 9B: every second layer has a window */
        {"{\"model_type\": \"gemma2\", \"hidden_size\": 3584, \"intermediate_size\": 14336, "
         "\"num_attention_heads\": 16, \"num_key_value_heads\": 8, \"head_dim\": 256, "
         "\"num_hidden_layers\": 42, \"vocab_size\": 256000, \"sliding_window\": 4096, "
         "\"torch_dtype\": \"float32\"}",
         9241705984, 4 * UINT64_C(9241705984), 21, 21, 42 * 8 * 256},
        /* Gemma 3 1B: every sixth has none */
        {"{" GEMMA3_1B ", \"sliding_window_pattern\": 6}", 999885952, 2 * UINT64_C(999885952), 4,
         22, 26 * 256},
        {"{\"model_type\": \"gemma3\", \"vision_config\": {\"hidden_size\": 9}, "
         "\"text_config\": {" GEMMA3_1B "}}",
         999885952, 2 * UINT64_C(999885952), 4, 22, 26 * 256},
        /* DeepSeek-V2-Lite: latent attention, one dense layer, shared experts */
        {"{\"model_type\": \"deepseek_v2\", \"hidden_size\": 2048, \"intermediate_size\": 10944, "
         "\"moe_intermediate_size\": 1408, \"num_attention_heads\": 16, \"num_key_value_heads\": "
         "16, \"num_hidden_layers\": 27, \"vocab_size\": 102400, \"kv_lora_rank\": 512, "
         "\"q_lora_rank\": null, \"qk_rope_head_dim\": 64, \"qk_nope_head_dim\": 128, "
         "\"v_head_dim\": 128, \"n_routed_experts\": 64, \"n_shared_experts\": 2, "
         "\"num_experts_per_tok\": 6, \"first_k_dense_replace\": 1, \"tie_word_embeddings\": "
         "false}",
         15706484224, 2 * UINT64_C(15706484224), 27, 0, 27 * 576},
        /* layers of three kinds, the last without keys and values */
        {"{\"hidden_size\": 8, \"intermediate_size\": 8, \"num_attention_heads\": 2, "
         "\"num_hidden_layers\": 3, \"vocab_size\": 10, \"sliding_window\": 4, \"layer_types\": "
         "[\"full_attention\", \"sliding_attention\", \"linear_attention\"]}",
         80 * 2 + 3 * (4 * 64 + 3 * 64 + 16) + 8, 2 * (160 + 3 * 464 + 8), 1, 1, 16},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_shape s;
        struct error err;
        if (!hf_config_read(view_str(cases[i].json), NULL, &s, &err))
            fail_msg("%zu: %s", i, err.text);
        if (s.params != cases[i].params || s.bytes != cases[i].bytes)
            fail_msg("%zu: %llu weights, %llu bytes", i, (unsigned long long)s.params,
                     (unsigned long long)s.bytes);
        if (s.full.layers != cases[i].full || s.sliding.layers != cases[i].sliding ||
            s.full.keys + s.sliding.keys != cases[i].keys)
            fail_msg("%zu: %u + %u layers, %llu keys", i, s.full.layers, s.sliding.layers,
                     (unsigned long long)(s.full.keys + s.sliding.keys));
    }
}

static void counts_as_asked(void **state)
{
    static const struct {
        const char *type;
        uint64_t bytes;
    } cases[] = {
        {"F32", 4 * UINT64_C(8030261248)},
        {"fp8", UINT64_C(6979321856) + 2 * UINT64_C(1050939392)},
        {"q8_0", UINT64_C(8030261248) / 16 * 17},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct weight_type *type = weight_type_find(view_str(cases[i].type));
        struct model_shape s;
        struct error err;
        assert_non_null(type);
        assert_true(hf_config_read(VIEW("{" LLAMA_8B "}"), type, &s, &err));
        if (s.bytes != cases[i].bytes || shape_bytes_as(&s, type) != s.bytes)
            fail_msg("%s: %llu", cases[i].type, (unsigned long long)s.bytes);
    }
    assert_null(weight_type_find(VIEW("q9")));
}

static void refuses(void **state)
{
    static const struct {
        const char *json, *problem;
    } cases[] = {
        {"", "ends"},
        {"[]", "object is missing"},
        {"{} 1", "no config.json"},
        {"{}", "hidden_size is missing"},
        {"{\"hidden_size\": 8, \"num_hidden_layers\": 2000000}", "num_hidden_layers is larger"},
        {"{\"hidden_size\": -8}", "hidden_size is missing"},
        {"{\"hidden_size\": 1e99}", "hidden_size is missing"},
        {"{" LLAMA_8B ", \"head_dim\": 70000}", "larger than can be"},
        {"{" LLAMA_8B ", \"num_local_experts\": 128, \"num_experts_per_tok\": 128}", "larger"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_shape s = {.layers = 77};
        struct error err;
        if (hf_config_read(view_str(cases[i].json), NULL, &s, &err))
            fail_msg("%s: was read", cases[i].json);
        if (!strstr(err.text, cases[i].problem))
            fail_msg("%s: %s", cases[i].json, err.text);
        assert_int_equal(s.layers, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(counts_as_asked),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
