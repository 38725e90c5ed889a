#include "ledger/ledger.h"

#include "base/clock.h"
#include "ledger/anchor.h"
#include "ledger/checkpoint.h"
#include "ledger/hours.h"
#include "ledger/id.h"
#include "ledger/sealer.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RETRY_NS = 1000000000,
    /* A transaction costs ten times what a row does. So where records come together anyway, one
     * begins at the earliest this long after the one before; a record that comes alone never
     * waits. */
    PACE_NS = 500000,
};

struct ledger {
    char *path;
    enum ledger_sync sync;
    pthread_t writer;
    struct checkpoint checkpoint;
    pthread_mutex_t gate; /* see checkpoint.h */
    struct ledger_key *key;
    struct anchor *anchor; /* NULL: none */
    pthread_mutex_t newest_lock;
    struct buf newest; /* the last checkpoint, as an anchor's line */
    uint64_t n_newest;

    /* Stacks that any thread pushes to and the writer takes as a whole: newest first. */
    struct ledger_commit *_Atomic queue;
    struct hours_entry *_Atomic new_hours;
    /* 1 while the writer sleeps; whoever turns it to 0 wakes it. Both sides change their own
     * first and look at the other's then, so no wake-up is lost. */
    atomic_uint sleeping;
    atomic_bool stop;

    /* the writer's own */
    struct store store;
    struct sealer sealer;
    struct hours_entry *hours;     /* oldest first */
    int64_t retry_at_ns, began_ns; /* began_ns: the last transaction */
    bool together;                 /* it had more than one record */
    int wal_pages;

    atomic_bool failing;
    pthread_mutex_t why_lock;
    struct error why;
    _Atomic uint64_t committed, lost, transactions;
};

void ledger_submit(struct ledger *l, struct ledger_commit *commit)
{
    struct ledger_commit *head = atomic_load_explicit(&l->queue, memory_order_relaxed);

    do
        commit->next = head;
    while (!atomic_compare_exchange_weak(&l->queue, &head, commit));
}

void ledger_add_node_hours(struct ledger *l, const struct ledger_node_hours *hours)
{
    struct hours_entry *entry = hours_new(hours);
    if (!entry)
        return; /* the hours are missing from a report, which is no reason to stop serving */
    struct hours_entry *head = atomic_load_explicit(&l->new_hours, memory_order_relaxed);

    do
        entry->next = head;
    while (!atomic_compare_exchange_weak(&l->new_hours, &head, entry));
}

static bool anything_queued(struct ledger *l)
{
    return atomic_load(&l->queue) || atomic_load(&l->new_hours);
}

