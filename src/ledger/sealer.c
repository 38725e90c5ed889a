#include "ledger/sealer.h"

#include "base/clock.h"
#include "ledger/id.h"
#include "ledger/ledger.h"
#include "ledger/store_schema.h"

#include <stdio.h>
#include <unistd.h>

enum { CHECKPOINT_NS = 1000000000, SEAL_BYTES = 4096, HOST_BYTES = 100 };

/* Goes on while the machine sleeps, and nobody can set it. */
static int64_t up_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS;
}

static bool count_old(struct sealer *s, struct store *store, struct error *err)
{
    const char *path = sqlite3_db_filename(store->db, "main");
    int64_t writers;

    if (!store_count_writers(store, &writers, err))
        return false;
    return writers > 0 ||
           (schema_ask_int(store->db, "SELECT count(*) FROM exchange", 0, path, &s->old_records,
                           err) &&
            schema_ask_int(store->db, "SELECT max(id) FROM exchange", 0, path, &s->old_id, err));
}

bool sealer_init(struct sealer *s, const struct ledger_key *key, struct store *store,
                 struct error *err)
{
    char host[HOST_BYTES] = "";

    gethostname(host, sizeof(host) - 1);
    *s = (struct sealer){.key = key, .bytes = BUF_MAX(SEAL_BYTES)};
    snprintf(s->name, sizeof(s->name), "%s pid %d", host, (int)getpid());
    if (!chain_hasher_init(&s->hasher))
        return error_set(err, ERROR_NO_MEMORY, "no memory for the ledger's chain");
    return count_old(s, store, err);
}

void sealer_done(struct sealer *s)
{
    chain_hasher_done(&s->hasher);
    buf_done(&s->bytes);
}

void sealer_begin(struct sealer *s)
{
    s->kept = s->now;
}

void sealer_rollback(struct sealer *s)
{
    s->now = s->kept;
}

void sealer_leave(struct sealer *s)
{
    s->now = (struct sealer_state){0};
}

bool sealer_sign(const struct ledger_key *key, struct buf *bytes, struct row *row,
                 uint8_t signature[KEY_SIGNATURE_BYTES], struct error *err)
{
    buf_reset(bytes);
    row_canonical(row, bytes);
    if (!buf_ok(bytes) || !ledger_key_sign(key, buf_view(bytes), signature))
        return error_set(err, ERROR_NO_MEMORY, "no memory to sign the ledger");
    row->values[row_table(row->kind)->seal] = row_blob(signature, KEY_SIGNATURE_BYTES);
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* One row of up to three numbers, put to `to`; none leaves them as they are. */
static bool ask_into(struct store *store, const char *sql, int64_t arg, struct row_value *const *to,
                     int n, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(stmt, 1, arg);
        rc = sqlite3_step(stmt);
    }
    for (int i = 0; rc == SQLITE_ROW && i < n; i++)
        if (sqlite3_column_type(stmt, i) != SQLITE_NULL)
            *to[i] = row_int(sqlite3_column_int64(stmt, i));
    bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE ||
              store_error(store->db, rc, sqlite3_db_filename(store->db, "main"), err);
    sqlite3_finalize(stmt);
    return ok;
}

/* The writer before and its last checkpoint; of the first writer, what was there before it. */
static bool name_predecessor(const struct sealer *s, struct store *store, struct row *row,
                             struct error *err)
{
    struct row_value *v = row->values, *const before[] = {&v[WRITER_before]},
                     *const signed_at[] = {&v[WRITER_before_n], &v[WRITER_before_seq],
                                           &v[WRITER_before_ms]};

    if (!ask_into(store, "SELECT max(writer) FROM writer", 0, before, 1, err))
        return false;
    if (v[WRITER_before].type == ROW_NULL) {
        v[WRITER_old_records] = row_int(s->old_records);
        v[WRITER_old_id] = row_int(s->old_id);
        return true;
    }
    return ask_into(store,
                    "SELECT n, seq, time_ms FROM stub WHERE writer = ?1 UNION ALL"
                    " SELECT n, seq, time_ms FROM checkpoint WHERE writer = ?1"
                    " ORDER BY n DESC LIMIT 1",
                    v[WRITER_before].i, signed_at, 3, err);
}

