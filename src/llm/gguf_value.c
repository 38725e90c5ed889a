#include "llm/gguf_value.h"

#include <endian.h>

enum value_type {
    TYPE_U8,
    TYPE_I8,
    TYPE_U16,
    TYPE_I16,
    TYPE_U32,
    TYPE_I32,
    TYPE_F32,
    TYPE_BOOL,
    TYPE_STRING,
    TYPE_ARRAY,
    TYPE_U64,
    TYPE_I64,
    TYPE_F64,
};

/* Bytes of a value; 0 for those that say their length themselves. */
static const uint8_t sizes[] = {
    [TYPE_U8] = 1,  [TYPE_I8] = 1,   [TYPE_U16] = 2, [TYPE_I16] = 2, [TYPE_U32] = 4, [TYPE_I32] = 4,
    [TYPE_F32] = 4, [TYPE_BOOL] = 1, [TYPE_U64] = 8, [TYPE_I64] = 8, [TYPE_F64] = 8,
};

static bool take(struct gguf_cursor *c, uint64_t n, struct view *ret_bytes)
{
    if (c->problem)
        return false;
    if (n > c->source.n - c->at)
        return gguf_fail(c, "it ends in the middle of its metadata");
    *ret_bytes = view_of(c->source.p + c->at, (size_t)n);
    c->at += (size_t)n;
    return true;
}

bool gguf_take_u32(struct gguf_cursor *c, uint32_t *ret_number)
{
    struct view bytes;
    uint32_t number;

    if (!take(c, sizeof(number), &bytes))
        return false;
    memcpy(&number, bytes.p, sizeof(number));
    *ret_number = le32toh(number);
    return true;
}

bool gguf_take_u64(struct gguf_cursor *c, uint64_t *ret_number)
{
    struct view bytes;
    uint64_t number;

    if (!take(c, sizeof(number), &bytes))
        return false;
    memcpy(&number, bytes.p, sizeof(number));
    *ret_number = le64toh(number);
    return true;
}

bool gguf_take_string(struct gguf_cursor *c, struct view *ret_text)
{
    uint64_t n;

    return gguf_take_u64(c, &n) && take(c, n, ret_text);
}

static bool take_array(struct gguf_cursor *c, struct gguf_value *v)
{
    struct view text;
    uint64_t n;

    if (!gguf_take_u32(c, &v->type) || !gguf_take_u64(c, &n))
        return false;
    v->array = true;
    v->n = n;
    if (v->type == TYPE_STRING) {
        while (n-- > 0)
            if (!gguf_take_string(c, &text))
                return false;
        return true;
    }
    if (v->type >= sizeof(sizes) || sizes[v->type] == 0)
        return gguf_fail(c, "an array holds what is not known here");
    if (n > c->source.n / sizes[v->type])
        return gguf_fail(c, "an array is longer than the file");
    return take(c, n * sizes[v->type], &v->raw);
}

bool gguf_take_value(struct gguf_cursor *c, struct gguf_value *ret_value)
{
    struct gguf_value v = {.n = 1};
    bool ok = gguf_take_u32(c, &v.type);

    if (ok && v.type == TYPE_STRING)
        ok = gguf_take_string(c, &v.text);
    else if (ok && v.type == TYPE_ARRAY)
        ok = take_array(c, &v);
    else if (ok && v.type < sizeof(sizes))
        ok = take(c, sizes[v.type], &v.raw);
    else if (ok)
        ok = gguf_fail(c, "a value is of a type that is not known here");
    if (ok)
        *ret_value = v;
    return ok;
}

uint64_t gguf_number(const struct gguf_value *v, uint64_t i)
{
    uint64_t number = 0;

    if (v->n == 0 || v->raw.n == 0 || (v->array && i >= v->n))
        return 0;
    unsigned size = sizes[v->type];
    memcpy(&number, v->raw.p + (v->array ? i * size : 0), size);
    number = le64toh(number);
    bool is_signed =
        v->type == TYPE_I8 || v->type == TYPE_I16 || v->type == TYPE_I32 || v->type == TYPE_I64;
    if (v->type == TYPE_F32 || v->type == TYPE_F64 || (is_signed && number >> (size * 8 - 1)))
        return 0;
    return number;
}

uint64_t gguf_largest(const struct gguf_value *v)
{
    uint64_t largest = 0;

    for (uint64_t i = 0; i < v->n && v->raw.n > 0; i++) {
        uint64_t number = gguf_number(v, i);
        largest = number > largest ? number : largest;
    }
    return largest;
}
