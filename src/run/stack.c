#include "run/stack.h"

#include "base/sanitizer.h"

#include <stdint.h>
#include <sys/mman.h>

enum {
    PAGE = 4096,
    TRIM_MARGIN = 256,
    SAMPLE_EVERY = 64, /* asking the kernel for the touched pages is a system call */
};

void *stack_take(struct stack_pool *p)
{
    if (p->n_free > 0)
        return p->free[--p->n_free];
    char *map = mmap(NULL, PAGE + STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    /* Huge pages would make each stack cost 2 MiB. */
    madvise(map, PAGE + STACK_BYTES, MADV_NOHUGEPAGE);
    if (mprotect(map, PAGE, PROT_NONE) != 0) {
        munmap(map, PAGE + STACK_BYTES);
        return NULL;
    }
    return map + PAGE;
}

static size_t touched_bytes(void *stack)
{
    unsigned char resident[STACK_BYTES / PAGE];

    if (mincore(stack, STACK_BYTES, resident) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(resident); i++)
        if (resident[i] & 1)
            return STACK_BYTES - i * PAGE;
    return 0;
}

void stack_give(struct stack_pool *p, void *stack)
{
    sanitizer_unpoison(stack, STACK_BYTES); /* what frames that never returned left poisoned */
    if (++p->taken % SAMPLE_EVERY == 0) {
        size_t bytes = touched_bytes(stack);
        if (bytes > p->high_water)
            p->high_water = bytes;
    }
    if (p->n_free < sizeof(p->free) / sizeof(p->free[0]))
        p->free[p->n_free++] = stack;
    else
        munmap((char *)stack - PAGE, PAGE + STACK_BYTES);
}

void stack_trim(void *stack, const void *frame)
{
    /* What the call of madvise() itself needs stays. */
    uintptr_t keep = ((uintptr_t)frame - TRIM_MARGIN) & ~(uintptr_t)(PAGE - 1);
    uintptr_t lowest = (uintptr_t)stack;

    if (!SANITIZE_ADDRESS && !SANITIZE_THREAD && keep > lowest)
        madvise(stack, keep - lowest, MADV_DONTNEED);
}

void stack_pool_done(struct stack_pool *p)
{
    while (p->n_free > 0)
        munmap((char *)p->free[--p->n_free] - PAGE, PAGE + STACK_BYTES);
}
