#include "ledger/store_schema.h"

#include "ledger/row.h"
#include "ledger/store.h"

enum { SQL_BYTES = 16384 };

bool schema_ask_int(sqlite3 *db, const char *sql, int64_t otherwise, const char *path,
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

bool schema_run(sqlite3 *db, const char *sql, const char *path, struct error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK || store_error(db, rc, path, err);
}

bool schema_check(sqlite3 *db, const char *path, enum schema_state *ret_state, struct error *err)
{
    int64_t objects, ours, version;

    if (!schema_ask_int(db, "SELECT count(*) FROM sqlite_master", 0, path, &objects, err))
        return false;
    if (objects == 0) {
        *ret_state = SCHEMA_FRESH;
        return true;
    }
    if (!schema_ask_int(db,
                        "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
                        " AND name IN ('meta', 'exchange', 'node_hours')",
                        0, path, &ours, err))
        return false;
    if (ours != 3) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "%s is a SQLite file, but no ledger of Weir",
                  path);
        return error_hint(err, "set ledger.path to another file");
    }
    if (!schema_ask_int(db, "SELECT value FROM meta WHERE key = 'schema'", 0, path, &version, err))
        return false;
    if (version < STORE_SCHEMA_OLDEST || version > STORE_SCHEMA) {
        error_set(err, ERROR_LEDGER_UNAVAILABLE,
                  "ledger %s has schema %lld, this Weir writes schema %d", path, (long long)version,
                  STORE_SCHEMA);
        return error_hint(err, version > STORE_SCHEMA
                                   ? "use the newer Weir that made it, or set ledger.path"
                                   : "keep that file and set ledger.path to a new one");
    }
    *ret_state = version == STORE_SCHEMA ? SCHEMA_READY : SCHEMA_OLD;
    return true;
}

static void put_table(struct buf *sql, enum row_kind kind, const char *more)
{
    const struct row_table *t = row_table(kind);

    buf_printf(sql, "CREATE TABLE IF NOT EXISTS %s(", t->name);
    for (unsigned i = 0; i < t->n; i++)
        buf_printf(sql, "%s%s %s", i ? ", " : "", t->columns[i].name, t->columns[i].type);
    buf_printf(sql, "%s;", more);
}

static bool has_column(sqlite3 *db, const char *name, const char *path, bool *ret_has,
                       struct error *err)
{
    char sql[160];
    int64_t n;

    sqlite3_snprintf(sizeof(sql), sql,
                     "SELECT count(*) FROM pragma_table_info('exchange') WHERE name = '%q'", name);
    if (!schema_ask_int(db, sql, 0, path, &n, err))
        return false;
    *ret_has = n != 0;
    return true;
}

/* SQLite adds a column without touching the rows, so a large file takes no longer. */
static bool put_new_columns(sqlite3 *db, struct buf *sql, const char *path, struct error *err)
{
    const struct row_table *t = row_table(ROW_RECORD);

    for (unsigned i = 0; i < t->n; i++) {
        bool has;
        if (!has_column(db, t->columns[i].name, path, &has, err))
            return false;
        if (!has)
            buf_printf(sql, "ALTER TABLE exchange ADD COLUMN %s %s;", t->columns[i].name,
                       t->columns[i].type);
    }
    return true;
}

static bool run_whole(sqlite3 *db, struct buf *sql, const char *path, struct error *err)
{
    buf_append_char(sql, '\0');
    if (!buf_ok(sql))
        return error_set(err, ERROR_NO_MEMORY, "no memory to create the ledger %s", path);
    return schema_run(db, sql->p, path, err);
}

static bool make_all(sqlite3 *db, struct buf *sql, const char *path, struct error *err)
{
    buf_append_lit(sql, "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value)"
                        " WITHOUT ROWID;"
                        "CREATE TABLE IF NOT EXISTS node_hours(from_ms INTEGER NOT NULL,"
                        " to_ms INTEGER NOT NULL, backend TEXT, node TEXT,"
                        " busy_ms INTEGER NOT NULL, cost_per_hour_nano INTEGER NOT NULL);");
    put_table(sql, ROW_RECORD, ")");
    put_table(sql, ROW_WRITER, ")");
    put_table(sql, ROW_CHECKPOINT, ", PRIMARY KEY(writer, n)) WITHOUT ROWID");
    put_table(sql, ROW_STUB, ")");
    if (!run_whole(db, sql, path, err))
        return false;
    buf_reset(sql);
    if (!put_new_columns(db, sql, path, err))
        return false;
    buf_printf(sql, "INSERT OR REPLACE INTO meta VALUES('schema', %d); COMMIT;", STORE_SCHEMA);
    return run_whole(db, sql, path, err);
}

/* Another gateway may be doing the same at this moment: the transaction makes one wait. */
bool schema_make(sqlite3 *db, const char *path, enum schema_state state, struct error *err)
{
    struct buf sql = BUF_MAX(SQL_BYTES);

    if (state == SCHEMA_READY)
        return true;
    bool ok = schema_run(db, "BEGIN IMMEDIATE", path, err) && make_all(db, &sql, path, err);
    if (!ok && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    buf_done(&sql);
    return ok;
}
