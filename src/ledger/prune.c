#include "ledger/prune.h"

#include "base/clock.h"
#include "ledger/proof.h"
#include "ledger/proof_answer.h"
#include "ledger/sealer.h"
#include "ledger/store_schema.h"
#include "json/writer.h"

#include <stdlib.h>
#include <unistd.h>

/* A piece holds the write lock for some ten milliseconds; the gateway gets its turn between two. */
enum { PIECE_RECORDS = 2000, PAUSE_US = 20000, SIGNED_BYTES = 64 << 10, CLASSES_BYTES = 4096 };

/* What a stub says of the records that are gone. */
struct sums {
    int64_t first_ms, last_ms, clean, found, failed, unscanned; /* first_ms 0: there are none */
    int64_t classes[DATA_CLASSES];
};

struct pruner {
    struct store store;
    struct proof_source *source;
    const struct ledger_key *key;
    int64_t before_ms;
    struct chain_hasher hasher;
    struct buf bytes;
    struct prune_result result;

    /* the chain that is walked */
    int64_t writer, seq;
    uint8_t public[KEY_PUBLIC_BYTES], chain[CHAIN_BYTES];
    bool done;       /* nothing more of it is removed */
    struct row stub; /* what is gone so far, and what goes with the next piece; not signed yet */
    uint8_t stub_chain[CHAIN_BYTES];
    struct sums gone, span; /* of the stub, and since the last checkpoint */

    /* The next piece removes the first `ready` of these records; the others wait for their
     * checkpoint. */
    int64_t *ids;
    size_t n, room, ready;
    bool pending; /* a piece may also remove a checkpoint and no record */
};

static bool does_not_verify(struct pruner *p, struct error *err)
{
    error_set(err, ERROR_BAD_VALUE, "chain %lld does not verify behind record %lld",
              (long long)p->writer, (long long)p->seq);
    return error_hint(err, "`weir prove` says more; nothing from there on was removed");
}

static bool is_signed(struct pruner *p, const struct row *row, struct view key)
{
    buf_reset(&p->bytes);
    row_canonical(row, &p->bytes);
    return buf_ok(&p->bytes) && ledger_key_verify(key, buf_view(&p->bytes),
                                                  row_get_bytes(row, row_table(row->kind)->seal));
}

/* ---- writing a piece ------------------------------------------------------------------------- */

