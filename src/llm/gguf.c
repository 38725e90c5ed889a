#include "llm/gguf.h"

#include "llm/gguf_value.h"

#include <stdio.h>

enum { VERSION_MIN = 2, VERSION_MAX = 3, DIMENSIONS_MAX = 4, ALIGNMENT_MAX = 1 << 16 };

static const struct tensor_type {
    const char *name;
    unsigned elements, bytes; /* of a block */
} tensor_types[] = {
#define TENSOR_TYPE(number, name, elements, bytes) [number] = {name, elements, bytes},
#include "llm/tensor_types.def"
#undef TENSOR_TYPE
};
#define TENSOR_TYPES (sizeof(tensor_types) / sizeof(tensor_types[0]))

/* What llama.cpp does with a sliding window where the file does not say which layers have one:
 * every `period`th layer sees all. An architecture that is not here ignores its window. */
static const struct {
    const char *arch;
    unsigned period;
} periods[] = {
    {"gemma2", 2},  {"gemma3", 6},  {"gemma-embedding", 6}, {"cohere2", 4},
    {"gpt-oss", 2}, {"exaone4", 4}, {"olmo2", 4},           {"afmoe", 4},
};

struct facts {
    struct view name, arch;
    struct gguf_value layers, hidden, window, heads, kv_heads, key, value, key_mla, key_sliding,
        value_sliding, inner, expert_inner, experts, experts_used, dense, vocab, tokens,
        sliding_window, pattern, interval, shared, alignment, files, file;
};

/* Where a key's value goes; `arch`: behind the architecture's name. */
static const struct {
    const char *key;
    bool arch;
    size_t at;
} keys[] = {
    {"general.alignment", false, offsetof(struct facts, alignment)},
    {"split.count", false, offsetof(struct facts, files)},
    {"split.no", false, offsetof(struct facts, file)},
    {"tokenizer.ggml.tokens", false, offsetof(struct facts, tokens)},
    {"block_count", true, offsetof(struct facts, layers)},
    {"embedding_length", true, offsetof(struct facts, hidden)},
    {"context_length", true, offsetof(struct facts, window)},
    {"feed_forward_length", true, offsetof(struct facts, inner)},
    {"expert_feed_forward_length", true, offsetof(struct facts, expert_inner)},
    {"expert_count", true, offsetof(struct facts, experts)},
    {"expert_used_count", true, offsetof(struct facts, experts_used)},
    {"leading_dense_block_count", true, offsetof(struct facts, dense)},
    {"vocab_size", true, offsetof(struct facts, vocab)},
    {"full_attention_interval", true, offsetof(struct facts, interval)},
    {"attention.head_count", true, offsetof(struct facts, heads)},
    {"attention.head_count_kv", true, offsetof(struct facts, kv_heads)},
    {"attention.key_length", true, offsetof(struct facts, key)},
    {"attention.value_length", true, offsetof(struct facts, value)},
    {"attention.key_length_mla", true, offsetof(struct facts, key_mla)},
    {"attention.key_length_swa", true, offsetof(struct facts, key_sliding)},
    {"attention.value_length_swa", true, offsetof(struct facts, value_sliding)},
    {"attention.sliding_window", true, offsetof(struct facts, sliding_window)},
    {"attention.sliding_window_pattern", true, offsetof(struct facts, pattern)},
    {"attention.shared_kv_layers", true, offsetof(struct facts, shared)},
};

static void keep(struct facts *f, struct view key, const struct gguf_value *v)
{
    struct view own = key;
    bool arch =
        f->arch.n > 0 && view_starts(key, f->arch) && key.n > f->arch.n && key.p[f->arch.n] == '.';

    if (arch)
        own = view_skip(key, f->arch.n + 1);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].arch == arch && view_eq(own, view_str(keys[i].key)))
            *(struct gguf_value *)((char *)f + keys[i].at) = *v;
    if (view_eq(key, VIEW("general.name")))
        f->name = v->text;
}

/* The metadata twice: the architecture's name need not come before the keys that begin with it. */
static bool read_metadata(struct gguf_cursor *c, uint64_t n, struct facts *f)
{
    struct gguf_cursor again = *c;
    struct gguf_value v;
    struct view key;

    for (uint64_t i = 0; i < n; i++) {
        if (!gguf_take_string(c, &key) || !gguf_take_value(c, &v))
            return false;
        if (view_eq(key, VIEW("general.architecture")))
            f->arch = v.text;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!gguf_take_string(&again, &key) || !gguf_take_value(&again, &v))
            return false;
        keep(f, key, &v);
    }
    return true;
}

