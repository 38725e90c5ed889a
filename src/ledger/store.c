#include "ledger/store.h"

#include "ledger/store_schema.h"
#include "ledger/wal_file.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum {
    BUSY_MS = 2000,  /* for another gateway on the same file */
    CACHE_KIB = 512, /* the right edge of the tree is all that is written */
    WAL_KEEP = 8 << 20,
};

/* Each connection stays with one thread at a time, and nobody asks for memory statistics: both
 * spare a lock in most calls. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

bool store_error(sqlite3 *db, int rc, const char *path, struct error *err)
{
    const char *said = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

    switch (rc & 0xff) {
    case SQLITE_FULL:
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s: the disk is full", path);
        error_hint(err, "free some space; the ledger goes on by itself");
        break;
    case SQLITE_CANTOPEN:
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s cannot be opened: %s", path, said);
        error_hint(err, "see that the folder exists and that Weir's user may write there");
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s is read-only: %s", path, said);
        error_hint(err, "let Weir's user write the file and its folder");
        break;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s is not readable: %s", path, said);
        error_hint(err, "move the file away (with its -wal and -shm) or set ledger.path");
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s is locked by another program", path);
        error_hint(err, "end the program that holds a transaction on it open");
        break;
    default:
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s: %s (%d)", path, said, rc);
        error_hint(err, "see the kernel's log for errors of that disk");
        break;
    }
    return false;
}

/* `name` is the path or its URI. Only the writer may create the file, and only it gathers. */
static sqlite3 *open_db(const char *name, int flags, const char *path, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sqlite3 *db = NULL;

    pthread_once(&once, configure_once);
    const char *vfs = flags & SQLITE_OPEN_CREATE ? wal_file_vfs() : NULL;
    int rc = sqlite3_open_v2(name, &db, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (rc != SQLITE_OK) {
        store_error(db, rc, path, err);
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_MS);
    return db;
}

static bool prepare_one(struct store *s, sqlite3_stmt **stmt, const char *sql, const char *path,
                        struct error *err)
{
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);

    return rc == SQLITE_OK || store_error(s->db, rc, path, err);
}

/* "INSERT INTO table(columns in their order) VALUES(?,...)": a file that was brought up from an
 * older schema has them in another one. */
static bool prepare_insert(struct store *s, enum row_kind kind, const char *path, struct error *err)
{
    const struct row_table *t = row_table(kind);
    struct buf sql = BUF_MAX(8192);

    buf_printf(&sql, "INSERT %sINTO %s(", kind == ROW_STUB ? "OR REPLACE " : "", t->name);
    for (unsigned i = 0; i < t->n; i++)
        buf_printf(&sql, "%s%s", i ? "," : "", t->columns[i].name);
    buf_append_lit(&sql, ") VALUES(?");
    for (unsigned i = 1; i < t->n; i++)
        buf_append_lit(&sql, ",?");
    buf_append(&sql, view_of(")", 2));
    bool ok = buf_ok(&sql) ? prepare_one(s, &s->insert[kind], sql.p, path, err)
                           : error_set(err, ERROR_NO_MEMORY, "no memory to open the ledger");
    buf_done(&sql);
    return ok;
}

static bool prepare(struct store *s, const char *path, struct error *err)
{
    for (int kind = 0; kind < ROW_KINDS; kind++)
        if (!prepare_insert(s, (enum row_kind)kind, path, err))
            return false;
    return prepare_one(s, &s->begin, "BEGIN IMMEDIATE", path, err) &&
           prepare_one(s, &s->commit, "COMMIT", path, err) &&
           prepare_one(s, &s->pin, "SELECT key FROM meta", path, err) &&
           prepare_one(s, &s->insert_hours, "INSERT INTO node_hours VALUES(?,?,?,?,?,?)", path,
                       err) &&
           prepare_one(s, &s->probe, "INSERT OR REPLACE INTO meta VALUES('probed_ms', ?)", path,
                       err);
}

