/*
 * Machine contexts: the few instructions that leave one stack and continue on another.
 *
 * x86-64 and AArch64 have their own switch (callee-saved registers only; no system call, as
 * glibc's swapcontext makes); other processors use ucontext. The sanitizers are told of each
 * switch. A context belongs to one thread for its life.
 */
#pragma once

#include "base/sanitizer.h"

#include <stdbool.h>
#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define CONTEXT_UCONTEXT 1
#include <ucontext.h>
#endif

struct context {
    void *sp; /* where the registers were saved */
#ifdef CONTEXT_UCONTEXT
    ucontext_t machine;
#endif
    /* What ASan must know to follow; unused otherwise. */
    const void *stack_bottom;
    size_t stack_size;
    void *fake_stack;
    void *tsan_fiber;
};

/* The context of the calling thread itself, to come back to. */
void context_init_thread(struct context *c);

/* A new context that will call entry(arg) on the given stack; entry never returns. */
void context_init(struct context *c, void *stack, size_t size, void (*entry)(void *), void *arg);

/* Leaves `from` and continues `to`; returns when somebody switches back. `final`: `from` will never
 * be continued, so its bookkeeping can go. */
void context_switch(struct context *from, struct context *to, bool final);

/* The first thing that a new context's entry calls: ends the switch that brought it to life. */
void context_entered(struct context *c);

/* Frees what a context that was left for the last time still holds; called from another one. */
void context_done(struct context *c);
