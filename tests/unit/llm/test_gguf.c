#include "llm/gguf.h"

#include "base/buf.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { U32 = 4, I32 = 5, STRING = 8, ARRAY = 9, U64 = 10 };
enum { F32 = 0, F16 = 1, Q4_1 = 3, Q8_0 = 8, GONE = 4 };

static struct buf file = BUF_MAX(1 << 20);

static void u32(uint32_t n)
{
    n = htole32(n);
    buf_append(&file, view_of((const char *)&n, sizeof(n)));
}

static void u64(uint64_t n)
{
    n = htole64(n);
    buf_append(&file, view_of((const char *)&n, sizeof(n)));
}

static void string(const char *text)
{
    u64(strlen(text));
    buf_append(&file, view_str(text));
}

static void number(const char *key, uint32_t n)
{
    string(key);
    u32(U32);
    u32(n);
}

static void numbers(const char *key, unsigned n, const uint32_t *all)
{
    string(key);
    u32(ARRAY);
    u32(I32);
    u64(n);
    for (unsigned i = 0; i < n; i++)
        u32(all[i]);
}

static void tensor(const char *name, uint64_t columns, uint64_t lines, uint32_t type,
                   uint64_t offset)
{
    string(name);
    u32(lines ? 2 : 1);
    u64(columns);
    if (lines)
        u64(lines);
    u32(type);
    u64(offset);
}

static void begin(uint32_t version, uint64_t tensors, uint64_t keys)
{
    buf_reset(&file);
    buf_append_lit(&file, "GGUF");
    u32(version);
    u64(tensors);
    u64(keys);
}

static void end(unsigned alignment, size_t data)
{
    while (file.len % alignment != 0)
        buf_append_char(&file, '\0');
    for (size_t i = 0; i < data; i++)
        buf_append_char(&file, 'x');
}

/* Architecture last: its keys stand before it. */
static void a_model(void)
{
    begin(3, 3, 10);
    number("llama.block_count", 4);
    number("llama.embedding_length", 64);
    number("llama.context_length", 2048);
    number("llama.feed_forward_length", 192);
    number("llama.attention.head_count", 4);
    number("llama.attention.head_count_kv", 2);
    number("gemma.block_count", 99);
    string("general.name");
    u32(STRING);
    string("A model");
    string("tokenizer.ggml.tokens");
    u32(ARRAY);
    u32(STRING);
    u64(3);
    string("a");
    string("");
    string("c");
    string("general.architecture");
    u32(STRING);
    string("llama");
    tensor("token_embd.weight", 64, 3, Q8_0, 0);
    tensor("blk.0.ffn_up.weight", 64, 2, Q4_1, 224);
    tensor("output_norm.weight", 64, 0, F32, 320);
    end(32, 320 + 256);
}

static void reads_a_model(void **state)
{
    struct model_shape s;
    struct error err;
    (void)state;

    a_model();
    assert_true(gguf_read(buf_view(&file), &s, &err));
    assert_string_equal(s.name, "A model");
    assert_string_equal(s.arch, "llama");
    assert_int_equal(s.layers, 4);
    assert_int_equal(s.hidden, 64);
    assert_int_equal(s.inner, 192);
    assert_int_equal(s.query, 64);
    assert_int_equal(s.window, 2048);
    assert_int_equal(s.vocab, 3);
    assert_int_equal(s.files, 1);
    assert_int_equal(s.full.layers, 4);
    assert_int_equal(s.full.keys, 4 * 2 * 16);
    assert_int_equal(s.full.values, 4 * 2 * 16);
    assert_int_equal(s.kv_heads, 2);
    assert_int_equal(s.key_size, 16);
    assert_int_equal(s.params, 64 * 3 + 64 * 2 + 64);
    assert_int_equal(s.matrix_params, 64 * 2);
    /* 6 blocks of 34 bytes, 4 of 20, 64 floats */
    assert_int_equal(s.bytes, 6 * 34 + 4 * 20 + 64 * 4);
    assert_int_equal(s.n_parts, 3);
    assert_string_equal(s.parts[0].type, "Q8_0");
    assert_int_equal(s.parts[0].bytes, 6 * 34);
}

