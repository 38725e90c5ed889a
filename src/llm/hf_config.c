#include "llm/hf_config.h"

#include "json/reader.h"

#include <stdio.h>

/* Their products over all layers and experts stay far below 64 bits. */
enum { NUMBER_MAX = 1 << 24, WIDTH_MAX = 1 << 17, EXPERTS_MAX = 4096 };

/* What config.json leaves out because it is the default of the model's class. */
static const struct family {
    const char *model_type; /* as it begins */
    bool tied;              /* the output is the embedding */
    bool qkv_bias, head_norms;
    unsigned norms;  /* of a layer, each as wide as it */
    unsigned period; /* every so many layers one sees all, the others a window; 0: all a window */
} families[] = {
    {"gemma3", true, false, true, 4, 6},  {"gemma2", true, false, false, 4, 2},
    {"gemma", true, false, false, 2, 0},  {"qwen3", false, false, true, 2, 0},
    {"qwen2", false, true, false, 2, 0},  {"cohere2", true, false, false, 1, 4},
    {"cohere", true, false, false, 1, 0}, {"gpt_oss", false, true, false, 2, 2},
    {"", false, false, false, 2, 0},
};

enum tri { UNSAID, NO, YES };

struct fields {
    struct view model_type, name, dtype, layer_types, quant_method;
    struct view quantization; /* the object, as it stands */
    unsigned hidden, layers, heads, kv_heads, head, inner, vocab, window, sliding, period;
    unsigned experts, experts_used, expert_inner, shared, dense_layers;
    unsigned q_rank, kv_rank, rope, nope, value;
    unsigned bits;
    enum tri tied, use_sliding, attention_bias, load_4bit, load_8bit;
};

static const struct {
    const char *key;
    size_t at;
} numbers[] = {
    {"hidden_size", offsetof(struct fields, hidden)},
    {"num_hidden_layers", offsetof(struct fields, layers)},
    {"num_attention_heads", offsetof(struct fields, heads)},
    {"num_key_value_heads", offsetof(struct fields, kv_heads)},
    {"head_dim", offsetof(struct fields, head)},
    {"intermediate_size", offsetof(struct fields, inner)},
    {"vocab_size", offsetof(struct fields, vocab)},
    {"max_position_embeddings", offsetof(struct fields, window)},
    {"sliding_window", offsetof(struct fields, sliding)},
    {"sliding_window_pattern", offsetof(struct fields, period)},
    {"num_local_experts", offsetof(struct fields, experts)},
    {"num_experts", offsetof(struct fields, experts)},
    {"n_routed_experts", offsetof(struct fields, experts)},
    {"num_experts_per_tok", offsetof(struct fields, experts_used)},
    {"moe_intermediate_size", offsetof(struct fields, expert_inner)},
    {"n_shared_experts", offsetof(struct fields, shared)},
    {"first_k_dense_replace", offsetof(struct fields, dense_layers)},
    {"q_lora_rank", offsetof(struct fields, q_rank)},
    {"kv_lora_rank", offsetof(struct fields, kv_rank)},
    {"qk_rope_head_dim", offsetof(struct fields, rope)},
    {"qk_nope_head_dim", offsetof(struct fields, nope)},
    {"v_head_dim", offsetof(struct fields, value)},
    /* of quantization_config */
    {"bits", offsetof(struct fields, bits)},
    {"num_bits", offsetof(struct fields, bits)},
};

static const struct {
    const char *key;
    size_t at;
} truths[] = {
    {"tie_word_embeddings", offsetof(struct fields, tied)},
    {"use_sliding_window", offsetof(struct fields, use_sliding)},
    {"attention_bias", offsetof(struct fields, attention_bias)},
    {"load_in_4bit", offsetof(struct fields, load_4bit)},
    {"load_in_8bit", offsetof(struct fields, load_8bit)},
};

