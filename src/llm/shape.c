#include "llm/shape.h"

const struct weight_type weight_types[] = {
#define WEIGHT_TYPE(name, millibits, gguf) {name, millibits, gguf},
#include "llm/weight_types.def"
#undef WEIGHT_TYPE
};
const unsigned n_weight_types = sizeof(weight_types) / sizeof(weight_types[0]);

const struct weight_type *weight_type_find(struct view name)
{
    for (unsigned i = 0; i < n_weight_types; i++)
        if (view_eq_nocase(name, view_str(weight_types[i].name)))
            return &weight_types[i];
    return NULL;
}

uint64_t weight_type_bytes(const struct weight_type *type, uint64_t params)
{
    return params / 8000 * type->millibits + params % 8000 * type->millibits / 8000;
}

uint64_t shape_bytes_as(const struct model_shape *s, const struct weight_type *type)
{
    bool all = type->gguf || type->millibits >= 16000;

    return all ? weight_type_bytes(type, s->params)
               : (s->params - s->matrix_params) * 2 + weight_type_bytes(type, s->matrix_params);
}

static struct shape_weights *part_of(struct model_shape *s, const char *type)
{
    for (unsigned i = 0; i < s->n_parts; i++)
        if (strcmp(s->parts[i].type, type) == 0)
            return &s->parts[i];
    if (s->n_parts == SHAPE_PARTS)
        return NULL;
    s->parts[s->n_parts] = (struct shape_weights){.type = type};
    return &s->parts[s->n_parts++];
}

bool shape_add_weights(struct model_shape *s, const char *type, uint64_t params, uint64_t bytes)
{
    struct shape_weights *part = part_of(s, type);

    if (!part || params > SHAPE_MAX_PARAMS - s->params || bytes > 8 * SHAPE_MAX_PARAMS - s->bytes)
        return false;
    s->params += params;
    s->bytes += bytes;
    part->params += params;
    part->bytes += bytes;
    return true;
}

bool shape_set_rows(struct model_shape *s, unsigned inner, unsigned expert, uint64_t query)
{
    uint64_t together = s->experts > 0 ? (uint64_t)s->experts_used * expert : 0;

    if (together > SHAPE_MAX_WIDTH || query > SHAPE_MAX_WIDTH || s->experts_used > UINT16_MAX)
        return false;
    s->inner = together > inner ? (unsigned)together : inner;
    s->query = (unsigned)query;
    /* what the experts give back does not fit where their rows were */
    s->spread = s->experts > 0 && expert < s->hidden / 2 ? s->experts_used : 0;
    return true;
}

void shape_add_layer(struct model_shape *s, bool sliding, unsigned kv_heads, unsigned key_size,
                     unsigned value_size)
{
    struct shape_cache *cache = sliding ? &s->sliding : &s->full;
    bool first = s->full.layers + s->sliding.layers == 0;

    if (kv_heads == 0)
        return;
    if (first) {
        s->kv_heads = kv_heads;
        s->key_size = key_size;
        s->value_size = value_size;
    } else if (s->kv_heads != kv_heads || s->key_size != key_size || s->value_size != value_size) {
        s->kv_heads = s->key_size = s->value_size = 0;
    }
    cache->layers++;
    cache->keys += (uint64_t)kv_heads * key_size;
    cache->values += (uint64_t)kv_heads * value_size;
}