static bool set_up(struct store *s, const char *path, enum ledger_sync sync, struct error *err)
{
    enum schema_state state;
    sqlite3_stmt *mode = NULL;
    char pragmas[256];

    if (!schema_check(s->db, path, &state, err))
        return false;
    /* Making an empty file safe takes six waits for the disk and there is nothing in it to lose;
     * the first checkpoint makes up for it. */
    if (state == SCHEMA_FRESH && sync == LEDGER_SYNC_NORMAL &&
        !schema_run(s->db, "PRAGMA synchronous=OFF", path, err))
        return false;
    /* Answers the mode that the file has now: some file systems cannot do WAL. */
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode=WAL", -1, &mode, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(mode);
    bool wal = rc == SQLITE_ROW &&
               view_eq(view_str((const char *)sqlite3_column_text(mode, 0)), VIEW("wal"));
    sqlite3_finalize(mode);
    if (rc != SQLITE_ROW)
        return store_error(s->db, rc, path, err);
    if (!wal) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s: its file system cannot do WAL", path);
        return error_hint(err, "set ledger.path to a local disk");
    }
    if (!schema_make(s->db, path, state, err))
        return false;
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA synchronous=%s; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
             "PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%d;",
             sync == LEDGER_SYNC_FULL ? "FULL" : "NORMAL", CACHE_KIB, WAL_KEEP);
    return schema_run(s->db, pragmas, path, err) && prepare(s, path, err);
}

bool store_open(struct store *s, const char *path, enum ledger_sync sync, struct error *err)
{
    *s = (struct store){.db = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path, err)};
    if (!s->db)
        return false;
    if (set_up(s, path, sync, err))
        return true;
    store_close(s);
    return false;
}

