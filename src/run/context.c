#include "run/context.h"

#include <pthread.h>
#include <stdint.h>

#if SANITIZE_ADDRESS
#include <sanitizer/common_interface_defs.h>
#endif
#if SANITIZE_THREAD
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

/* Saves the callee-saved registers on the stack of `from`, stores its stack pointer and loads the
 * other one. The frames that context_init() builds look as if they had been left here. */
#if defined(__x86_64__)
void weir_switch(void **from_sp, void *to_sp);
void weir_enter(void);
__asm__(".text\n"
        ".globl weir_switch\n"
        ".type weir_switch,@function\n"
        "weir_switch:\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size weir_switch,.-weir_switch\n"
        /* First entry: r12 is the function, r13 its argument. rbp = 0 ends backtraces. */
        ".globl weir_enter\n"
        ".type weir_enter,@function\n"
        "weir_enter:\n"
        "    endbr64\n"
        "    xorl %ebp, %ebp\n"
        "    movq %r13, %rdi\n"
        "    callq *%r12\n"
        "    ud2\n"
        ".size weir_enter,.-weir_enter\n");

static void *first_frame(char *top, void (*entry)(void *), void *arg)
{
    void **sp = (void **)(void *)top;
    *--sp = NULL; /* a return address that ends backtraces; two words keep the ABI's alignment */
    *--sp = NULL;
    *--sp = (void *)weir_enter;
    *--sp = NULL;          /* rbp */
    *--sp = NULL;          /* rbx */
    *--sp = (void *)entry; /* r12 */
    *--sp = arg;           /* r13 */
    *--sp = NULL;          /* r14 */
    *--sp = NULL;          /* r15 */
    return sp;
}
#elif defined(__aarch64__)
void weir_switch(void **from_sp, void *to_sp);
void weir_enter(void);
__asm__(".text\n"
        ".globl weir_switch\n"
        ".type weir_switch,%function\n"
        "weir_switch:\n"
        "    sub sp, sp, #176\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #176\n"
        "    ret\n"
        ".size weir_switch,.-weir_switch\n"
        ".globl weir_enter\n"
        ".type weir_enter,%function\n"
        "weir_enter:\n"
        "    mov x29, xzr\n"
        "    mov x0, x20\n"
        "    blr x19\n"
        "    brk #1\n"
        ".size weir_enter,.-weir_enter\n");

static void *first_frame(char *top, void (*entry)(void *), void *arg)
{
    void **sp = (void **)(void *)(top - 176);
    for (int i = 0; i < 176 / 8; i++)
        sp[i] = NULL;
    sp[0] = (void *)entry;       /* x19 */
    sp[1] = arg;                 /* x20 */
    sp[11] = (void *)weir_enter; /* x30 */
    return sp;
}
#endif

void context_init_thread(struct context *c)
{
    *c = (struct context){0};
#if SANITIZE_ADDRESS
    pthread_attr_t attr;
    void *bottom = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &bottom, &size);
        pthread_attr_destroy(&attr);
    }
    c->stack_bottom = bottom;
    c->stack_size = size;
#endif
#if SANITIZE_THREAD
    c->tsan_fiber = __tsan_get_current_fiber();
#endif
}

#ifdef CONTEXT_UCONTEXT
/* makecontext() passes ints only: the two pointers travel in halves. */
static void enter(unsigned fh, unsigned fl, unsigned ah, unsigned al)
{
    void (*entry)(void *) = (void (*)(void *))(((uintptr_t)fh << 16 << 16) | fl);
    entry((void *)(((uintptr_t)ah << 16 << 16) | al));
}
#endif

void context_init(struct context *c, void *stack, size_t size, void (*entry)(void *), void *arg)
{
    *c = (struct context){.stack_bottom = stack, .stack_size = size};
#ifdef CONTEXT_UCONTEXT
    uintptr_t f = (uintptr_t)entry, a = (uintptr_t)arg;
    getcontext(&c->machine);
    c->machine.uc_stack.ss_sp = stack;
    c->machine.uc_stack.ss_size = size;
    c->machine.uc_link = NULL;
    makecontext(&c->machine, (void (*)(void))enter, 4, (unsigned)(f >> 16 >> 16), (unsigned)f,
                (unsigned)(a >> 16 >> 16), (unsigned)a);
#else
    char *top = (char *)((uintptr_t)((char *)stack + size) & ~(uintptr_t)15);
    c->sp = first_frame(top, entry, arg);
#endif
#if SANITIZE_THREAD
    c->tsan_fiber = __tsan_create_fiber(0);
#endif
}

void context_switch(struct context *from, struct context *to, bool final)
{
    (void) final;
#if SANITIZE_ADDRESS
    __sanitizer_start_switch_fiber(final ? NULL : &from->fake_stack, to->stack_bottom,
                                   to->stack_size);
#endif
#if SANITIZE_THREAD
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
#ifdef CONTEXT_UCONTEXT
    swapcontext(&from->machine, &to->machine);
#else
    weir_switch(&from->sp, to->sp);
#endif
#if SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

void context_entered(struct context *c)
{
    (void)c;
#if SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

void context_done(struct context *c)
{
#if SANITIZE_THREAD
    __tsan_destroy_fiber(c->tsan_fiber);
#else
    (void)c;
#endif
}