/* Of layers that differ, of windows, of experts, of latent attention. */
static void reads_layers(void **state)
{
    static const uint32_t heads[] = {2, 0, 1, 2}, pattern[] = {1, 1, 0, 1};
    static const struct {
        const char *arch, *key;
        uint32_t number, window;
        const uint32_t *all;
        unsigned full, sliding;
        uint64_t keys, sliding_keys, values;
    } cases[] = {
        {"llama", "attention.head_count_kv", 2, 0, NULL, 4, 0, 128, 0, 128},
        {"llama", "attention.head_count_kv", 0, 0, heads, 3, 0, 80, 0, 80},
        {"llama", "attention.key_length", 128, 0, NULL, 4, 0, 2048, 0, 256},
        {"llama", "attention.key_length_mla", 192, 0, NULL, 4, 0, 256, 0, 0},
        {"qwen35", "full_attention_interval", 4, 0, NULL, 1, 0, 64, 0, 64},
        {"gemma4", "attention.shared_kv_layers", 2, 0, NULL, 2, 0, 128, 0, 128},
        {"gemma2", "x", 0, 512, NULL, 2, 2, 128, 128, 128},
        {"gemma3", "x", 0, 512, NULL, 0, 4, 0, 256, 0},
        {"gemma3", "x", 0, 0, NULL, 4, 0, 256, 0, 256},
        {"gpt-oss", "attention.sliding_window_pattern", 4, 512, NULL, 1, 3, 64, 192, 64},
        {"other", "attention.sliding_window_pattern", 0, 512, pattern, 1, 3, 64, 192, 64},
        {"gemma2", "attention.key_length_swa", 8, 512, NULL, 2, 2, 128, 64, 128},
        {"phi3", "x", 0, 512, NULL, 4, 0, 256, 0, 256}, /* llama.cpp ignores its window */
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *suffixes[] = {"block_count", "embedding_length", "attention.head_count",
                                  "attention.sliding_window"};
        const uint32_t values[] = {4, 64, 4, cases[i].window};
        char key[96];
        struct model_shape s;
        struct error err;

        begin(2, 0, 6);
        string("general.architecture");
        u32(STRING);
        string(cases[i].arch);
        for (size_t k = 0; k < 4; k++) {
            snprintf(key, sizeof(key), "%s.%s", cases[i].arch, suffixes[k]);
            number(key, values[k]);
        }
        snprintf(key, sizeof(key), "%s.%s", cases[i].arch, cases[i].key);
        if (cases[i].all)
            numbers(key, 4, cases[i].all);
        else
            number(key, cases[i].number);
        if (!gguf_read(buf_view(&file), &s, &err))
            fail_msg("%zu: %s", i, err.text);
        if (s.full.layers != cases[i].full || s.sliding.layers != cases[i].sliding ||
            s.full.keys != cases[i].keys || s.sliding.keys != cases[i].sliding_keys ||
            s.full.values != cases[i].values)
            fail_msg("%zu: %u + %u layers, %llu + %llu keys, %llu values", i, s.full.layers,
                     s.sliding.layers, (unsigned long long)s.full.keys,
                     (unsigned long long)s.sliding.keys, (unsigned long long)s.full.values);
    }
}

