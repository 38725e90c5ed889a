#include "inspect/system.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

/* 64 messages a thread, four to a set; a longer one is read anew each time. */
#define SETS     16
#define WAYS     4
#define TEXT_MAX 2048

struct known {
    uint64_t hash;
    size_t n; /* 0: free */
    struct system_sums sums;
    char text[TEXT_MAX];
};

struct memory {
    struct known known[SETS][WAYS];
    unsigned oldest[SETS];
};

static pthread_key_t of_thread;

__attribute__((constructor)) static void make_key(void)
{
    if (pthread_key_create(&of_thread, free) != 0)
        abort(); /* out of keys before main() */
}

/* NULL when memory is short: then nothing is remembered. */
static struct memory *own_memory(void)
{
    struct memory *m = pthread_getspecific(of_thread);
    if (m)
        return m;
    m = calloc(1, sizeof *m);
    if (m && pthread_setspecific(of_thread, m) != 0) {
        free(m);
        m = NULL;
    }
    return m;
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

void system_read(struct view text, struct system_sums *ret_sums)
{
    struct memory *m = text.n && text.n <= TEXT_MAX ? own_memory() : NULL;
    if (!m) {
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
