#include "ledger/reader.h"

#include <stdio.h>

/* The texts are small and rarely read: SQLite's own JSON functions do it. */
static sqlite3_stmt *prepare(struct ledger_reader *r, const char *sql, struct view json)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(r->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_text(stmt, 1, json.p ? json.p : "", (int)json.n, SQLITE_STATIC);
    return stmt;
}

static struct view text_of(sqlite3_stmt *stmt, int column)
{
    const char *p = (const char *)sqlite3_column_text(stmt, column);

    return view_of(p, (size_t)sqlite3_column_bytes(stmt, column));
}

bool ledger_json_each(struct ledger_reader *r, struct view json, const char *path,
                      ledger_json_fn *fn, void *context)
{
    sqlite3_stmt *stmt = prepare(r,
                                 "SELECT e.id, m.key, m.value, m.type FROM json_each(?1, ?2) e,"
                                 " json_each(e.value) m WHERE e.type = 'object'",
                                 json);
    int rc = SQLITE_ERROR, index = -1;
    int64_t element = -1;

    if (stmt)
        sqlite3_bind_text(stmt, 2, path, -1, SQLITE_STATIC);
    while (stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        index += sqlite3_column_int64(stmt, 0) != element;
        element = sqlite3_column_int64(stmt, 0);
        struct view type = text_of(stmt, 3), value = text_of(stmt, 2);
        if (view_eq(type, VIEW("true")) || view_eq(type, VIEW("false")))
            value = type; /* SQL has only 1 and 0 */
        fn(context, index, text_of(stmt, 1), value);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

void ledger_json_text(struct ledger_reader *r, struct view json, const char *path, char *text,
                      size_t size)
{
    sqlite3_stmt *stmt = prepare(r, "SELECT json_extract(?1, ?2)", json);

    text[0] = '\0';
    if (stmt)
        sqlite3_bind_text(stmt, 2, path, -1, SQLITE_STATIC);
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        struct view value = text_of(stmt, 0);
        snprintf(text, size, "%.*s", VIEW_ARG(value));
    }
    sqlite3_finalize(stmt);
}

bool ledger_json_valid(struct ledger_reader *r, struct view json)
{
    sqlite3_stmt *stmt = prepare(r, "SELECT json_valid(?1)", json);
    bool valid = stmt && sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 1;

    sqlite3_finalize(stmt);
    return valid;
}