static void rows_of_experts(void **state)
{
    static const struct {
        uint32_t inner, expert, used, dense;
        unsigned rows, spread;
    } cases[] = {
        {3584, 0, 2, 0, 7168, 0},   /* each expert as wide as a dense layer */
        {6144, 768, 8, 0, 6144, 8}, /* narrower than half a layer */
        {256, 1024, 8, 0, 8192, 0},
        {10944, 1408, 6, 1, 10944, 0}, /* a first layer without experts is wider */
        {10944, 1408, 6, 0, 8448, 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_shape s;
        struct error err;

        begin(3, 0, 9);
        string("general.architecture");
        u32(STRING);
        string("moe");
        number("moe.block_count", 1);
        number("moe.embedding_length", 2048);
        number("moe.attention.head_count", 4);
        number("moe.feed_forward_length", cases[i].inner);
        number("moe.expert_feed_forward_length", cases[i].expert);
        number("moe.expert_count", 16);
        number("moe.expert_used_count", cases[i].used);
        number("moe.leading_dense_block_count", cases[i].dense);
        assert_true(gguf_read(buf_view(&file), &s, &err));
        assert_int_equal(s.experts, 16);
        assert_int_equal(s.inner, cases[i].rows);
        assert_int_equal(s.spread, cases[i].spread);
    }
}

static void a_later_part(void **state)
{
    struct model_shape s;
    struct error err;
    (void)state;

    begin(3, 1, 3);
    string("general.architecture");
    u32(STRING);
    string("llama");
    number("split.no", 1);
    number("split.count", 3);
    tensor("blk.9.ffn_up.weight", 32, 2, F16, 0);
    end(32, 128);
    assert_true(gguf_read(buf_view(&file), &s, &err));
    assert_int_equal(s.layers, 0);
    assert_int_equal(s.file, 1);
    assert_int_equal(s.files, 3);
    assert_int_equal(s.bytes, 128);
}

static void head(void)
{
    string("general.architecture");
    u32(STRING);
    string("llama");
    number("llama.block_count", 1);
    number("llama.embedding_length", 64);
    number("llama.attention.head_count", 4);
}

static void one_tensor(uint64_t columns, uint64_t lines, uint32_t type, uint64_t offset)
{
    begin(3, 1, 4);
    head();
    tensor("t", columns, lines, type, offset);
    end(32, 256);
}

static void key_of(uint32_t type)
{
    begin(3, 0, 5);
    head();
    string("k");
    u32(type);
}

static void build(const char *what)
{
    if (strcmp(what, "no magic") == 0)
        buf_reset(&file), buf_append_lit(&file, "GGML\3\0\0\0");
    else if (strcmp(what, "version") == 0)
        begin(4, 0, 0);
    else if (strcmp(what, "tensors") == 0)
        begin(3, UINT64_MAX, 0);
    else if (strcmp(what, "keys") == 0)
        begin(3, 0, UINT64_C(1) << 40);
    else if (strcmp(what, "no architecture") == 0)
        begin(3, 0, 0);
    else if (strcmp(what, "string length") == 0)
        key_of(STRING), u64(UINT64_MAX - 3);
    else if (strcmp(what, "value type") == 0)
        key_of(77), u64(0);
    else if (strcmp(what, "array in array") == 0)
        key_of(ARRAY), u32(ARRAY), u64(1);
    else if (strcmp(what, "array length") == 0)
        key_of(ARRAY), u32(U64), u64(UINT64_C(1) << 61);
    else if (strcmp(what, "strings") == 0)
        key_of(ARRAY), u32(STRING), u64(UINT64_MAX);
    else if (strcmp(what, "type that is gone") == 0)
        one_tensor(32, 1, GONE, 0);
    else if (strcmp(what, "type") == 0)
        one_tensor(32, 1, UINT32_MAX, 0);
    else if (strcmp(what, "half a block") == 0)
        one_tensor(33, 32, Q8_0, 0);
    else if (strcmp(what, "product") == 0)
        one_tensor(UINT64_C(1) << 40, UINT64_C(1) << 40, F16, 0);
    else if (strcmp(what, "negative") == 0)
        one_tensor(UINT64_MAX, 1, F16, 0);
    else if (strcmp(what, "offset") == 0)
        one_tensor(32, 1, F16, UINT64_MAX);
    else if (strcmp(what, "cut") == 0)
        one_tensor(64, 3, F16, 0);
    else if (strcmp(what, "layers") == 0)
        begin(3, 0, 1), string("general.architecture"), u32(STRING), string("llama");
    else if (strcmp(what, "alignment") == 0)
        key_of(U32), buf_reset(&file), begin(3, 0, 5), head(), number("general.alignment", 0);
    else
        fail_msg("%s", what);
}

static void refuses(void **state)
{
    static const struct {
        const char *what, *problem;
    } cases[] = {
        {"no magic", "does not begin with GGUF"},
        {"version", "version that is not known"},
        {"tensors", "more tensors"},
        {"keys", "more keys"},
        {"no architecture", "does not name its architecture"},
        {"string length", "middle of its metadata"},
        {"value type", "type that is not known"},
        {"array in array", "holds what is not known"},
        {"array length", "longer than the file"},
        {"strings", "middle of its metadata"},
        {"type that is gone", "type that is not known"},
        {"type", "type that is not known"},
        {"half a block", "whole number of its type's blocks"},
        {"product", "larger than can be"},
        {"negative", "larger than can be"},
        {"offset", "larger than can be"},
        {"cut", "incomplete download"},
        {"layers", "how many layers"},
        {"alignment", "alignment is none"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct model_shape s = {.layers = 77};
        struct error err;
        build(cases[i].what);
        if (gguf_read(buf_view(&file), &s, &err))
            fail_msg("%s: was read", cases[i].what);
        if (!strstr(err.text, cases[i].problem))
            fail_msg("%s: %s", cases[i].what, err.text);
        assert_int_equal(s.layers, 77);
    }
}

/* At each length a copy of that length: the sanitizers see a read behind it. */
static void refuses_each_beginning(void **state)
{
    (void)state;

    a_model();
    for (size_t n = 0; n < file.len; n++) {
        struct model_shape s;
        struct error err;
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, file.p, n);
        assert_false(gguf_read(view_of(copy, n), &s, &err));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_model),   cmocka_unit_test(reads_layers),
        cmocka_unit_test(rows_of_experts), cmocka_unit_test(a_later_part),
        cmocka_unit_test(refuses),         cmocka_unit_test(refuses_each_beginning),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_done(&file);
    return failed;
}