static bool open_chain(struct sealer *s, struct store *store, struct error *err)
{
    struct row *row = &s->row;
    struct sealer_state next = {
        .opened_ms = clock_wall_ms(),
        .opened_up_ms = up_ms(),
    };

    *row = (struct row){.kind = ROW_WRITER};
    if (!name_predecessor(s, store, row, err))
        return false;
    /* Given inside of the transaction: ids of writers rise in the order in which they came. */
    ledger_id_raise(row_get_int(row, WRITER_before));
    next.writer = ledger_next_id();
    row->values[WRITER_writer] = row_int(next.writer);
    row->values[WRITER_name] = row_text(view_str(s->name));
    row->values[WRITER_opened_ms] = row_int(next.opened_ms);
    row->values[WRITER_key] = row_blob(ledger_key_public(s->key), KEY_PUBLIC_BYTES);
    if (!sealer_sign(s->key, &s->bytes, row, s->signature, err))
        return false;
    if (!chain_begin(&s->hasher, row, next.chain))
        return error_set(err, ERROR_NO_MEMORY, "no memory to open the ledger's chain");
    if (store_add(store, row, err) != STORE_WRITTEN)
        return false;
    s->now = next;
    return true;
}

/* ---- records and checkpoints ----------------------------------------------------------------- */

enum store_result sealer_add(struct sealer *s, struct store *store,
                             const struct ledger_record *record, struct error *err)
{
    uint8_t chain[CHAIN_BYTES];

    if (s->now.writer == 0 && !open_chain(s, store, err))
        return STORE_FAILED;
    memcpy(chain, s->now.chain, sizeof(chain));
    record_row(record, &s->row);
    s->row.values[RECORD_writer] = row_int(s->now.writer);
    s->row.values[RECORD_seq] = row_int(s->now.seq + 1);
    if (!chain_next(&s->hasher, &s->row, chain)) {
        error_set(err, ERROR_NO_MEMORY, "no memory to link a record, or it is too large");
        return STORE_REFUSED;
    }
    s->row.values[RECORD_chain] = row_blob(chain, sizeof(chain));
    enum store_result result = store_add(store, &s->row, err);
    if (result == STORE_WRITTEN) {
        memcpy(s->now.chain, chain, sizeof(chain));
        s->now.seq++;
    }
    return result;
}

int64_t sealer_due_ns(const struct sealer *s)
{
    return s->now.seq > s->now.signed_seq ? s->now.signed_ns + CHECKPOINT_NS : INT64_MAX;
}

bool sealer_checkpoint(struct sealer *s, struct store *store, bool last, struct error *err)
{
    struct row *row = &s->row;

    *row = (struct row){.kind = ROW_CHECKPOINT};
    row->values[CHECKPOINT_writer] = row_int(s->now.writer);
    row->values[CHECKPOINT_n] = row_int(s->now.n + 1);
    row->values[CHECKPOINT_seq] = row_int(s->now.seq);
    row->values[CHECKPOINT_chain] = row_blob(s->now.chain, CHAIN_BYTES);
    row->values[CHECKPOINT_time_ms] = row_int(clock_wall_ms());
    row->values[CHECKPOINT_up_ms] = row_int(up_ms() - s->now.opened_up_ms);
    row->values[CHECKPOINT_last] = row_int(last);
    if (!sealer_sign(s->key, &s->bytes, row, s->signature, err) ||
        store_add(store, row, err) != STORE_WRITTEN)
        return false;
    s->now.n++;
    s->now.signed_seq = s->now.seq;
    s->now.signed_ns = clock_mono_ns();
    return true;
}