static const struct {
    const char *key;
    size_t at;
} texts[] = {
    {"model_type", offsetof(struct fields, model_type)},
    {"_name_or_path", offsetof(struct fields, name)},
    {"torch_dtype", offsetof(struct fields, dtype)},
    {"dtype", offsetof(struct fields, dtype)},
    {"quant_method", offsetof(struct fields, quant_method)},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void take_number(struct json_reader *r, struct view key, struct fields *f)
{
    struct view raw;
    uint64_t number;

    if (!json_number(r, &raw) || !view_to_u64(raw, &number) || number > NUMBER_MAX)
        return;
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (view_eq(key, view_str(numbers[i].key)))
            *(unsigned *)((char *)f + numbers[i].at) = (unsigned)number;
}

static void take_truth(struct json_reader *r, struct view key, struct fields *f)
{
    bool truth;

    if (!json_bool(r, &truth))
        return;
    for (size_t i = 0; i < COUNT(truths); i++)
        if (view_eq(key, view_str(truths[i].key)))
            *(enum tri *)((char *)f + truths[i].at) = truth ? YES : NO;
}

static void take_text(struct json_reader *r, struct view key, struct fields *f)
{
    struct json_text text;

    if (!json_string(r, &text))
        return;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (view_eq(key, view_str(texts[i].key)))
            *(struct view *)((char *)f + texts[i].at) = text.raw;
}

/* One object's members into the fields. The language model of one that also sees lies in
 * `text_config`; what stands there comes after the rest, so that it counts. */
static void take_object(struct json_reader *r, struct fields *f, struct view *ret_inner)
{
    struct json_object o;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        enum json_type type = json_peek(r);
        if (type == JSON_NUMBER)
            take_number(r, o.key, f);
        else if (type == JSON_TRUE || type == JSON_FALSE)
            take_truth(r, o.key, f);
        else if (type == JSON_STRING)
            take_text(r, o.key, f);
        else if (type == JSON_OBJECT && json_key_is(&o, "text_config"))
            json_value(r, ret_inner);
        else if (type == JSON_OBJECT && json_key_is(&o, "quantization_config"))
            json_value(r, &f->quantization);
        else if (type == JSON_ARRAY && json_key_is(&o, "layer_types"))
            json_value(r, &f->layer_types);
        else
            json_skip(r);
    }
}

/* compressed-tensors says its bits in config_groups.*.weights. */
static struct view weights_group(struct view quantization)
{
    struct view groups = VIEW_NONE, group = VIEW_NONE, weights = VIEW_NONE;
    const struct {
        struct view in, *out;
        const char *key; /* NULL: the first */
    } steps[] = {{VIEW_NONE, &groups, "config_groups"},
                 {VIEW_NONE, &group, NULL},
                 {VIEW_NONE, &weights, "weights"}};
    struct view at = quantization;

    for (size_t i = 0; i < COUNT(steps); i++) {
        struct json_reader r;
        struct json_object o;
        json_begin(&r, at);
        if (json_peek(&r) != JSON_OBJECT || !json_object_begin(&r, &o))
            return VIEW_NONE;
        while (json_object_next(&r, &o)) {
            bool wanted = !steps[i].key || view_eq(o.key, view_str(steps[i].key));
            if (wanted && steps[i].out->n == 0)
                json_value(&r, steps[i].out);
            else
                json_skip(&r);
        }
        at = *steps[i].out;
    }
    return weights;
}

static bool read_fields(struct view json, struct fields *f, struct error *err)
{
    struct view inner = VIEW_NONE, ignored = VIEW_NONE, group;
    struct json_reader r;

    json_begin(&r, json);
    take_object(&r, f, &inner);
    if (!json_end(&r))
        return error_set(err, ERROR_BAD_JSON, "no config.json that Weir can count by: %s (byte %u)",
                         r.problem ? r.problem : "something stands behind its object",
                         json_offset(&r));
    if (inner.n > 0) {
        json_begin(&r, inner);
        take_object(&r, f, &ignored);
    }
    if (f->quantization.n > 0) {
        json_begin(&r, f->quantization);
        take_object(&r, f, &ignored);
        group = weights_group(f->quantization);
        json_begin(&r, group);
        if (group.n > 0)
            take_object(&r, f, &ignored);
    }
    return true;
}

