/*
 * An arena: memory that lives and dies together.
 *
 * One per exchange and a child per attempt. Nothing is freed singly; arena_free() runs the
 * deferred clean-ups in reverse order, children first, and then gives the memory back. An arena
 * has a cap for the bytes it may hand out; past it (or without memory) arena_alloc() returns NULL
 * and `failed` stays set, so that a caller may check once at the end of a step.
 * Not shared between threads.
 */
#pragma once

#include "base/view.h"

struct arena;

/* `cap` bounds the bytes of this arena and its children together. NULL without memory. */
struct arena *arena_new(size_t cap);
/* A child is freed with its parent at the latest, or earlier by arena_free(). */
struct arena *arena_new_child(struct arena *parent);
/* Accepts NULL. */
void arena_free(struct arena *a);
/* Empties the arena for its next use: clean-ups run, the first block stays. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((alloc_size(2)));
/* Not zeroed and not aligned: for bytes. */
char *arena_bytes(struct arena *a, size_t n) __attribute__((alloc_size(2)));
#define arena_new_of(a, type)           ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, type, count) ((type *)arena_alloc((a), sizeof(type) * (count)))

/* A copy with a NUL behind it. An empty view (p = "") without memory, and `failed` set. */
struct view arena_dup(struct arena *a, struct view v);
struct view arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Runs fn(ptr) when the arena is freed or reset; last deferred, first run. */
void arena_defer(struct arena *a, void (*fn)(void *), void *ptr);

bool arena_failed(const struct arena *a);
