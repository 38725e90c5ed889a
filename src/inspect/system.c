#include "inspect/system.h"

#include "base/hash.h"

#include <stdlib.h>

/* 64 messages, four to a set; a longer one is read anew each time. */
#define SETS     16
#define WAYS     4
#define TEXT_MAX 2048

struct known {
    uint64_t hash;
    size_t n; /* 0: free */
    struct system_sums sums;
    char text[TEXT_MAX];
};

struct inspect_memory {
    struct known known[SETS][WAYS];
    unsigned oldest[SETS];
};

struct inspect_memory *inspect_memory_new(void)
{
    return calloc(1, sizeof(struct inspect_memory));
}

void inspect_memory_free(struct inspect_memory *memory)
{
    free(memory);
}

/* Of both ends only: the bytes are compared in any case. */
static uint64_t hash_of(struct view text)
{
    size_t end = text.n < 48 ? text.n : 48;
    return hash_mix(hash_bytes(view_first(text, end)) + text.n) ^
           hash_bytes(view_skip(text, text.n - end));
}

static void read_anew(struct view text, struct system_sums *ret_sums)
{
    struct features f;
    *ret_sums = (struct system_sums){0};
    tokens_add(&ret_sums->tokens, text);
    features_of_system(text, &f);
    model_add(&model_built_in, &f, ret_sums->scores);
}

void system_read(struct inspect_memory *m, struct view text, struct system_sums *ret_sums)
{
    if (!m || text.n == 0 || text.n > TEXT_MAX) {
        read_anew(text, ret_sums);
        return;
    }
    uint64_t hash = hash_of(text);
    struct known *set = m->known[hash % SETS];
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].hash == hash && set[i].n == text.n && memcmp(set[i].text, text.p, text.n) == 0) {
            *ret_sums = set[i].sums;
            return;
        }
    read_anew(text, ret_sums);
    struct known *k = &set[m->oldest[hash % SETS]++ % WAYS];
    k->hash = hash;
    k->n = text.n;
    k->sums = *ret_sums;
    memcpy(k->text, text.p, text.n);
}
