#include "ledger/store.h"

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

static const struct {
    const char *name, *type;
} columns[STORE_COLUMNS] = {
#define COLUMN(name, type) {#name, type},
#include "ledger/columns.def"
#undef COLUMN
};

_Static_assert(STORE_COLUMNS <= 64, "store.bound has a bit for each");

const char *store_column_name(enum store_column column)
{
    return columns[column].name;
}

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

/* The first column of the first row; `otherwise` when there is no row. */
static bool ask_int(sqlite3 *db, const char *sql, int64_t otherwise, const char *path,
                    int64_t *ret_value, struct error *err)
{
    sqlite3_stmt *stmt = NULL;

    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(stmt, 0);
    else if (rc == SQLITE_DONE)
        *ret_value = otherwise;
    else
        store_error(db, rc, path, err);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* `ret_fresh`: nothing is in the file yet. */
static bool check_schema(sqlite3 *db, const char *path, bool *ret_fresh, struct error *err)
{
    int64_t objects, ours, version;

    if (!ask_int(db, "SELECT count(*) FROM sqlite_master", 0, path, &objects, err))
        return false;
    if (objects == 0) {
        *ret_fresh = true;
        return true;
    }
    if (!ask_int(db,
                 "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
                 " AND name IN ('meta', 'exchange', 'node_hours')",
                 0, path, &ours, err))
        return false;
    if (ours != 3) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "%s is a SQLite file, but no ledger of Weir",
                  path);
        return error_hint(err, "set ledger.path to another file");
    }
    if (!ask_int(db, "SELECT value FROM meta WHERE key = 'schema'", 0, path, &version, err))
        return false;
    if (version != STORE_SCHEMA) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE,
                  "ledger %s has schema %lld, this Weir writes schema %d", path, (long long)version,
                  STORE_SCHEMA);
        return error_hint(err, version > STORE_SCHEMA
                                   ? "use the newer Weir that made it, or set ledger.path"
                                   : "keep that file and set ledger.path to a new one");
    }
    *ret_fresh = false;
    return true;
}

static bool run_sql(sqlite3 *db, const char *sql, const char *path, struct error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK || store_error(db, rc, path, err);
}

/* Another gateway may be doing the same at this moment: the transaction makes one wait. */
static bool create_schema(sqlite3 *db, const char *path, struct error *err)
{
    struct buf sql = BUF_MAX(8192);

    buf_append_lit(&sql, "BEGIN IMMEDIATE;"
                         "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value)"
                         " WITHOUT ROWID;"
                         "CREATE TABLE IF NOT EXISTS node_hours(from_ms INTEGER NOT NULL,"
                         " to_ms INTEGER NOT NULL, backend TEXT, node TEXT,"
                         " busy_ms INTEGER NOT NULL, cost_per_hour_nano INTEGER NOT NULL);"
                         "CREATE TABLE IF NOT EXISTS exchange(");
    for (int i = 0; i < STORE_COLUMNS; i++)
        buf_printf(&sql, "%s%s %s", i ? ", " : "", columns[i].name, columns[i].type);
    buf_printf(&sql, "); INSERT OR IGNORE INTO meta VALUES('schema', %d); COMMIT;", STORE_SCHEMA);
    buf_append_char(&sql, '\0');
    bool ok = buf_ok(&sql) && run_sql(db, sql.p, path, err);
    if (!buf_ok(&sql))
        error_set(err, ERROR_NO_MEMORY, "no memory to create the ledger %s", path);
    buf_done(&sql);
    return ok;
}

static bool prepare_one(struct store *s, sqlite3_stmt **stmt, const char *sql, const char *path,
                        struct error *err)
{
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);

    return rc == SQLITE_OK || store_error(s->db, rc, path, err);
}

static bool prepare(struct store *s, const char *path, struct error *err)
{
    char insert[64 + 2 * STORE_COLUMNS] = "INSERT INTO exchange VALUES(?";
    size_t n = strlen(insert);

    for (int i = 1; i < STORE_COLUMNS; i++) {
        insert[n++] = ',';
        insert[n++] = '?';
    }
    insert[n++] = ')';
    insert[n] = '\0';
    return prepare_one(s, &s->insert, insert, path, err) &&
           prepare_one(s, &s->begin, "BEGIN IMMEDIATE", path, err) &&
           prepare_one(s, &s->commit, "COMMIT", path, err) &&
           prepare_one(s, &s->pin, "SELECT key FROM meta", path, err) &&
           prepare_one(s, &s->insert_hours, "INSERT INTO node_hours VALUES(?,?,?,?,?,?)", path,
                       err) &&
           prepare_one(s, &s->probe, "INSERT OR REPLACE INTO meta VALUES('probed_ms', ?)", path,
                       err);
}