sqlite3 *store_open_second(const char *path, struct error *err)
{
    sqlite3 *db = open_db(path, SQLITE_OPEN_READWRITE, path, err);

    if (db && !schema_run(db, "PRAGMA cache_size=-64; PRAGMA synchronous=NORMAL;", path, err)) {
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

/* A ledger at rest is one file; SQLite would put two more beside it, which a reader may not be
 * allowed to. Told that nobody writes, it does without. */
static sqlite3 *open_at_rest(const char *path, struct error *err)
{
    struct buf uri = BUF_MAX(16384);

    buf_append_lit(&uri, "file:");
    for (const char *p = path; *p; p++)
        if (*p == '?' || *p == '#' || *p == '%')
            buf_printf(&uri, "%%%02x", (unsigned)*p);
        else
            buf_append_char(&uri, *p);
    buf_append(&uri, view_of("?immutable=1", sizeof("?immutable=1")));
    sqlite3 *db = NULL;
    if (buf_ok(&uri))
        db = open_db(uri.p, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path, err);
    else
        error_set(err, ERROR_NO_MEMORY, "no memory to read the ledger %s", path);
    buf_done(&uri);
    return db;
}

static bool is_at_rest(const char *path)
{
    char wal[PATH_MAX];
    int n = snprintf(wal, sizeof(wal), "%s-wal", path);

    return n > 0 && (size_t)n < sizeof(wal) && access(wal, F_OK) != 0 && errno == ENOENT;
}

sqlite3 *store_open_reader(const char *path, struct error *err)
{
    sqlite3 *db =
        is_at_rest(path) ? open_at_rest(path, err) : open_db(path, SQLITE_OPEN_READONLY, path, err);
    enum schema_state state;

    if (!db)
        return NULL;
    if (!schema_check(db, path, &state, err)) {
        sqlite3_close(db);
        return NULL;
    }
    if (state == SCHEMA_OLD) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger %s is of an older Weir", path);
        error_hint(err, "start `weir serve` with it once: it brings the file up");
        sqlite3_close(db);
        return NULL;
    }
    if (state == SCHEMA_FRESH) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "%s is empty: no ledger was begun there", path);
        error_hint(err, "start `weir serve` with this ledger.path first");
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

void store_close(struct store *s)
{
    sqlite3_finalize(s->pin);
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    for (int kind = 0; kind < ROW_KINDS; kind++)
        sqlite3_finalize(s->insert[kind]);
    sqlite3_finalize(s->insert_hours);
    sqlite3_finalize(s->probe);
    sqlite3_close(s->db);
    *s = (struct store){NULL};
}

static int run(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return rc;
}

static bool run_or_say(struct store *s, sqlite3_stmt *stmt, struct error *err)
{
    int rc = run(stmt);

    return rc == SQLITE_DONE || store_error(s->db, rc, sqlite3_db_filename(s->db, "main"), err);
}

void store_unpin(struct store *s)
{
    if (s->pinned)
        sqlite3_reset(s->pin);
    s->pinned = false;
}

bool store_begin(struct store *s, struct error *err)
{
    int rc = run(s->begin);

    if (s->pinned && (rc & 0xff) == SQLITE_BUSY) {
        /* Another gateway wrote since, or writes now; SQLite waits for it only without a pin. */
        store_unpin(s);
        rc = run(s->begin);
    }
    if (rc != SQLITE_DONE)
        return store_error(s->db, rc, sqlite3_db_filename(s->db, "main"), err);
    /* A statement that is not at its end keeps the view beyond the transaction. */
    if (!s->pinned)
        s->pinned = sqlite3_step(s->pin) == SQLITE_ROW;
    if (!s->pinned)
        sqlite3_reset(s->pin);
    return true;
}

bool store_commit(struct store *s, struct error *err)
{
    return run_or_say(s, s->commit, err);
}

void store_rollback(struct store *s)
{
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

static void bind(sqlite3_stmt *stmt, int at, const struct row_value *v)
{
    switch (v->type) {
    case ROW_NULL:
        sqlite3_bind_null(stmt, at);
        break;
    case ROW_INT:
        sqlite3_bind_int64(stmt, at, v->i);
        break;
    case ROW_REAL:
        sqlite3_bind_double(stmt, at, v->r);
        break;
    case ROW_TEXT:
        sqlite3_bind_text(stmt, at, v->v.p, (int)v->v.n, SQLITE_STATIC);
        break;
    case ROW_BLOB:
        sqlite3_bind_blob(stmt, at, v->v.p, (int)v->v.n, SQLITE_STATIC);
        break;
    }
}

/* Most of what is NULL in a row was so in the one before. */
static void bind_row(struct store *s, const struct row *row)
{
    uint64_t *bound = &s->bound[row->kind];

    for (unsigned i = 0; i < row_table(row->kind)->n; i++) {
        uint64_t bit = UINT64_C(1) << i;
        bool there = row->values[i].type != ROW_NULL;
        if (there || *bound & bit)
            bind(s->insert[row->kind], (int)i + 1, &row->values[i]);
        *bound = there ? *bound | bit : *bound & ~bit;
    }
}

enum store_result store_add(struct store *s, const struct row *row, struct error *err)
{
    bind_row(s, row);
    int rc = run(s->insert[row->kind]);
    if (rc == SQLITE_DONE)
        return STORE_WRITTEN;
    store_error(s->db, rc, sqlite3_db_filename(s->db, "main"), err);
    bool only_this = (rc & 0xff) == SQLITE_CONSTRAINT || (rc & 0xff) == SQLITE_TOOBIG;
    return only_this && !sqlite3_get_autocommit(s->db) ? STORE_REFUSED : STORE_FAILED;
}

bool store_add_hours(struct store *s, const struct ledger_node_hours *hours, struct error *err)
{
    sqlite3_stmt *stmt = s->insert_hours;

    sqlite3_bind_int64(stmt, 1, hours->from_ms);
    sqlite3_bind_int64(stmt, 2, hours->to_ms);
    sqlite3_bind_text(stmt, 3, hours->backend.p, (int)hours->backend.n, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, hours->node.p, (int)hours->node.n, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, hours->busy_ms);
    sqlite3_bind_int64(stmt, 6, hours->cost_per_hour_nano);
    return run_or_say(s, stmt, err);
}

bool store_probe(struct store *s, int64_t now_ms, struct error *err)
{
    sqlite3_bind_int64(s->probe, 1, now_ms);
    return run_or_say(s, s->probe, err);
}

int64_t store_last_id(struct store *s)
{
    struct error ignored;
    int64_t id = 0, writer = 0;

    if (!schema_ask_int(s->db, "SELECT max(id) FROM exchange", 0, "", &id, &ignored) ||
        !schema_ask_int(s->db, "SELECT max(writer) FROM writer", 0, "", &writer, &ignored))
        return 0;
    return id > writer ? id : writer;
}

bool store_count_writers(struct store *s, int64_t *ret_n, struct error *err)
{
    return schema_ask_int(s->db, "SELECT count(*) FROM writer", 0,
                          sqlite3_db_filename(s->db, "main"), ret_n, err);
}
