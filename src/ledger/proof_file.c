/* The rows of a proof out of a ledger's file. */
#include "ledger/proof.h"
#include "ledger/store.h"
#include "ledger/store_schema.h"

#include <stdlib.h>

/*
 * One ordered cursor for each table; the smallest head comes next. The heads of the records are
 * kept apart from the rows: SQLite sorts only three numbers of each, on disk where they are many,
 * and no index has to be written with each record.
 */
struct cursor {
    sqlite3_stmt *heads; /* writer, seq, and the row where the table's kind is not a record */
    bool there;
    int64_t writer, seq;
};

struct file_source {
    struct proof_source base; /* first */
    sqlite3 *db;
    struct cursor cursors[ROW_KINDS];
    sqlite3_stmt *record; /* by its id */
    /* The kind that was given last, or -1. Its cursor moves on with the next call, because the
     * row's views lie in it. */
    int given;
    bool old_told;
    char path[];
};

/* At the same place of a writer's chain a checkpoint stands behind the record. */
static const enum row_kind in_order[ROW_KINDS] = {ROW_WRITER, ROW_STUB, ROW_RECORD, ROW_CHECKPOINT};

static bool failed(struct file_source *s, struct error *err)
{
    return store_error(s->db, sqlite3_errcode(s->db), s->path, err);
}

static bool advance(struct file_source *s, struct cursor *c, struct error *err)
{
    int rc = sqlite3_step(c->heads);

    c->there = rc == SQLITE_ROW;
    if (c->there) {
        c->writer = sqlite3_column_int64(c->heads, 0);
        c->seq = sqlite3_column_int64(c->heads, 1);
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE || failed(s, err);
}

static bool prepare(struct file_source *s, const char *sql, sqlite3_stmt **ret_stmt,
                    struct error *err)
{
    return sqlite3_prepare_v2(s->db, sql, -1, ret_stmt, NULL) == SQLITE_OK || failed(s, err);
}

/* "SELECT first, second, columns... FROM table ORDER BY 1, 2" */
static bool open_seals(struct file_source *s, enum row_kind kind, const char *second,
                       struct error *err)
{
    const struct row_table *t = row_table(kind);
    struct buf sql = BUF_MAX(4096);

    buf_printf(&sql, "SELECT writer, %s", second);
    for (unsigned i = 0; i < t->n; i++)
        buf_printf(&sql, ",%s", t->columns[i].name);
    buf_printf(&sql, " FROM %s ORDER BY 1, 2%s", t->name, kind == ROW_CHECKPOINT ? ", n" : "");
    buf_append_char(&sql, '\0');
    bool ok = buf_ok(&sql) ? prepare(s, sql.p, &s->cursors[kind].heads, err)
                           : error_set(err, ERROR_NO_MEMORY, "no memory to read the ledger");
    buf_done(&sql);
    return ok && advance(s, &s->cursors[kind], err);
}

static bool open_records(struct file_source *s, struct error *err)
{
    const struct row_table *t = row_table(ROW_RECORD);
    struct buf sql = BUF_MAX(4096);

    buf_append_lit(&sql, "SELECT ");
    for (unsigned i = 0; i < t->n; i++)
        buf_printf(&sql, "%s%s", i ? "," : "", t->columns[i].name);
    buf_append_lit(&sql, " FROM exchange WHERE id = ?1");
    buf_append_char(&sql, '\0');
    bool ok = buf_ok(&sql) ? prepare(s, sql.p, &s->record, err)
                           : error_set(err, ERROR_NO_MEMORY, "no memory to read the ledger");
    buf_done(&sql);
    return ok &&
           prepare(s,
                   "SELECT writer, seq, id FROM exchange WHERE writer IS NOT NULL"
                   " ORDER BY writer, seq, id",
                   &s->cursors[ROW_RECORD].heads, err) &&
           advance(s, &s->cursors[ROW_RECORD], err);
}

static int find_least(const struct file_source *s)
{
    int least = -1;

    for (int i = 0; i < ROW_KINDS; i++) {
        const struct cursor *c = &s->cursors[in_order[i]];
        const struct cursor *best = least >= 0 ? &s->cursors[in_order[least]] : NULL;
        if (c->there && (!best || c->writer < best->writer ||
                         (c->writer == best->writer && c->seq < best->seq)))
            least = i;
    }
    return least;
}

static enum proof_step tell_old(struct file_source *s, struct error *err)
{
    s->old_told = true;
    if (schema_ask_int(s->db, "SELECT count(*) FROM exchange WHERE writer IS NULL", 0, s->path,
                       &s->base.old_records, err) &&
        schema_ask_int(s->db, "SELECT max(id) FROM exchange WHERE writer IS NULL", 0, s->path,
                       &s->base.old_id, err))
        return PROOF_OLD;
    return PROOF_FAILED;
}

static bool read_record(struct file_source *s, int64_t id, struct error *err)
{
    sqlite3_reset(s->record);
    sqlite3_bind_int64(s->record, 1, id);
    if (sqlite3_step(s->record) != SQLITE_ROW)
        return failed(s, err);
    row_read(&s->base.row, ROW_RECORD, s->record, 0);
    return true;
}

static enum proof_step file_next(struct proof_source *base, struct error *err)
{
    struct file_source *s = (struct file_source *)base;

    if (!s->old_told)
        return tell_old(s, err);
    if (s->given >= 0 && !advance(s, &s->cursors[s->given], err))
        return PROOF_FAILED;
    int least = find_least(s);
    if (least < 0)
        return PROOF_END;
    s->given = (int)in_order[least];
    struct cursor *c = &s->cursors[s->given];
    if (s->given != ROW_RECORD)
        row_read(&base->row, in_order[least], c->heads, 2);
    else if (!read_record(s, sqlite3_column_int64(c->heads, 2), err))
        return PROOF_FAILED;
    return PROOF_ROW;
}

static void file_close(struct proof_source *base)
{
    struct file_source *s = (struct file_source *)base;

    for (int i = 0; i < ROW_KINDS; i++)
        sqlite3_finalize(s->cursors[i].heads);
    sqlite3_finalize(s->record);
    sqlite3_close(s->db);
    free(s);
}

struct proof_source *proof_open_file(const char *path, struct error *err)
{
    struct file_source *s = calloc(1, sizeof(*s) + strlen(path) + 1);

    if (!s) {
        error_set(err, ERROR_NO_MEMORY, "no memory to read the ledger");
        return NULL;
    }
    memcpy(s->path, path, strlen(path) + 1);
    s->base = (struct proof_source){.next = file_next, .close = file_close};
    s->given = -1;
    s->db = store_open_reader(path, err);
    /* One view of the file for all cursors, also while a gateway writes. */
    if (s->db && schema_run(s->db, "BEGIN", path, err) && open_seals(s, ROW_WRITER, "-2", err) &&
        open_seals(s, ROW_STUB, "-1", err) && open_seals(s, ROW_CHECKPOINT, "seq", err) &&
        open_records(s, err))
        return &s->base;
    file_close(&s->base);
    return NULL;
}
