#include "ledger/read.h"

#include "ledger/id.h"
#include "ledger/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* An id is given when a request's head was read, or somewhat later. */
enum { ID_AHEAD_MS = 600000 };
enum { MADE_MAX_BYTES = 1 << 20 };

struct ledger_reader *ledger_reader_open(struct view path, struct error *err)
{
    struct ledger_reader *r = malloc(sizeof(*r) + path.n + 1);
    if (!r) {
        error_set(err, ERROR_NO_MEMORY, "no memory to read the ledger");
        return NULL;
    }
    if (path.n)
        memcpy(r->path, path.p, path.n);
    r->path[path.n] = '\0';
    struct stat st = {0};
    r->db = NULL;
    r->plan = r->attempts = BUF_MAX(MADE_MAX_BYTES);
    if (stat(r->path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        error_set(err, ERROR_NOT_FOUND, "there is no ledger at %s", r->path);
        error_hint(err, "`weir serve` makes it with the first start; name another with --file PATH "
                        "or --config FILE");
    } else if (S_ISDIR(st.st_mode)) {
        error_set(err, ERROR_BAD_VALUE, "%s is a folder", r->path);
        error_hint(err, "name the ledger's file in it");
    } else {
        r->db = store_open_reader(r->path, err);
    }
    if (r->db)
        return r;
    free(r);
    return NULL;
}

void ledger_reader_close(struct ledger_reader *r)
{
    if (!r)
        return;
    buf_done(&r->plan);
    buf_done(&r->attempts);
    sqlite3_close(r->db);
    free(r);
}

bool ledger_reader_begin(struct ledger_reader *r, struct error *err)
{
    int rc = sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL);

    return rc == SQLITE_OK || store_error(r->db, rc, r->path, err);
}

void ledger_reader_end(struct ledger_reader *r)
{
    sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
}

static struct view get_text(sqlite3_stmt *stmt, int column)
{
    const char *p = (const char *)sqlite3_column_text(stmt, column);

    return view_of(p, (size_t)sqlite3_column_bytes(stmt, column));
}

static int64_t get_natural(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? -1
                                                            : sqlite3_column_int64(stmt, column);
}