static bool check(const struct fields *f, struct error *err)
{
    const struct {
        const char *key;
        unsigned number, most;
    } needed[] = {{"hidden_size", f->hidden, WIDTH_MAX},
                  {"num_hidden_layers", f->layers, SHAPE_MAX_LAYERS},
                  {"num_attention_heads", f->heads, SHAPE_MAX_HEADS},
                  {"intermediate_size", f->inner, WIDTH_MAX},
                  {"vocab_size", f->vocab, NUMBER_MAX}};
    const struct {
        unsigned number, most;
    } others[] = {
        {f->kv_heads, SHAPE_MAX_HEADS}, {f->head, UINT16_MAX},    {f->experts, EXPERTS_MAX},
        {f->experts_used, EXPERTS_MAX}, {f->shared, EXPERTS_MAX}, {f->expert_inner, WIDTH_MAX},
        {f->q_rank, UINT16_MAX},        {f->kv_rank, UINT16_MAX}, {f->rope, UINT16_MAX},
        {f->nope, UINT16_MAX},          {f->value, UINT16_MAX}};

    for (size_t i = 0; i < COUNT(needed); i++)
        if (needed[i].number == 0 || needed[i].number > needed[i].most) {
            error_set(err, ERROR_BAD_VALUE, "no config.json that Weir can count by: %s is %s",
                      needed[i].key, needed[i].number ? "larger than can be" : "missing");
            return error_hint(err, "it needs the file beside a decoder's weights on Hugging Face");
        }
    for (size_t i = 0; i < COUNT(others); i++)
        if (others[i].number > others[i].most)
            return error_set(err, ERROR_BAD_VALUE,
                             "no config.json that Weir can count by: "
                             "a size in it is larger than can be");
    return true;
}

static const struct weight_type *stored_as(const struct fields *f)
{
    struct view name = VIEW("bf16");

    if (view_eq(f->dtype, VIEW("float32")))
        name = VIEW("f32");
    else if (view_eq(f->dtype, VIEW("float16")))
        name = VIEW("f16");
    return weight_type_find(name);
}

static const struct weight_type *quantised_as(const struct fields *f)
{
    struct view name = VIEW_NONE;

    if (f->quantization.n == 0)
        return stored_as(f);
    if (view_eq(f->quant_method, VIEW("fp8")) || view_eq(f->quant_method, VIEW("fbgemm_fp8")))
        name = VIEW("fp8");
    else if (view_eq(f->quant_method, VIEW("mxfp4")))
        name = VIEW("mxfp4");
    else if (f->load_4bit == YES)
        name = VIEW("nf4");
    else if (f->bits == 4)
        name = VIEW("int4");
    else if (f->bits == 8 || f->load_8bit == YES)
        name = VIEW("int8");
    return name.n > 0 ? weight_type_find(name) : stored_as(f);
}

/* ---- counting -------------------------------------------------------------------------------- */

static uint64_t attention(const struct fields *f, const struct family *family)
{
    uint64_t hidden = f->hidden, q = (uint64_t)f->heads * f->head,
             kv = (uint64_t)f->kv_heads * f->head;
    bool bias = f->attention_bias == YES || family->qkv_bias;

    if (f->kv_rank > 0) {
        uint64_t head = (uint64_t)f->nope + f->rope, out = (uint64_t)f->heads * f->value;
        uint64_t query =
            f->q_rank ? f->q_rank * (hidden + f->heads * head + 1) : hidden * f->heads * head;
        return query + hidden * (f->kv_rank + f->rope) + f->kv_rank +
               f->kv_rank * f->heads * ((uint64_t)f->nope + f->value) + out * hidden;
    }
    return hidden * (q + 2 * kv) + q * hidden + (bias ? q + 2 * kv : 0) +
           (f->attention_bias == YES ? hidden : 0) + (family->head_norms ? 2 * f->head : 0);
}

static uint64_t feed_forward(const struct fields *f, unsigned layer, uint64_t *ret_experts)
{
    uint64_t gated = 3 * (uint64_t)f->hidden, inner = f->expert_inner ? f->expert_inner : f->inner;

    *ret_experts = 0;
    if (f->experts == 0 || layer < f->dense_layers)
        return gated * f->inner;
    *ret_experts = f->experts * gated * inner;
    return *ret_experts + f->shared * gated * inner + (uint64_t)f->hidden * f->experts;
}

