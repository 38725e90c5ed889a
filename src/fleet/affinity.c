#include "fleet/affinity.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    ROWS = 1 << 14, /* of a cache line each: 1 MiB in all */
    WAYS = 4,
    SMALLEST = 256,
    LARGEST = 1 << 20,
    FIRST_ENDS = 3,
    LAST_ENDS = 8,
    SHARED_BYTES = 4096, /* of a beginning that many have: from here on it is worth something */
    STAMP_BYTES = 1024,
};

/* What is known of a beginning: the node, what followed it there, and how much the node had read by
 * then, in STAMP_BYTES. */
#define NODE_BITS  12
#define NEXT_BITS  20
#define STAMP_BITS 32
_Static_assert(1 << NODE_BITS == AFFINITY_NODES, "a node's number fits");
_Static_assert(NODE_BITS + NEXT_BITS + STAMP_BITS == 64, "one word");

struct known {
    unsigned node;
    uint32_t next; /* some bits of the following beginning's hash; 0: nothing followed */
    uint32_t stamp;
};

struct entry {
    _Atomic(uint64_t) check; /* the hash, xor what is known */
    _Atomic(uint64_t) known;
};

struct row {
    struct entry ways[WAYS];
};

struct affinity {
    struct row rows[ROWS];
    _Atomic(uint64_t) read_bytes[AFFINITY_NODES]; /* that each node was asked with */
};

struct affinity *affinity_new(void)
{
    return calloc(1, sizeof(struct affinity)); /* pages that are not used cost nothing */
}

void affinity_free(struct affinity *a)
{
    free(a);
}

/* ---- a prompt's beginnings ------------------------------------------------------------------- */

struct reading {
    struct affinity_prompt *prompt;
    uint64_t hash;
    size_t bytes, next_power;
};

static void note(struct reading *r)
{
    struct affinity_prompt *p = r->prompt;

    if (p->n == AFFINITY_POINTS || (p->n > 0 && p->bytes[p->n - 1] == r->bytes))
        return;
    p->bytes[p->n] = (uint32_t)r->bytes;
    p->hashes[p->n++] = r->hash;
}

static void take(struct reading *r, struct view text)
{
    r->hash = hash_bytes_seeded(text, r->hash);
    r->bytes += text.n;
}

static void read_text(struct reading *r, struct view text)
{
    while (r->next_power <= LARGEST && text.n >= r->next_power - r->bytes) {
        size_t n = r->next_power - r->bytes;
        take(r, view_first(text, n));
        text = view_skip(text, n);
        note(r);
        r->next_power *= 2;
    }
    take(r, text);
}

/* How many messages end behind so many bytes that a node's cache is of use. */
static unsigned count_ends(const struct llm_request *request)
{
    size_t bytes = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < request->n_messages; i++) {
        bytes += request->messages[i].text.n;
        n += bytes >= SMALLEST;
    }
    return n;
}

void affinity_read(const struct llm_request *request, struct affinity_prompt *ret_prompt)
{
    struct reading r = {
        .prompt = ret_prompt, .hash = hash_bytes(VIEW("prompt")), .next_power = SMALLEST};
    unsigned ends = 0, all = count_ends(request);

    ret_prompt->n = 0;
    if (request->needs & LLM_NEED_EMBEDDINGS)
        return;
    for (unsigned i = 0; i < request->n_messages && all > 0; i++) {
        r.hash = hash_mix(r.hash + request->messages[i].role + 1);
        read_text(&r, request->messages[i].text);
        if (r.bytes < SMALLEST || r.bytes > UINT32_MAX)
            continue;
        if (ends < FIRST_ENDS || all - ends <= LAST_ENDS)
            note(&r);
        ends++;
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

static uint64_t pack(struct known k)
{
    return (uint64_t)k.node << (NEXT_BITS + STAMP_BITS) | (uint64_t)k.next << STAMP_BITS | k.stamp;
}

static struct known unpack(uint64_t word)
{
    return (struct known){.node = (unsigned)(word >> (NEXT_BITS + STAMP_BITS)),
                          .next = (uint32_t)(word >> STAMP_BITS) & ((1u << NEXT_BITS) - 1),
                          .stamp = (uint32_t)word};
}

/* Never 0, which says that nothing followed. */
static uint32_t next_of(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - NEXT_BITS)) | 1;
}

