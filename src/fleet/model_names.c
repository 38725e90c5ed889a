#include "fleet/model_names.h"

#include "base/hash.h"

#define TAG VIEW(":latest")

struct policy_model *model_names_find(struct policy_model *models, unsigned n, struct view name)
{
    struct policy_model *tagged = NULL;

    for (unsigned i = 0; i < n; i++) {
        struct view known = models[i].name;
        if (view_eq(known, name))
            return &models[i];
        if (!tagged && view_starts(known, name) && view_eq(view_skip(known, name.n), TAG))
            tagged = &models[i];
    }
    return tagged;
}

/* With one bit each, every tenth node would seem to have what it has not. */
static struct name_bits {
    unsigned words[2];
    uint64_t bits[2];
} bits_of(uint64_t hash)
{
    uint64_t other = hash >> 32;

    return (struct name_bits){{hash / 64 % MODEL_NAMES_WORDS, other / 64 % MODEL_NAMES_WORDS},
                              {UINT64_C(1) << hash % 64, UINT64_C(1) << other % 64}};
}

static void set_bits(uint64_t *words, struct view name)
{
    struct name_bits b = bits_of(hash_bytes(name));

    words[b.words[0]] |= b.bits[0];
    words[b.words[1]] |= b.bits[1];
}

void model_names_note(struct model_names *m, const struct policy_model *models, unsigned n)
{
    uint64_t words[MODEL_NAMES_WORDS] = {0};

    for (unsigned i = 0; i < n; i++) {
        struct view name = models[i].name;
        size_t untagged = name.n < TAG.n ? name.n : name.n - TAG.n;
        set_bits(words, name);
        if (view_eq(view_skip(name, untagged), TAG))
            set_bits(words, view_first(name, untagged));
    }
    for (unsigned i = 0; i < MODEL_NAMES_WORDS; i++)
        atomic_store_explicit(&m->words[i], words[i], memory_order_relaxed);
}

void model_names_forget(struct model_names *m)
{
    for (unsigned i = 0; i < MODEL_NAMES_WORDS; i++)
        atomic_store_explicit(&m->words[i], UINT64_MAX, memory_order_relaxed);
}

bool model_names_may_have(const struct model_names *m, uint64_t hash)
{
    struct name_bits b = bits_of(hash);

    return (atomic_load_explicit(&m->words[b.words[0]], memory_order_relaxed) & b.bits[0]) &&
           (atomic_load_explicit(&m->words[b.words[1]], memory_order_relaxed) & b.bits[1]);
}
