/*
 * What the sanitizers must be told: poisoned memory, and which stack a task runs on. Without a
 * sanitizer all of it compiles to nothing.
 */
#pragma once

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZE_ADDRESS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS 1
#endif
#endif
#ifndef SANITIZE_ADDRESS
#define SANITIZE_ADDRESS 0
#endif

#if defined(__SANITIZE_THREAD__)
#define SANITIZE_THREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#endif
#endif
#ifndef SANITIZE_THREAD
#define SANITIZE_THREAD 0
#endif

#if SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#define sanitizer_poison(p, n)   __asan_poison_memory_region((p), (n))
#define sanitizer_unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define sanitizer_poison(p, n)   ((void)(p), (void)(n))
#define sanitizer_unpoison(p, n) ((void)(p), (void)(n))
#endif