static uint32_t get_u32(sqlite3_stmt *stmt, int column)
{
    int64_t value = sqlite3_column_int64(stmt, column);

    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static int get_side(sqlite3_stmt *stmt)
{
    struct view side = get_text(stmt, RECORD_side);

    return view_eq(side, VIEW("inside"))    ? SIDE_INSIDE
           : view_eq(side, VIEW("outside")) ? SIDE_OUTSIDE
                                            : -1;
}

static void get_record(sqlite3_stmt *stmt, struct ledger_record *r)
{
    *r = (struct ledger_record){
        .id = sqlite3_column_int64(stmt, RECORD_id),
        .request_id = get_text(stmt, RECORD_request_id),
        .wall_ms = sqlite3_column_int64(stmt, RECORD_time_ms),
        .key = get_text(stmt, RECORD_key),
        .model_asked = get_text(stmt, RECORD_model_asked),
        .alias = get_text(stmt, RECORD_alias),
        .dialect = get_text(stmt, RECORD_dialect),
        .task = get_text(stmt, RECORD_task),
        .confidence = sqlite3_column_double(stmt, RECORD_confidence),
        .complexity = sqlite3_column_double(stmt, RECORD_complexity),
        .plan = get_text(stmt, RECORD_plan),
        .attempts = get_text(stmt, RECORD_attempts),
        .notes = get_text(stmt, RECORD_notes),
        .side = get_side(stmt),
        .backend = get_text(stmt, RECORD_backend),
        .node = get_text(stmt, RECORD_node),
        .model = get_text(stmt, RECORD_model),
        .tokens_in = get_u32(stmt, RECORD_tokens_in),
        .tokens_out = get_u32(stmt, RECORD_tokens_out),
        .tokens_cached = get_u32(stmt, RECORD_tokens_cached),
        .tokens_reasoning = get_u32(stmt, RECORD_tokens_reasoning),
        .tokens_estimated = sqlite3_column_int(stmt, RECORD_tokens_estimated) != 0,
        .stream = sqlite3_column_int(stmt, RECORD_stream) != 0,
        .status = sqlite3_column_int(stmt, RECORD_status),
        .outcome = get_text(stmt, RECORD_outcome),
        .first_token_us = get_natural(stmt, RECORD_first_token_us),
        .total_us = get_natural(stmt, RECORD_total_us),
        .cost_nano = get_natural(stmt, RECORD_cost_nano),
        .other_cost_nano = get_natural(stmt, RECORD_other_cost_nano),
        .other_model = get_text(stmt, RECORD_other_model),
        .scan = get_text(stmt, RECORD_scan),
        .profile = get_text(stmt, RECORD_profile),
        .findings = get_text(stmt, RECORD_findings),
        .modes = get_text(stmt, RECORD_modes),
        .peer = get_text(stmt, RECORD_peer),
        .portions = get_text(stmt, RECORD_portions),
        .sent = get_text(stmt, RECORD_sent),
    };
}

/* "SELECT <all columns, in their order> FROM exchange <rest>" */
static sqlite3_stmt *select_exchange(struct ledger_reader *r, const char *rest, struct error *err)
{
    struct buf sql = BUF_MAX(8192);
    sqlite3_stmt *stmt = NULL;

    buf_append_lit(&sql, "SELECT ");
    for (int i = 0; i < RECORD_COLUMNS; i++)
        buf_printf(&sql, "%s%s", i ? "," : "", row_table(ROW_RECORD)->columns[i].name);
    buf_printf(&sql, " FROM exchange %s", rest);
    if (!buf_ok(&sql)) {
        error_set(err, ERROR_NO_MEMORY, "no memory to read the ledger");
    } else {
        int rc = sqlite3_prepare_v2(r->db, sql.p, (int)sql.len, &stmt, NULL);
        if (rc != SQLITE_OK)
            store_error(r->db, rc, r->path, err);
    }
    buf_done(&sql);
    return stmt;
}

/* Finalizes `stmt`. */
static bool each_record(struct ledger_reader *r, sqlite3_stmt *stmt, ledger_record_fn *fn,
                        void *context, struct error *err)
{
    struct ledger_record record;
    int rc;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        get_record(stmt, &record);
        if (!fn(context, &record)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    bool ok = rc == SQLITE_DONE || store_error(r->db, rc, r->path, err);
    sqlite3_finalize(stmt);
    return ok;
}

bool ledger_read(struct ledger_reader *r, int64_t since_ms, unsigned limit, ledger_record_fn *fn,
                 void *context, struct error *err)
{
    sqlite3_stmt *stmt =
        select_exchange(r, "WHERE id >= ?1 AND time_ms >= ?2 ORDER BY id DESC LIMIT ?3", err);
    if (!stmt)
        return false;
    sqlite3_bind_int64(stmt, 1, ledger_id_at(since_ms - ID_AHEAD_MS));
    sqlite3_bind_int64(stmt, 2, since_ms);
    sqlite3_bind_int64(stmt, 3, limit ? (int64_t)limit : -1);
    return each_record(r, stmt, fn, context, err);
}

struct found {
    ledger_record_fn *fn;
    void *context;
    bool any;
};

static bool on_found(void *context, const struct ledger_record *record)
{
    struct found *f = context;

    f->any = true;
    f->fn(f->context, record);
    return false;
}

bool ledger_read_one(struct ledger_reader *r, struct view id, ledger_record_fn *fn, void *context,
                     bool *ret_found, struct error *err)
{
    struct found f = {.fn = fn, .context = context};
    uint64_t number;

    if (view_to_u64(id, &number) && number <= INT64_MAX) {
        sqlite3_stmt *stmt = select_exchange(r, "WHERE id = ?1", err);
        if (!stmt)
            return false;
        sqlite3_bind_int64(stmt, 1, (int64_t)number);
        if (!each_record(r, stmt, on_found, &f, err))
            return false;
    }
    if (!f.any) {
        /* No index: it would cost each request for the sake of a rare question. */
        sqlite3_stmt *stmt =
            select_exchange(r, "WHERE request_id = ?1 ORDER BY id DESC LIMIT 1", err);
        if (!stmt)
            return false;
        sqlite3_bind_text(stmt, 1, id.p, (int)id.n, SQLITE_STATIC);
        if (!each_record(r, stmt, on_found, &f, err))
            return false;
    }
    *ret_found = f.any;
    return true;
}

static void cut_before(struct ledger_node_hours *h, int64_t since_ms)
{
    if (h->from_ms >= since_ms)
        return;
    double kept = (double)(h->to_ms - since_ms) / (double)(h->to_ms - h->from_ms);
    h->busy_ms = (int64_t)((double)h->busy_ms * kept + 0.5);
    h->from_ms = since_ms;
}

bool ledger_read_hours(struct ledger_reader *r, int64_t since_ms, ledger_hours_fn *fn,
                       void *context, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    struct ledger_node_hours h;

    int rc = sqlite3_prepare_v2(r->db,
                                "SELECT from_ms, to_ms, backend, node, busy_ms, cost_per_hour_nano"
                                " FROM node_hours WHERE to_ms > ?1 AND to_ms > from_ms",
                                -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        sqlite3_bind_int64(stmt, 1, since_ms);
    while (stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        h = (struct ledger_node_hours){
            .from_ms = sqlite3_column_int64(stmt, 0),
            .to_ms = sqlite3_column_int64(stmt, 1),
            .backend = get_text(stmt, 2),
            .node = get_text(stmt, 3),
            .busy_ms = sqlite3_column_int64(stmt, 4),
            .cost_per_hour_nano = sqlite3_column_int64(stmt, 5),
        };
        cut_before(&h, since_ms);
        if (!fn(context, &h)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    bool ok = rc == SQLITE_DONE || store_error(r->db, rc, r->path, err);
    sqlite3_finalize(stmt);
    return ok;
}
