/*
 * Stacks for tasks: 256 KiB of address space each, of which only touched pages cost memory, with a
 * guard page below. A pool keeps a few for reuse and gives the rest back. One pool a loop, not
 * shared.
 */
#pragma once

#include <stddef.h>

enum { STACK_BYTES = 256 * 1024 };

struct stack_pool {
    void *free[64];
    unsigned n_free;
    unsigned taken;    /* counts for the sampling of the high-water mark */
    size_t high_water; /* the deepest use that was sampled, bytes */
};

/* The lowest usable byte of a stack of STACK_BYTES; NULL without memory. */
void *stack_take(struct stack_pool *p);
void stack_give(struct stack_pool *p, void *stack);
/* Gives back the pages below `frame`, an address in use on that stack. */
void stack_trim(void *stack, const void *frame);
void stack_pool_done(struct stack_pool *p);