static bool run_for(struct pruner *p, const char *sql, const int64_t *args, size_t n_rows,
                    int per_row, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(p->store.db, sql, -1, &stmt, NULL);

    for (size_t i = 0; rc == SQLITE_OK && i < n_rows; i++) {
        for (int k = 0; k < per_row; k++)
            sqlite3_bind_int64(stmt, k + 1, args[i * (size_t)per_row + (size_t)k]);
        rc = sqlite3_step(stmt) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(p->store.db);
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK ||
           store_error(p->store.db, rc, sqlite3_db_filename(p->store.db, "main"), err);
}

static void put_classes(const struct sums *sums, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    for (int i = 0; i < DATA_CLASSES; i++)
        if (sums->classes[i])
            json_put_member_i64(&w, view_str(data_class_name((enum data_class)i)),
                                sums->classes[i]);
    json_put_close(&w);
}

static void put_sums(struct row *stub, const struct sums *sums, struct view classes)
{
    struct row_value *v = stub->values;

    v[STUB_made_ms] = row_int(clock_wall_ms());
    v[STUB_first_ms] = row_int(sums->first_ms);
    v[STUB_last_ms] = row_int(sums->last_ms);
    v[STUB_clean] = row_int(sums->clean);
    v[STUB_found] = row_int(sums->found);
    v[STUB_failed] = row_int(sums->failed);
    v[STUB_unscanned] = row_int(sums->unscanned);
    v[STUB_classes] = row_text(classes);
}

/* The stub, in the place of the older one, and the removal of what it stands for: in one
 * transaction. */
static bool write_piece(struct pruner *p, struct error *err)
{
    uint8_t signature[KEY_SIGNATURE_BYTES];
    struct buf classes = BUF_MAX(CLASSES_BYTES);
    int64_t span[] = {p->writer, row_get_int(&p->stub, STUB_n)};

    put_classes(&p->gone, &classes);
    put_sums(&p->stub, &p->gone, buf_view(&classes));
    p->stub.values[STUB_writer] = row_int(p->writer);
    p->stub.values[STUB_key] = row_blob(ledger_key_public(p->key), KEY_PUBLIC_BYTES);
    bool ok = sealer_sign(p->key, &p->bytes, &p->stub, signature, err) &&
              store_begin(&p->store, err) && store_add(&p->store, &p->stub, err) == STORE_WRITTEN &&
              run_for(p, "DELETE FROM exchange WHERE id = ?1", p->ids, p->ready, 1, err) &&
              run_for(p, "DELETE FROM checkpoint WHERE writer = ?1 AND n <= ?2", span, 1, 2, err) &&
              store_commit(&p->store, err);
    if (!ok)
        store_rollback(&p->store);
    store_unpin(&p->store);
    buf_done(&classes);
    return ok;
}

static bool flush(struct pruner *p, struct error *err)
{
    if (!p->pending)
        return true;
    if (!write_piece(p, err))
        return false;
    p->result.records += (int64_t)p->ready;
    memmove(p->ids, p->ids + p->ready, (p->n - p->ready) * sizeof(*p->ids));
    p->n -= p->ready;
    p->ready = 0;
    p->pending = false;
    usleep(PAUSE_US);
    return true;
}

/* Records from before the chains have no stub: how many they were is in the first opening. */
static bool remove_old(struct pruner *p, int64_t n, struct error *err)
{
    for (int changed = PIECE_RECORDS; n > 0 && changed == PIECE_RECORDS;) {
        int64_t args[] = {p->before_ms, PIECE_RECORDS};
        if (!run_for(p,
                     "DELETE FROM exchange WHERE id IN (SELECT id FROM exchange"
                     " WHERE writer IS NULL AND time_ms < ?1 ORDER BY id LIMIT ?2)",
                     args, 1, 2, err))
            return false;
        changed = sqlite3_changes(p->store.db);
        p->result.old_records += changed;
        usleep(PAUSE_US);
    }
    return true;
}

/* ---- walking --------------------------------------------------------------------------------- */

static bool on_writer(struct pruner *p, const struct row *row, struct error *err)
{
    struct view key = row_get_bytes(row, WRITER_key);

    if (!flush(p, err))
        return false;
    p->n = 0;
    p->writer = row_get_int(row, WRITER_writer);
    p->seq = 0;
    p->done = false;
    p->stub = (struct row){.kind = ROW_STUB};
    p->gone = p->span = (struct sums){0};
    if (key.n != KEY_PUBLIC_BYTES)
        return does_not_verify(p, err);
    memcpy(p->public, key.p, KEY_PUBLIC_BYTES);
    if (!is_signed(p, row, key) || !chain_begin(&p->hasher, row, p->chain))
        return does_not_verify(p, err);
    return true;
}

static void take_sums(struct sums *sums, const struct row *stub)
{
    *sums = (struct sums){
        .first_ms = row_get_int(stub, STUB_first_ms),
        .last_ms = row_get_int(stub, STUB_last_ms),
        .clean = row_get_int(stub, STUB_clean),
        .found = row_get_int(stub, STUB_found),
        .failed = row_get_int(stub, STUB_failed),
        .unscanned = row_get_int(stub, STUB_unscanned),
    };
    proof_answer_add_classes(row_get_bytes(stub, STUB_classes), sums->classes);
}

/* Goes on behind an older stub. */
static bool on_stub(struct pruner *p, const struct row *row, struct error *err)
{
    struct view chain = row_get_bytes(row, STUB_chain);

    if (chain.n != CHAIN_BYTES || !is_signed(p, row, row_get_bytes(row, STUB_key)))
        return does_not_verify(p, err);
    p->seq = row_get_int(row, STUB_seq);
    memcpy(p->chain, chain.p, CHAIN_BYTES);
    take_sums(&p->gone, row);
    return true;
}

static void count(struct sums *sums, const struct row *record)
{
    struct view scan = row_get_bytes(record, RECORD_scan);
    int64_t time_ms = row_get_int(record, RECORD_time_ms);

    if (sums->first_ms == 0 || time_ms < sums->first_ms)
        sums->first_ms = time_ms;
    if (time_ms > sums->last_ms)
        sums->last_ms = time_ms;
    sums->clean += view_eq(scan, VIEW("clean"));
    sums->found += view_eq(scan, VIEW("found"));
    sums->failed += view_eq(scan, VIEW("failed"));
    sums->unscanned += scan.n == 0;
    proof_answer_add_classes(row_get_bytes(record, RECORD_findings), sums->classes);
}

static void join(struct sums *to, const struct sums *more)
{
    if (to->first_ms == 0 || (more->first_ms && more->first_ms < to->first_ms))
        to->first_ms = more->first_ms;
    if (more->last_ms > to->last_ms)
        to->last_ms = more->last_ms;
    to->clean += more->clean;
    to->found += more->found;
    to->failed += more->failed;
    to->unscanned += more->unscanned;
    for (int i = 0; i < DATA_CLASSES; i++)
        to->classes[i] += more->classes[i];
}

static bool on_record(struct pruner *p, const struct row *row, struct error *err)
{
    if (p->done)
        return true;
    if (row_get_int(row, RECORD_writer) != p->writer ||
        row_get_int(row, RECORD_seq) != p->seq + 1 || !chain_next(&p->hasher, row, p->chain) ||
        !view_eq(row_get_bytes(row, RECORD_chain), view_of((const char *)p->chain, CHAIN_BYTES)))
        return does_not_verify(p, err);
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : PIECE_RECORDS;
        int64_t *grown = realloc(p->ids, room * sizeof(*grown));
        if (!grown)
            return error_set(err, ERROR_NO_MEMORY, "no memory to remove records");
        p->ids = grown;
        p->room = room;
    }
    p->ids[p->n++] = row_get_int(row, RECORD_id);
    p->seq++;
    count(&p->span, row);
    return true;
}