static uint64_t salted(const struct affinity_prompt *p, unsigned i, uint64_t salt)
{
    return hash_mix(p->hashes[i] ^ salt) | 1; /* 0 stands for an empty entry */
}

static struct row *row_of(struct affinity *a, uint64_t hash)
{
    return &a->rows[hash >> 32 & (ROWS - 1)];
}

static bool look_up(struct affinity *a, uint64_t hash, struct known *ret_known)
{
    struct row *row = row_of(a, hash);

    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t check = atomic_load_explicit(&row->ways[i].check, memory_order_relaxed);
        uint64_t known = atomic_load_explicit(&row->ways[i].known, memory_order_relaxed);
        if ((check ^ known) != hash)
            continue;
        *ret_known = unpack(known);
        return true;
    }
    return false;
}

/* What its node was asked with since, bytes. */
static uint64_t age_of(const struct affinity *a, struct known k)
{
    uint64_t now = atomic_load_explicit(&a->read_bytes[k.node], memory_order_relaxed);
    return (uint64_t)((uint32_t)(now / STAMP_BYTES) - k.stamp) * STAMP_BYTES;
}

static void put(struct affinity *a, uint64_t hash, struct known k)
{
    struct row *row = row_of(a, hash);
    struct entry *to = NULL;
    uint64_t oldest = 0, word = pack(k);

    for (unsigned i = 0; i < WAYS; i++) {
        struct entry *e = &row->ways[i];
        uint64_t check = atomic_load_explicit(&e->check, memory_order_relaxed);
        uint64_t known = atomic_load_explicit(&e->known, memory_order_relaxed);
        if ((check ^ known) == hash) {
            to = e;
            break;
        }
        uint64_t age = check == 0 ? UINT64_MAX : age_of(a, unpack(known));
        if (!to || age > oldest) {
            to = e;
            oldest = age;
        }
    }
    atomic_store_explicit(&to->known, word, memory_order_relaxed);
    atomic_store_explicit(&to->check, word ^ hash, memory_order_relaxed);
}

/* The longest beginning that somebody was asked with; its index, or `n`. */
static unsigned longest_known(struct affinity *a, const struct affinity_prompt *p, uint64_t salt,
                              struct known *ret_known)
{
    for (unsigned i = p->n; i-- > 0;)
        if (look_up(a, salted(p, i, salt), ret_known))
            return i;
    return p->n;
}

unsigned affinity_find(struct affinity *a, const struct affinity_prompt *p, uint64_t salt,
                       size_t cache_bytes)
{
    struct known k;
    unsigned i = longest_known(a, p, salt, &k);

    if (i == p->n || age_of(a, k) > cache_bytes)
        return AFFINITY_NONE;
    bool all = i + 1 == p->n, shared = !all && k.next != 0;
    uint32_t bytes = p->bytes[i], whole = p->bytes[p->n - 1];
    if (shared && (bytes < SHARED_BYTES || bytes < whole / 2))
        return AFFINITY_NONE;
    return k.node;
}

void affinity_book(struct affinity *a, const struct affinity_prompt *p, uint64_t salt,
                   unsigned node)
{
    struct known before;

    if (p->n == 0)
        return;
    node %= AFFINITY_NODES;
    /* What it had already does not push anything out. */
    unsigned i = longest_known(a, p, salt, &before);
    uint32_t had = i < p->n && before.node == node ? p->bytes[i] : 0;
    uint64_t read = atomic_fetch_add_explicit(&a->read_bytes[node], p->bytes[p->n - 1] - had,
                                              memory_order_relaxed);
    for (i = 0; i < p->n; i++) {
        uint32_t next = i + 1 < p->n ? next_of(p->hashes[i + 1]) : 0;
        put(a, salted(p, i, salt),
            (struct known){.node = node, .next = next, .stamp = (uint32_t)(read / STAMP_BYTES)});
    }
}
