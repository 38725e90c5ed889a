#include "ledger/checkpoint.h"

#include "base/clock.h"
#include "ledger/store.h"

#include <errno.h>

enum {
    PASS_PAGES = 1000,  /* of 4 KiB: a pass is worth its two fsyncs */
    PASS_SECONDS = 3,   /* ... or so long after the first new page */
    RESET_PAGES = 2000, /* a WAL of this size is reset, which also bounds the recovery at start */
    STACK_BYTES = 256 << 10,
};

bool ledger_thread(pthread_t *ret_thread, void *(*fn)(void *), void *arg, const char *name,
                   struct error *err)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&thread, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    if (rc != 0)
        return error_set(err, ERROR_NO_MEMORY, "no thread for the ledger: %s", strerror(rc));
    pthread_setname_np(thread, name);
    *ret_thread = thread;
    return true;
}

/* A reader may hold the reset off: then the next pass tries again. */
static int reset_wal(struct checkpoint *c, sqlite3 *db)
{
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    if (rc != SQLITE_OK)
        return rc;
    pthread_mutex_lock(c->gate);
    store_unpin(c->store);
    rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    pthread_mutex_unlock(c->gate);
    return rc;
}

/* False: the connection is of no more use. */
static bool pass(struct checkpoint *c, sqlite3 *db)
{
    int pages = 0;

    pthread_mutex_lock(c->gate);
    store_unpin(c->store);
    pthread_mutex_unlock(c->gate);
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (rc == SQLITE_OK && pages >= RESET_PAGES)
        rc = reset_wal(c, db);
    return rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED;
}

/* Sleeps until a pass is due; false at the end. */
static bool wait_until_due(struct checkpoint *c)
{
    struct timespec due;
    bool timed_out = false;

    pthread_mutex_lock(&c->lock);
    while (!c->stop && atomic_load(&c->fresh) == 0)
        pthread_cond_wait(&c->wake, &c->lock);
    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += PASS_SECONDS;
    while (!c->stop && !timed_out && atomic_load(&c->fresh) < PASS_PAGES)
        timed_out = pthread_cond_timedwait(&c->wake, &c->lock, &due) == ETIMEDOUT;
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return !stop;
}

/* Errors are not told here: the writer meets the same disk, and it is the one that must know. */
static void *checkpoint_main(void *arg)
{
    struct checkpoint *c = arg;
    struct error ignored;
    sqlite3 *db = NULL;

    while (wait_until_due(c)) {
        atomic_store(&c->fresh, 0);
        if (!db && (db = store_open_second(c->path, &ignored)))
            sqlite3_busy_timeout(db, 0); /* waiting with the gate held would stall commits */
        if (db && !pass(c, db)) {
            sqlite3_close(db);
            db = NULL;
        }
    }
    sqlite3_close(db);
    return NULL;
}

bool checkpoint_start(struct checkpoint *c, const char *path, struct store *store,
                      pthread_mutex_t *gate, struct error *err)
{
    pthread_condattr_t attr;

    *c = (struct checkpoint){.path = path, .gate = gate, .store = store};
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (ledger_thread(&c->thread, checkpoint_main, c, "weir-ledger-cp", err))
        return true;
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    return false;
}

void checkpoint_stop(struct checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
}

void checkpoint_note(struct checkpoint *c, unsigned pages)
{
    unsigned before = atomic_fetch_add(&c->fresh, pages);

    if (before == 0 || (before < PASS_PAGES && before + pages >= PASS_PAGES)) {
        pthread_mutex_lock(&c->lock);
        pthread_cond_signal(&c->wake);
        pthread_mutex_unlock(&c->lock);
    }
}
