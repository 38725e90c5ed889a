/*
 * Mutexes for state that loops share. A lock is held for a few instructions and never across a
 * wait: the locks that a thread holds are counted, and task_park() asserts that there are none.
 */
#pragma once

#include <assert.h>
#include <pthread.h>

extern _Thread_local int lock_held_count;

static inline void lock_take(pthread_mutex_t *m)
{
    pthread_mutex_lock(m);
    lock_held_count++;
}

static inline void lock_release(pthread_mutex_t *m)
{
    lock_held_count--;
    pthread_mutex_unlock(m);
}
