#include "base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t process_key;

__attribute__((constructor)) static void draw_key(void)
{
    if (getrandom(&process_key, sizeof(process_key), 0) != (ssize_t)sizeof(process_key))
        abort(); /* a predictable key would let a client choose collisions */
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold, eight bytes a step. */
uint64_t hash_bytes_seeded(struct view v, uint64_t seed)
{
    uint64_t h = seed ^ UINT64_C(0x9e3779b97f4a7c15) ^ v.n;
    uint64_t word;
    size_t i = 0;

    for (; i + 8 <= v.n; i += 8) {
        memcpy(&word, v.p + i, 8);
        h = fold(h ^ word, UINT64_C(0xa0761d6478bd642f));
    }
    word = 0;
    if (i < v.n)
        memcpy(&word, v.p + i, v.n - i);
    return hash_mix(fold(h ^ word, UINT64_C(0xe7037ed1a0b428db)));
}

uint64_t hash_bytes(struct view v)
{
    return hash_bytes_seeded(v, process_key);
}