/* The records before a checkpoint began before it was signed. */
static bool on_checkpoint(struct pruner *p, const struct row *row, struct error *err)
{
    struct view chain = row_get_bytes(row, CHECKPOINT_chain);
    struct row_value *v = p->stub.values;

    if (p->done)
        return true;
    if (row_get_int(row, CHECKPOINT_writer) != p->writer ||
        row_get_int(row, CHECKPOINT_seq) != p->seq ||
        !view_eq(chain, view_of((const char *)p->chain, CHAIN_BYTES)) ||
        !is_signed(p, row, view_of((const char *)p->public, KEY_PUBLIC_BYTES)))
        return does_not_verify(p, err);
    p->done = row_get_int(row, CHECKPOINT_time_ms) >= p->before_ms;
    if (p->done)
        return true;
    memcpy(p->stub_chain, p->chain, CHAIN_BYTES);
    v[STUB_chain] = row_blob(p->stub_chain, CHAIN_BYTES);
    v[STUB_n] = row->values[CHECKPOINT_n];
    v[STUB_seq] = row->values[CHECKPOINT_seq];
    v[STUB_time_ms] = row->values[CHECKPOINT_time_ms];
    v[STUB_up_ms] = row->values[CHECKPOINT_up_ms];
    v[STUB_last] = row->values[CHECKPOINT_last];
    join(&p->gone, &p->span);
    p->span = (struct sums){0};
    p->ready = p->n;
    p->pending = true;
    p->result.spans++;
    return p->ready < PIECE_RECORDS || flush(p, err);
}

static bool walk(struct pruner *p, struct error *err)
{
    static bool (*const on[ROW_KINDS])(struct pruner *, const struct row *,
                                       struct error *) = {[ROW_RECORD] = on_record,
                                                          [ROW_WRITER] = on_writer,
                                                          [ROW_CHECKPOINT] = on_checkpoint,
                                                          [ROW_STUB] = on_stub};

    for (;;) {
        switch (p->source->next(p->source, err)) {
        case PROOF_ROW:
            if (!on[p->source->row.kind](p, &p->source->row, err))
                return false;
            break;
        case PROOF_OLD:
            if (!remove_old(p, p->source->old_records, err))
                return false;
            break;
        case PROOF_END:
            return flush(p, err);
        case PROOF_FAILED:
            return false;
        }
    }
}

/* Their hours go too, or they would count as idle ones of the records that stayed. */
static bool remove_hours(struct pruner *p, struct error *err)
{
    return run_for(p, "DELETE FROM node_hours WHERE to_ms <= ?1", &p->before_ms, 1, 1, err);
}

bool prune_ledger(const char *path, const struct ledger_key *key, int64_t before_ms,
                  struct prune_result *ret_result, struct error *err)
{
    struct pruner p = {.key = key, .before_ms = before_ms, .bytes = BUF_MAX(SIGNED_BYTES)};

    if (access(path, F_OK) != 0)
        return error_set(err, ERROR_NOT_FOUND, "there is no ledger at %s", path);
    /* The writer first: with it open nobody takes the file for one at rest. */
    bool ok = store_open(&p.store, path, LEDGER_SYNC_NORMAL, err);
    if (ok && !chain_hasher_init(&p.hasher))
        ok = error_set(err, ERROR_NO_MEMORY, "no memory to verify what is removed");
    ok = ok && (p.source = proof_open_file(path, err)) && walk(&p, err) && remove_hours(&p, err);
    *ret_result = p.result;
    proof_close(p.source);
    chain_hasher_done(&p.hasher);
    store_close(&p.store);
    buf_done(&p.bytes);
    free(p.ids);
    return ok;
}
