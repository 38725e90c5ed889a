/*
 * The ledger's file: schema, connection, statements. One thread at a time uses a store.
 *
 * Tables: `exchange` (columns.def) and those that seal it (seals.def), `node_hours`, and `meta`
 * with the schema's version (store_schema.h). Readers of any SQLite tool may look at them while the
 * gateway runs.
 */
#pragma once

#include "base/error.h"
#include "ledger/record.h"
#include "ledger/row.h"

#include <sqlite3.h>

struct store {
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *begin, *commit, *insert[ROW_KINDS], *insert_hours, *probe, *pin;
    bool pinned;
    uint64_t bound[ROW_KINDS]; /* a bit for each column that the last row did not leave NULL */
};

/* Opens or creates the file for writing. A file of another program or of another schema is
 * refused. */
bool store_open(struct store *s, const char *path, enum ledger_sync sync,
                struct error *err) MUST_CHECK;
/* A second connection of this process, for checkpoints. The file must exist. */
sqlite3 *store_open_second(const char *path, struct error *err) MUST_CHECK;
/* For reading only, beside a gateway that may write. */
sqlite3 *store_open_reader(const char *path, struct error *err) MUST_CHECK;
/* Harmless when closed. */
void store_close(struct store *s);

/* The first transaction pins its view of the file, and later ones go on from there: four locks
 * less for each. A checkpoint gets no further than the pin. */
bool store_begin(struct store *s, struct error *err) MUST_CHECK;
/* Outside of a transaction; harmless when closed. The next transaction pins anew. */
void store_unpin(struct store *s);
bool store_commit(struct store *s, struct error *err) MUST_CHECK;
void store_rollback(struct store *s);

enum store_result {
    STORE_WRITTEN,
    STORE_REFUSED, /* this row cannot be kept (its id stands there already); the others can */
    STORE_FAILED,  /* the file takes no writes; roll back */
};
/* Into the table of its kind; a stub takes the place of its writer's older one. */
enum store_result store_add(struct store *s, const struct row *row, struct error *err);
bool store_add_hours(struct store *s, const struct ledger_node_hours *hours,
                     struct error *err) MUST_CHECK;
/* A small write of its own, to see whether the file takes one again. */
bool store_probe(struct store *s, int64_t now_ms, struct error *err) MUST_CHECK;

/* The newest id in the file, of an exchange or a writer; 0 when there is none. */
int64_t store_last_id(struct store *s);

/* How many chains were begun in the file. */
bool store_count_writers(struct store *s, int64_t *ret_n, struct error *err) MUST_CHECK;

/* What SQLite said, as an error with what to do about it. Returns false. */
bool store_error(sqlite3 *db, int rc, const char *path, struct error *err);