static void wake(struct ledger *l)
{
    if (atomic_load(&l->sleeping) && atomic_exchange(&l->sleeping, 0))
        syscall(SYS_futex, &l->sleeping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void ledger_flush(struct ledger *l)
{
    if (anything_queued(l))
        wake(l);
}

/* Until something is queued, the end, or the time for the next try or checkpoint. */
static void sleep_until_needed(struct ledger *l)
{
    struct timespec timeout, *limit = NULL;
    int64_t until_ns = atomic_load(&l->failing) ? l->retry_at_ns : sealer_due_ns(&l->sealer);

    if (until_ns != INT64_MAX) {
        int64_t left = until_ns - clock_mono_ns();
        if (left <= 0)
            return;
        timeout = (struct timespec){left / NS_PER_S, left % NS_PER_S};
        limit = &timeout;
    }
    atomic_store(&l->sleeping, 1);
    if (!anything_queued(l) && !atomic_load(&l->stop))
        syscall(SYS_futex, &l->sleeping, FUTEX_WAIT_PRIVATE, 1, limit, NULL, 0);
    atomic_store(&l->sleeping, 0);
}

/* What is queued at this moment, oldest first. */
static struct ledger_commit *take_queue(struct ledger *l)
{
    struct ledger_commit *newest = atomic_exchange(&l->queue, NULL), *oldest = NULL;

    while (newest) {
        struct ledger_commit *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void take_hours(struct ledger *l)
{
    struct hours_entry *newest = atomic_exchange(&l->new_hours, NULL), *oldest = NULL;

    while (newest) {
        struct hours_entry *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    hours_join(&l->hours, oldest);
}

/* The submitter may free its commit inside `done`, and may look at the counts from there. */
static void answer(struct ledger *l, struct ledger_commit *list, bool committed)
{
    uint64_t n = 0;

    for (struct ledger_commit *at = list; at; at = at->next)
        n++;
    atomic_fetch_add(committed ? &l->committed : &l->lost, n);
    while (list) {
        struct ledger_commit *next = list->next;
        list->done(list, committed);
        list = next;
    }
}

/* Called by SQLite after a commit, with the size of the WAL. */
static int note_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct ledger *l = arg;
    int fresh = pages > l->wal_pages ? pages - l->wal_pages : pages;
    (void)db;
    (void)name;

    l->wal_pages = pages;
    checkpoint_note(&l->checkpoint, (unsigned)fresh);
    return SQLITE_OK;
}

static void fail(struct ledger *l, const struct error *err)
{
    pthread_mutex_lock(&l->why_lock);
    l->why = *err;
    pthread_mutex_unlock(&l->why_lock);
    atomic_store(&l->failing, true);
    /* After an I/O error SQLite's picture of the file may be wrong: the next try opens it anew. */
    pthread_mutex_lock(&l->gate);
    store_close(&l->store);
    pthread_mutex_unlock(&l->gate);
    sealer_leave(&l->sealer);
    l->retry_at_ns = clock_mono_ns() + RETRY_NS;
}

static void try_again(struct ledger *l)
{
    struct error err;

    pthread_mutex_lock(&l->gate);
    bool ok = store_open(&l->store, l->path, l->sync, &err);
    if (ok) {
        sqlite3_wal_hook(l->store.db, note_pages, l);
        ok = store_probe(&l->store, clock_wall_ms(), &err);
    }
    pthread_mutex_unlock(&l->gate);
    if (ok)
        atomic_store(&l->failing, false);
    else
        fail(l, &err);
}

/* Moves the rows that cannot be kept from `*batch` to `*ret_refused`. */
static bool add_all(struct ledger *l, struct ledger_commit **batch,
                    struct ledger_commit **ret_refused, struct error *err)
{
    for (struct ledger_commit **at = batch; *at;) {
        struct ledger_commit *commit = *at;
        enum store_result result = sealer_add(&l->sealer, &l->store, commit->record, err);
        if (result == STORE_FAILED)
            return false;
        if (result == STORE_REFUSED) {
            *at = commit->next;
            commit->next = *ret_refused;
            *ret_refused = commit;
        } else {
            at = &commit->next;
        }
    }
    for (struct hours_entry *e = l->hours; e; e = e->next)
        if (!store_add_hours(&l->store, &e->hours, err))
            return false;
    return true;
}

/* Lets more records come together. */
static void pace(struct ledger *l)
{
    int64_t left = l->began_ns + PACE_NS - clock_mono_ns();
    struct timespec pause = {.tv_nsec = left};

    if (l->together && left > 0 && atomic_load(&l->queue) && !atomic_load(&l->stop))
        nanosleep(&pause, NULL);
}

static void note_checkpoint(struct ledger *l)
{
    anchor_tell(l->anchor, &l->sealer.row);
    pthread_mutex_lock(&l->newest_lock);
    buf_reset(&l->newest);
    anchor_line(&l->sealer.row, &l->newest);
    l->n_newest++;
    pthread_mutex_unlock(&l->newest_lock);
}

/* One transaction: the records and hours, and a checkpoint where one is due. */
static bool write_all(struct ledger *l, struct ledger_commit **batch,
                      struct ledger_commit **ret_refused, bool last, struct error *err)
{
    bool sealed = false;

    pthread_mutex_lock(&l->gate);
    sealer_begin(&l->sealer);
    bool ok = store_begin(&l->store, err) && add_all(l, batch, ret_refused, err);
    if (ok && (last || sealer_due_ns(&l->sealer) <= clock_mono_ns()))
        ok = sealed = sealer_checkpoint(&l->sealer, &l->store, last, err);
    ok = ok && store_commit(&l->store, err);
    if (!ok) {
        store_rollback(&l->store);
        sealer_rollback(&l->sealer);
    }
    pthread_mutex_unlock(&l->gate);
    if (ok && sealed)
        note_checkpoint(l);
    return ok;
}

static void write_batch(struct ledger *l, struct ledger_commit *batch, bool last)
{
    struct ledger_commit *refused = NULL;
    struct error err;

    l->began_ns = clock_mono_ns();
    l->together = batch && batch->next;
    bool ok = write_all(l, &batch, &refused, last, &err);
    if (ok) {
        atomic_fetch_add(&l->transactions, 1);
        hours_free_all(l->hours);
        l->hours = NULL;
    } else {
        fail(l, &err);
    }
    answer(l, batch, ok);
    answer(l, refused, false);
}

static void *writer_main(void *arg)
{
    struct ledger *l = arg;

    /* Where a loop and the writer share a core, the writer lets the loop end its turns first: more
     * records come together. On an idle core it runs at once all the same. */
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    for (;;) {
        /* Looked at before the queue: what was submitted before the end is still written. */
        bool stop = atomic_load(&l->stop);
        if (atomic_load(&l->failing) && (stop || clock_mono_ns() >= l->retry_at_ns))
            try_again(l);
        pace(l);
        struct ledger_commit *batch = take_queue(l);
        take_hours(l);
        if (atomic_load(&l->failing))
            answer(l, batch, false);
        else if (batch || l->hours || sealer_due_ns(&l->sealer) <= clock_mono_ns())
            write_batch(l, batch, false);
        if (stop && !anything_queued(l))
            return NULL;
        if (!anything_queued(l))
            sleep_until_needed(l);
    }
}

static void ledger_free(struct ledger *l)
{
    anchor_stop(l->anchor);
    store_close(&l->store);
    sealer_done(&l->sealer);
    ledger_key_free(l->key);
    hours_free_all(l->hours);
    pthread_mutex_destroy(&l->gate);
    pthread_mutex_destroy(&l->why_lock);
    pthread_mutex_destroy(&l->newest_lock);
    buf_done(&l->newest);
    free(l->path);
    free(l);
}

/* A new key is made for a ledger that nobody signed yet: where somebody did, a missing key is worth
 * a look. */
static struct ledger_key *open_key(struct ledger *l, struct view path, struct error *err)
{
    char name[PATH_MAX];
    int64_t writers;

    int n = path.n ? snprintf(name, sizeof(name), "%.*s", VIEW_ARG(path))
                   : snprintf(name, sizeof(name), "%s.key", l->path);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        error_set(err, ERROR_BAD_VALUE, "the path of ledger.key is too long");
        return NULL;
    }
    struct ledger_key *key = ledger_key_load(name, err);
    if (key || err->code != ERROR_NOT_FOUND || !store_count_writers(&l->store, &writers, err))
        return key;
    if (writers == 0)
        return ledger_key_make(name, err);
    error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s was signed, and its key %s is missing",
              l->path, name);
    error_hint(err, "put the key back; or go on with another one: `weir ledger key --new`");
    return NULL;
}

static bool start(struct ledger *l, const struct ledger_options *options, struct error *err)
{
    if (!store_open(&l->store, l->path, l->sync, err))
        return false;
    sqlite3_wal_hook(l->store.db, note_pages, l);
    ledger_id_raise(store_last_id(&l->store));
    l->key = open_key(l, options->key, err);
    if (!l->key || !sealer_init(&l->sealer, l->key, &l->store, err) ||
        !anchor_start(&options->anchor, &l->anchor, err) ||
        !checkpoint_start(&l->checkpoint, l->path, &l->store, &l->gate, err))
        return false;
    if (ledger_thread(&l->writer, writer_main, l, "weir-ledger", err))
        return true;
    checkpoint_stop(&l->checkpoint);
    return false;
}

struct ledger *ledger_open(const struct ledger_options *options, struct error *err)
{
    struct ledger *l = calloc(1, sizeof(*l));
    char *path = strndup(options->path.p ? options->path.p : "", options->path.n);

    if (!l || !path) {
        free(l);
        free(path);
        error_set(err, ERROR_NO_MEMORY, "no memory to open the ledger");
        return NULL;
    }
    l->path = path;
    l->sync = options->sync;
    pthread_mutex_init(&l->gate, NULL);
    pthread_mutex_init(&l->why_lock, NULL);
    pthread_mutex_init(&l->newest_lock, NULL);
    l->newest = BUF_MAX(ANCHOR_LINE_BYTES);
    if (start(l, options, err))
        return l;
    ledger_free(l);
    return NULL;
}

/* The last checkpoint: from here on a missing tail shows. */
static void end_chain(struct ledger *l)
{
    if (l->sealer.now.writer != 0 && !atomic_load(&l->failing))
        write_batch(l, NULL, true);
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    atomic_store(&l->stop, true);
    wake(l);
    pthread_join(l->writer, NULL);
    end_chain(l);
    checkpoint_stop(&l->checkpoint);
    ledger_free(l); /* the last connection: the WAL goes into the file and away */
}

bool ledger_sent_digest(const struct ledger *l, struct view bytes, char ret_hex[LEDGER_DIGEST_HEX])
{
    return ledger_key_digest(l->key, bytes, ret_hex);
}

bool ledger_failing(struct ledger *l, struct error *err)
{
    if (!atomic_load(&l->failing))
        return false;
    if (err) {
        pthread_mutex_lock(&l->why_lock);
        *err = l->why;
        pthread_mutex_unlock(&l->why_lock);
    }
    return true;
}

bool ledger_anchor(struct ledger *l, uint64_t *seen, struct buf *out)
{
    pthread_mutex_lock(&l->newest_lock);
    bool news = l->n_newest != *seen;
    if (news) {
        buf_append(out, buf_view(&l->newest));
        *seen = l->n_newest;
    }
    pthread_mutex_unlock(&l->newest_lock);
    return news && buf_ok(out);
}

struct ledger_stats ledger_stats(struct ledger *l)
{
    return (struct ledger_stats){
        .committed = atomic_load(&l->committed),
        .lost = atomic_load(&l->lost),
        .transactions = atomic_load(&l->transactions),
        .anchor_failures = anchor_failures(l->anchor),
    };
}
