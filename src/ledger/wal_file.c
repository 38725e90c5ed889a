#include "ledger/wal_file.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is relied on, all of it part of the file's format: frames begin behind a header of 32 bytes
 * at offset 0; a frame is a header of 24 bytes and a page; bytes 4 to 7 of a frame's header are
 * not zero in the last frame of a transaction, and in no other. No page has 24 bytes.
 *
 * Only what is appended is kept back, and only until that last frame: a failure to write is
 * reported for it, when the transaction can still be rolled back. All other calls first write
 * what was kept back, so that they find the file as SQLite believes it to be.
 */
enum { FRAME_HEADER = 24, KEEP_BYTES = 128 << 10 };

struct wal_file {
    sqlite3_file base; /* first; the system's file stands behind this structure */
    char *kept;        /* NULL until something is written */
    size_t n_kept;
    sqlite3_int64 kept_at; /* its offset in the file */
    sqlite3_int64 end;     /* nothing was written at or behind this offset since the last reset */
    bool page_follows;     /* a frame's header was kept; its page comes next */
    bool last;             /* ... and that frame ends a transaction */
};

static sqlite3_vfs *system_vfs;

static struct wal_file *wal_of(sqlite3_file *file)
{
    return (struct wal_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(wal_of(file) + 1);
}

static int write_kept(sqlite3_file *file)
{
    struct wal_file *w = wal_of(file);
    size_t n = w->n_kept;

    if (n == 0)
        return SQLITE_OK;
    w->n_kept = 0;
    w->page_follows = false;
    return real_of(file)->pMethods->xWrite(real_of(file), w->kept, (int)n, w->kept_at);
}

static int write_now(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(file);
    int rc = write_kept(file);

    if (at == 0)
        w->end = 0; /* the WAL begins anew */
    if (w->end < at + n)
        w->end = at + n;
    w->page_follows = false;
    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xWrite(real_of(file), p, n, at);
}

/* `at` is behind all that was written, and either goes on with what is kept or begins it. */
static int keep(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(file);

    if (w->n_kept && (size_t)n > KEEP_BYTES - w->n_kept) {
        int rc = write_kept(file);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (w->n_kept == 0)
        w->kept_at = at;
    memcpy(w->kept + w->n_kept, p, (size_t)n);
    w->n_kept += (size_t)n;
    w->end = at + n;
    return SQLITE_OK;
}

static bool can_keep(struct wal_file *w, int n, sqlite3_int64 at)
{
    bool goes_on = w->n_kept == 0 || at == w->kept_at + (sqlite3_int64)w->n_kept;

    if (n > KEEP_BYTES / 2 || at == 0 || at < w->end || !goes_on)
        return false;
    if (!w->kept)
        w->kept = malloc(KEEP_BYTES);
    return w->kept;
}

static int wal_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(file);

    if ((n != FRAME_HEADER && !w->page_follows) || !can_keep(w, n, at))
        return write_now(file, p, n, at);
    bool page = w->page_follows, last = w->last;
    int rc = keep(file, p, n, at);
    w->page_follows = !page;
    if (!page) {
        static const char zero[4];
        w->last = memcmp((const char *)p + 4, zero, sizeof(zero)) != 0;
    } else if (last && rc == SQLITE_OK) {
        rc = write_kept(file);
    }
    return rc;
}

static int wal_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    int rc = write_kept(file);

    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xRead(real_of(file), p, n, at);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = write_kept(file);

    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    int rc = write_kept(file);

    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    int rc = write_kept(file);

    return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

/* What is still kept belongs to a transaction that was never committed. */
static int wal_close(sqlite3_file *file)
{
    free(wal_of(file)->kept);
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int wal_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int wal_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int wal_check_lock(sqlite3_file *file, int *ret_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_reserved);
}

static int wal_control(sqlite3_file *file, int what, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}

static int wal_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int wal_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_check_lock,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_traits,
};

/* All files but the WAL are the system's, with nothing between. */
static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return system_vfs->xOpen(system_vfs, name, file, flags, ret_flags);
    memset(file, 0, sizeof(struct wal_file));
    int rc = system_vfs->xOpen(system_vfs, name, real_of(file), flags, ret_flags);
    if (rc == SQLITE_OK)
        file->pMethods = &methods;
    return rc;
}

static sqlite3_vfs gathering;

static void make(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs)
        return;
    gathering = *system_vfs;
    gathering.pNext = NULL;
    gathering.zName = "weir-ledger";
    gathering.szOsFile += (int)sizeof(struct wal_file);
    gathering.xOpen = open_file;
    if (sqlite3_vfs_register(&gathering, 0) != SQLITE_OK)
        gathering.zName = NULL;
}

const char *wal_file_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make);
    return gathering.zName;
}