static bool read_tensor(struct gguf_cursor *c, struct model_shape *s, uint64_t *ret_end)
{
    struct view name;
    uint32_t dimensions, type;
    uint64_t elements = 1, first = 1, size, offset, bytes;

    if (!gguf_take_string(c, &name) || !gguf_take_u32(c, &dimensions))
        return false;
    if (dimensions == 0 || dimensions > DIMENSIONS_MAX)
        return gguf_fail(c, "a tensor has no or too many dimensions");
    for (uint32_t i = 0; i < dimensions; i++) {
        if (!gguf_take_u64(c, &size))
            return false;
        if (size > INT64_MAX || __builtin_mul_overflow(elements, size, &elements))
            return gguf_fail(c, "a tensor is larger than can be");
        first = i == 0 ? size : first;
    }
    if (!gguf_take_u32(c, &type) || !gguf_take_u64(c, &offset))
        return false;
    if (type >= TENSOR_TYPES || !tensor_types[type].name)
        return gguf_fail(c, "a tensor is of a type that is not known here");
    const struct tensor_type *t = &tensor_types[type];
    if (first % t->elements != 0)
        return gguf_fail(c, "a tensor's row is no whole number of its type's blocks");
    if (__builtin_mul_overflow(elements / t->elements, t->bytes, &bytes) ||
        __builtin_add_overflow(offset, bytes, ret_end) ||
        !shape_add_weights(s, t->name, elements, bytes))
        return gguf_fail(c, "the tensors are larger than can be");
    if (dimensions > 1 && !view_eq(name, VIEW("token_embd.weight")) &&
        !view_eq(name, VIEW("output.weight")))
        s->matrix_params += elements;
    return true;
}

/* Without its data a file is no use: the tensors must end where the file does, or before. */
static bool read_tensors(struct gguf_cursor *c, uint64_t n, uint32_t alignment,
                         struct model_shape *s)
{
    uint64_t end = 0, last = 0;

    for (uint64_t i = 0; i < n; i++) {
        if (!read_tensor(c, s, &end))
            return false;
        last = end > last ? end : last;
    }
    uint64_t data = ((uint64_t)c->at + alignment - 1) / alignment * alignment;
    if (last > 0 && (data > c->source.n || last > c->source.n - data))
        return gguf_fail(c, "the file ends before its tensors do: an incomplete download?");
    return true;
}

/* ---- from the facts to the shape ------------------------------------------------------------- */

static bool need(struct gguf_cursor *c, const struct gguf_value *v, const char *problem,
                 uint64_t most, unsigned *ret_number)
{
    uint64_t number = gguf_largest(v);

    if (number == 0 || number > most)
        return gguf_fail(c, problem);
    *ret_number = (unsigned)number;
    return true;
}

/* The number where the file has one, else what it is without. */
static unsigned number_or(const struct gguf_value *v, unsigned otherwise)
{
    uint64_t number = gguf_largest(v);

    return number > 0 && number <= SHAPE_MAX_WIDTH ? (unsigned)number : otherwise;
}

/* How many layers there are to each that sees all; 0: all do. */
static uint64_t sliding_period(const struct facts *f)
{
    uint64_t period = f->pattern.array ? 0 : gguf_number(&f->pattern, 0);

    for (size_t i = 0; period == 0 && i < sizeof(periods) / sizeof(periods[0]); i++)
        if (view_eq(f->arch, view_str(periods[i].arch)))
            period = periods[i].period;
    return period;
}

/* Of layers that see all, and of those that slide. */
static bool add_layers(struct gguf_cursor *c, const struct facts *f, struct model_shape *s,
                       unsigned heads)
{
    unsigned shared = number_or(&f->shared, 0), interval = number_or(&f->interval, 1);
    unsigned key[2] = {number_or(&f->key, s->hidden / heads)};
    unsigned value[2] = {number_or(&f->value, s->hidden / heads)};
    uint64_t period = sliding_period(f);

    if (f->key_mla.n > 0)
        value[0] = 0;
    key[1] = number_or(&f->key_sliding, key[0]);
    value[1] = number_or(&f->value_sliding, value[0]);
    if (key[0] > UINT16_MAX || value[0] > UINT16_MAX || key[1] > UINT16_MAX ||
        value[1] > UINT16_MAX)
        return gguf_fail(c, "a head is larger than can be");
    for (unsigned i = 0; i + shared < s->layers; i++) {
        uint64_t kv_heads = f->kv_heads.n ? gguf_number(&f->kv_heads, i) : heads;
        bool sliding = f->pattern.array ? gguf_number(&f->pattern, i) != 0
                                        : period > 0 && i % period < period - 1;
        sliding = sliding && s->sliding_window > 0;
        if (kv_heads > SHAPE_MAX_HEADS)
            return gguf_fail(c, "it has more heads than can be");
        if ((i + 1) % interval != 0)
            continue; /* a layer with a state of its own instead of keys and values */
        shape_add_layer(s, sliding, (unsigned)kv_heads, key[sliding], value[sliding]);
    }
    return true;
}

