#include "fleet/unable.h"

#include "base/hash.h"

static uint64_t hash_of(struct view backend, struct view model)
{
    return hash_bytes_seeded(model, hash_bytes(backend)) | 1;
}

void unable_set(struct unable *u, struct view backend, struct view model, int64_t until_ns)
{
    uint64_t who = hash_of(backend, model);
    struct unable_entry *oldest = &u->entries[0];

    for (unsigned i = 0; i < UNABLE_MAX; i++) {
        struct unable_entry *e = &u->entries[i];
        if (atomic_load(&e->who) == who) {
            oldest = e;
            break;
        }
        if (atomic_load(&e->until_ns) < atomic_load(&oldest->until_ns))
            oldest = e;
    }
    atomic_store(&oldest->until_ns, until_ns);
    atomic_store(&oldest->who, who);
}

bool unable_is(const struct unable *u, struct view backend, struct view model, int64_t now_ns)
{
    uint64_t who = hash_of(backend, model);

    for (unsigned i = 0; i < UNABLE_MAX; i++)
        if (atomic_load_explicit(&u->entries[i].who, memory_order_relaxed) == who)
            return atomic_load_explicit(&u->entries[i].until_ns, memory_order_relaxed) > now_ns;
    return false;
}
