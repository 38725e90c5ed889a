#include "base/arena.h"

#include "base/sanitizer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    USUAL_BLOCK = 4096, /* with its header: one page */
    MAX_SPARE = 256,    /* usual blocks that a thread keeps: a burst of requests holds as many */
    LARGE_BLOCK = 16 * 1024, /* once an arena holds more than that */
    ALIGN = 16,
    /* A gap between neighbours that stays poisoned, so that an overrun is seen by ASan. */
    RED_ZONE = SANITIZE_ADDRESS ? 16 : 0,
};

struct block {
    struct block *next;
    size_t size, used;
    char bytes[] __attribute__((aligned(ALIGN)));
};

enum { USUAL_BYTES = USUAL_BLOCK - sizeof(struct block) };

struct defer {
    struct defer *next;
    void (*fn)(void *);
    void *ptr;
};

struct arena {
    struct block *blocks; /* the newest first; the oldest is the first block */
    struct defer *defers;
    struct arena *parent, *children, *sibling;
    size_t cap, used;
    bool failed;
};

/* Blocks of the usual size go round: each exchange takes a handful and gives them back. Not under
 * ASan, which is to see what is used after its arena was freed. */
static _Thread_local struct {
    struct block *first;
    unsigned n;
} spare;

static struct block *block_new(size_t payload)
{
    struct block *b = spare.first;

    if (payload == USUAL_BYTES && b) {
        spare.first = b->next;
        spare.n--;
    } else if (!(b = malloc(sizeof(*b) + payload))) {
        return NULL;
    }
    b->next = NULL;
    b->size = payload;
    b->used = 0;
    sanitizer_poison(b->bytes, payload);
    return b;
}

static void block_free(struct block *b)
{
    sanitizer_unpoison(b->bytes, b->size);
    if (SANITIZE_ADDRESS || b->size != USUAL_BYTES || spare.n == MAX_SPARE) {
        free(b);
        return;
    }
    b->next = spare.first;
    spare.first = b;
    spare.n++;
}

/* The arena itself lives in its first block. */
struct arena *arena_new(size_t cap)
{
    struct block *b = block_new(USUAL_BYTES);
    if (!b)
        return NULL;
    struct arena *a = (struct arena *)(void *)b->bytes;
    sanitizer_unpoison(a, sizeof(*a));
    *a = (struct arena){.blocks = b, .cap = cap};
    b->used = (sizeof(*a) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return a;
}

struct arena *arena_new_child(struct arena *parent)
{
    struct arena *a = arena_new(parent->cap);
    if (!a)
        return NULL;
    a->parent = parent;
    a->sibling = parent->children;
    parent->children = a;
    return a;
}

static void run_defers(struct arena *a)
{
    while (a->defers) {
        struct defer *d = a->defers;
        a->defers = d->next;
        d->fn(d->ptr);
    }
}

void arena_reset(struct arena *a)
{
    while (a->children)
        arena_free(a->children);
    run_defers(a);
    while (a->blocks->next) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        block_free(b);
    }
    struct block *first = a->blocks;
    first->used = (sizeof(*a) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    sanitizer_poison(first->bytes + first->used, first->size - first->used);
    for (struct arena *up = a->parent; up; up = up->parent)
        up->used -= a->used;
    a->used = 0;
    a->failed = false;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_reset(a);
    if (a->parent) {
        struct arena **at = &a->parent->children;
        while (*at != a)
            at = &(*at)->sibling;
        *at = a->sibling;
    }
    block_free(a->blocks);
}

static bool charge(struct arena *a, size_t n)
{
    for (struct arena *up = a; up; up = up->parent)
        if (n > up->cap - up->used || n > SIZE_MAX / 2) {
            a->failed = true;
            return false;
        }
    for (struct arena *up = a; up; up = up->parent)
        up->used += n;
    return true;
}

static char *take(struct arena *a, size_t n, size_t align)
{
    if (!charge(a, n))
        return NULL;
    struct block *b = a->blocks;
    size_t at = (b->used + align - 1) & ~(align - 1);
    if (at > b->size || b->size - at < n + RED_ZONE) {
        size_t want = n + RED_ZONE + ALIGN;
        size_t usual = a->used < LARGE_BLOCK ? USUAL_BYTES : LARGE_BLOCK;
        b = block_new(want > usual ? want : usual);
        if (!b) {
            a->failed = true;
            return NULL;
        }
        b->next = a->blocks;
        a->blocks = b;
        at = 0;
    }
    b->used = at + n + RED_ZONE;
    sanitizer_unpoison(b->bytes + at, n);
    return b->bytes + at;
}

void *arena_alloc(struct arena *a, size_t n)
{
    char *p = take(a, n, ALIGN);
    if (p)
        memset(p, 0, n);
    return p;
}

char *arena_bytes(struct arena *a, size_t n)
{
    return take(a, n, 1);
}

struct view arena_dup(struct arena *a, struct view v)
{
    char *p = take(a, v.n + 1, 1);
    if (!p)
        return VIEW("");
    if (v.n)
        memcpy(p, v.p, v.n);
    p[v.n] = '\0';
    return view_of(p, v.n);
}

struct view arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    char small[512];

    va_start(args, format);
    int n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (n < 0)
        return VIEW("");
    if ((size_t)n < sizeof(small))
        return arena_dup(a, view_of(small, (size_t)n));
    char *p = take(a, (size_t)n + 1, 1);
    if (!p)
        return VIEW("");
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return view_of(p, (size_t)n);
}

void arena_defer(struct arena *a, void (*fn)(void *), void *ptr)
{
    struct defer *d = arena_alloc(a, sizeof(*d));
    if (!d) {
        /* The clean-up must not be lost: it runs now, and `failed` tells the caller. */
        fn(ptr);
        return;
    }
    *d = (struct defer){.next = a->defers, .fn = fn, .ptr = ptr};
    a->defers = d;
}

bool arena_failed(const struct arena *a)
{
    return a->failed;
}