static void add_caches(const struct fields *f, const struct family *family, struct model_shape *s)
{
    bool windows = f->sliding > 0 && f->use_sliding != NO &&
                   !(view_starts(f->model_type, VIEW("qwen")) && f->use_sliding != YES);
    unsigned period = f->period ? f->period : family->period;
    struct json_reader r;
    struct json_array types;
    struct json_text type;
    bool listed = f->layer_types.n > 0;

    s->sliding_window = windows ? f->sliding : 0;
    json_begin(&r, f->layer_types);
    if (listed)
        json_array_begin(&r, &types);
    for (unsigned i = 0; i < f->layers; i++) {
        bool slides = windows && (period == 0 || (i + 1) % period != 0);
        if (listed && json_array_next(&r, &types) && json_string(&r, &type)) {
            slides = windows && json_text_eq(type, VIEW("sliding_attention"));
            if (json_text_eq(type, VIEW("linear_attention")))
                continue; /* a state of its own instead of keys and values */
        }
        if (f->kv_rank > 0)
            shape_add_layer(s, slides, 1, f->kv_rank + f->rope, 0);
        else
            shape_add_layer(s, slides, f->kv_heads, f->head, f->head);
    }
}

static bool count(const struct fields *f, const struct family *family,
                  const struct weight_type *type, struct model_shape *s)
{
    uint64_t matrices = 0, experts = 0, of_layer, embeddings = (uint64_t)f->vocab * f->hidden;
    bool tied = f->tied == UNSAID ? family->tied : f->tied == YES;
    const struct weight_type *plain = stored_as(f);

    for (unsigned i = 0; i < f->layers; i++) {
        matrices += attention(f, family) + feed_forward(f, i, &of_layer);
        experts += of_layer;
    }
    uint64_t norms = ((uint64_t)f->layers * family->norms + 1) * f->hidden;
    uint64_t rest = embeddings * (tied ? 1 : 2) + norms;
    if (strcmp(type->name, "mxfp4") == 0 && experts > 0) {
        rest += matrices - experts;
        matrices = experts;
    }
    s->matrix_params = matrices;
    if (type->millibits >= plain->millibits || type->gguf)
        return shape_add_weights(s, type->name, matrices + rest,
                                 weight_type_bytes(type, matrices + rest));
    return shape_add_weights(s, type->name, matrices, weight_type_bytes(type, matrices)) &&
           shape_add_weights(s, plain->name, rest, weight_type_bytes(plain, rest));
}

bool hf_config_read(struct view json, const struct weight_type *type, struct model_shape *ret_shape,
                    struct error *err)
{
    struct fields f = {.hidden = 0};
    struct model_shape s = {.files = 1};
    const struct family *family = families;

    if (!read_fields(json, &f, err) || !check(&f, err))
        return false;
    while (!view_starts(f.model_type, view_str(family->model_type)))
        family++;
    f.kv_heads = f.kv_heads ? f.kv_heads : f.heads;
    f.head = f.head ? f.head : f.hidden / f.heads;
    s.layers = f.layers;
    s.hidden = f.hidden;
    s.vocab = f.vocab;
    s.window = f.window;
    s.experts = f.experts;
    s.experts_used = f.experts_used;
    bool dense = f.experts == 0 || f.dense_layers > 0;
    if (!shape_set_rows(&s, dense ? f.inner : 0, f.expert_inner ? f.expert_inner : f.inner,
                        (uint64_t)f.heads * f.head))
        return error_set(err, ERROR_BAD_VALUE, "the model is larger than can be");
    snprintf(s.arch, sizeof(s.arch), "%.*s",
             VIEW_ARG(view_first(f.model_type, sizeof(s.arch) - 1)));
    snprintf(s.name, sizeof(s.name), "%.*s", VIEW_ARG(view_first(f.name, sizeof(s.name) - 1)));
    add_caches(&f, family, &s);
    if (!count(&f, family, type ? type : quantised_as(&f), &s))
        return error_set(err, ERROR_BAD_VALUE, "the model is larger than can be");
    *ret_shape = s;
    return true;
}
