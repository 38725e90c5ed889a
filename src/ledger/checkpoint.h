/*
 * Checkpoints: what the writer left in the WAL is carried into the file by a thread and a
 * connection of their own, so that no commit waits for it. Only the reset of a large WAL under
 * steady load holds the writer back, for the few pages that came during the last pass.
 */
#pragma once

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct store;

struct checkpoint {
    const char *path;      /* the owner's */
    pthread_mutex_t *gate; /* the writer holds it while it uses its store */
    struct store *store;   /* the writer's: a pass takes its pin away */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    atomic_uint fresh; /* pages written since the last pass began */
};

bool checkpoint_start(struct checkpoint *c, const char *path, struct store *store,
                      pthread_mutex_t *gate, struct error *err) MUST_CHECK;
void checkpoint_stop(struct checkpoint *c);
/* By the writer, after each commit. */
void checkpoint_note(struct checkpoint *c, unsigned pages);

/* Threads here are few and shallow; the default of 8 MiB would be charged to the gateway. */
bool ledger_thread(pthread_t *ret_thread, void *(*fn)(void *), void *arg, const char *name,
                   struct error *err) MUST_CHECK;