static bool make_shape(struct gguf_cursor *c, const struct facts *f, struct model_shape *s)
{
    unsigned heads = 0, inner;

    if (!need(c, &f->layers, "it does not say how many layers there are", SHAPE_MAX_LAYERS,
              &s->layers) ||
        !need(c, &f->hidden, "it does not say how wide a layer is", SHAPE_MAX_WIDTH, &s->hidden) ||
        !need(c, &f->heads, "it does not say how many heads there are", SHAPE_MAX_HEADS, &heads))
        return false;
    s->experts = number_or(&f->experts, 0);
    s->experts_used = number_or(&f->experts_used, 0);
    inner = number_or(&f->inner, 0);
    bool dense = s->experts == 0 || number_or(&f->dense, 0) > 0;
    if (!shape_set_rows(s, dense ? inner : 0, number_or(&f->expert_inner, inner),
                        (uint64_t)heads * number_or(&f->key, s->hidden / heads)))
        return gguf_fail(c, "its rows are wider than can be");
    s->vocab = number_or(&f->vocab, f->tokens.n <= SHAPE_MAX_WIDTH ? (unsigned)f->tokens.n : 0);
    uint64_t window = gguf_largest(&f->window);
    s->window = window <= UINT32_MAX ? (unsigned)window : 0;
    s->sliding_window = number_or(&f->sliding_window, 0);
    snprintf(s->arch, sizeof(s->arch), "%.*s", VIEW_ARG(view_first(f->arch, sizeof(s->arch) - 1)));
    snprintf(s->name, sizeof(s->name), "%.*s", VIEW_ARG(view_first(f->name, sizeof(s->name) - 1)));
    return add_layers(c, f, s, heads);
}

static bool read_all(struct gguf_cursor *c, struct model_shape *s)
{
    struct facts f = {.arch = VIEW_NONE};
    uint32_t magic, version;
    uint64_t n_tensors, n_keys;

    if (!gguf_take_u32(c, &magic) || magic != 0x46554747)
        return gguf_fail(c, "it does not begin with GGUF");
    if (!gguf_take_u32(c, &version) || version < VERSION_MIN || version > VERSION_MAX)
        return gguf_fail(c, "it is of a version that is not known here");
    if (!gguf_take_u64(c, &n_tensors) || n_tensors > GGUF_MAX_TENSORS)
        return gguf_fail(c, "it has more tensors than can be");
    if (!gguf_take_u64(c, &n_keys) || n_keys > GGUF_MAX_KEYS)
        return gguf_fail(c, "it has more keys than can be");
    if (!read_metadata(c, n_keys, &f))
        return false;
    if (f.arch.n == 0)
        return gguf_fail(c, "it does not name its architecture");
    uint64_t alignment = f.alignment.n > 0 ? gguf_largest(&f.alignment) : 32;
    if (alignment == 0 || alignment > ALIGNMENT_MAX)
        return gguf_fail(c, "its alignment is none");
    if (!read_tensors(c, n_tensors, (uint32_t)alignment, s))
        return false;
    s->files = number_or(&f.files, 1);
    s->file = number_or(&f.file, 0);
    /* the second and later files of a model hold tensors only */
    return s->file > 0 || make_shape(c, &f, s);
}

bool gguf_read(struct view file, struct model_shape *ret_shape, struct error *err)
{
    struct gguf_cursor c = {.source = file};
    struct model_shape s = {.layers = 0};

    if (!read_all(&c, &s)) {
        error_set(err, ERROR_BAD_VALUE, "no GGUF file that Weir can read: %s (byte %zu)", c.problem,
                  c.at);
        return false;
    }
    *ret_shape = s;
    return true;
}