static bool set_up(struct store *s, const char *path, enum ledger_sync sync, struct error *err)
{
    bool fresh = false;
    sqlite3_stmt *mode = NULL;
    char pragmas[256];

    if (!check_schema(s->db, path, &fresh, err))
        return false;
    /* Making an empty file safe takes six waits for the disk and there is nothing in it to lose;
     * the first checkpoint makes up for it. */
    if (fresh && sync == LEDGER_SYNC_NORMAL && !run_sql(s->db, "PRAGMA synchronous=OFF", path, err))
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
    if (fresh && !create_schema(s->db, path, err))
        return false;
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA synchronous=%s; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
             "PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%d;",
             sync == LEDGER_SYNC_FULL ? "FULL" : "NORMAL", CACHE_KIB, WAL_KEEP);
    return run_sql(s->db, pragmas, path, err) && prepare(s, path, err);
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

    if (db && !run_sql(db, "PRAGMA cache_size=-64; PRAGMA synchronous=NORMAL;", path, err)) {
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
    bool fresh = false;

    if (!db)
        return NULL;
    if (!check_schema(db, path, &fresh, err)) {
        sqlite3_close(db);
        return NULL;
    }
    if (fresh) {
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
    sqlite3_finalize(s->insert);
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

/* Most of what is NULL in a row was so in the one before. */
static void put_null(struct store *s, enum store_column column)
{
    if (s->bound >> column & 1)
        sqlite3_bind_null(s->insert, (int)column + 1);
    s->bound &= ~(UINT64_C(1) << column);
}

static void put_text(struct store *s, enum store_column column, struct view v)
{
    if (v.n == 0 || v.n > INT_MAX) {
        put_null(s, column);
        return;
    }
    s->bound |= UINT64_C(1) << column;
    sqlite3_bind_text(s->insert, (int)column + 1, v.p, (int)v.n, SQLITE_STATIC);
}

static void put_int(struct store *s, enum store_column column, int64_t value)
{
    s->bound |= UINT64_C(1) << column;
    sqlite3_bind_int64(s->insert, (int)column + 1, value);
}

/* A negative value stands for "none". */
static void put_natural(struct store *s, enum store_column column, int64_t value)
{
    if (value < 0)
        put_null(s, column);
    else
        put_int(s, column, value);
}

/* Of a task; without one there is none. */
static void put_share(struct store *s, enum store_column column, double value, bool there)
{
    if (!there) {
        put_null(s, column);
        return;
    }
    s->bound |= UINT64_C(1) << column;
    sqlite3_bind_double(s->insert, (int)column + 1, value);
}

static void put_question(struct store *s, const struct ledger_record *r)
{
    put_int(s, STORE_id, r->id);
    put_int(s, STORE_time_ms, r->wall_ms);
    put_text(s, STORE_request_id, r->request_id);
    put_text(s, STORE_key, r->key);
    put_text(s, STORE_dialect, r->dialect);
    put_text(s, STORE_model_asked, r->model_asked);
    put_text(s, STORE_alias, r->alias);
    put_text(s, STORE_task, r->task);
    put_share(s, STORE_confidence, r->confidence, r->task.n != 0);
    put_share(s, STORE_complexity, r->complexity, r->task.n != 0);
    put_text(s, STORE_notes, r->notes);
    put_text(s, STORE_attempts, r->attempts);
    put_text(s, STORE_plan, r->plan);
}

static void put_answer(struct store *s, const struct ledger_record *r)
{
    put_text(s, STORE_side,
             r->side == SIDE_INSIDE    ? VIEW("inside")
             : r->side == SIDE_OUTSIDE ? VIEW("outside")
                                       : VIEW_NONE);
    put_text(s, STORE_backend, r->backend);
    put_text(s, STORE_node, r->node);
    put_text(s, STORE_model, r->model);
    put_int(s, STORE_stream, r->stream);
    put_int(s, STORE_status, r->status);
    put_text(s, STORE_outcome, r->outcome);
    put_int(s, STORE_tokens_in, r->tokens_in);
    put_int(s, STORE_tokens_out, r->tokens_out);
    put_int(s, STORE_tokens_cached, r->tokens_cached);
    put_int(s, STORE_tokens_reasoning, r->tokens_reasoning);
    put_int(s, STORE_tokens_estimated, r->tokens_estimated);
    put_natural(s, STORE_first_token_us, r->first_token_us);
    put_natural(s, STORE_total_us, r->total_us);
    put_natural(s, STORE_cost_nano, r->cost_nano);
    put_natural(s, STORE_other_cost_nano, r->other_cost_nano);
    put_text(s, STORE_other_model, r->other_model);
}

enum store_result store_add(struct store *s, const struct ledger_record *record, struct error *err)
{
    put_question(s, record);
    put_answer(s, record);
    int rc = run(s->insert);
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
    int64_t id = 0;

    if (!ask_int(s->db, "SELECT max(id) FROM exchange", 0, "", &id, &ignored))
        return 0;
    return id;
}
