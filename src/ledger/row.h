/*
 * Rows as the chains see them: typed values of a table's columns, and the bytes that are hashed and
 * signed. docs/proof.md describes these bytes for other implementations.
 *
 * Tables: `exchange` (columns.def), whose rows are sealed by their hash, and `writer`, `checkpoint`
 * and `stub` (seals.def), sealed by a signature. The seal itself is no part of what it seals.
 */
#pragma once

#include "base/buf.h"

#include <sqlite3.h>

enum row_kind { ROW_RECORD, ROW_WRITER, ROW_CHECKPOINT, ROW_STUB };
enum { ROW_KINDS = ROW_STUB + 1 };

enum {
#define COLUMN(name, type) RECORD_##name,
#include "ledger/columns.def"
#undef COLUMN
    RECORD_COLUMNS
};
enum {
#define WRITER(name, type) WRITER_##name,
#include "ledger/seals.def"
    WRITER_COLUMNS
};
enum {
#define CHECKPOINT(name, type) CHECKPOINT_##name,
#include "ledger/seals.def"
    CHECKPOINT_COLUMNS
};
enum {
#define STUB(name, type) STUB_##name,
#include "ledger/seals.def"
    STUB_COLUMNS
};

enum { ROW_MAX_COLUMNS = 64, ROW_MAX_BYTES = 4 << 20 };

enum row_type { ROW_NULL, ROW_INT, ROW_REAL, ROW_TEXT, ROW_BLOB };

struct row_value {
    enum row_type type;
    union {
        int64_t i;
        double r;
        struct view v; /* text, blob: somebody else's bytes */
    };
};

struct row {
    enum row_kind kind;
    struct row_value values[ROW_MAX_COLUMNS];
};

struct row_column {
    const char *name, *type; /* type: as in CREATE TABLE */
    size_t name_n;           /* names are hashed with each record */
};

struct row_table {
    const char *name, *in_text; /* in the file; in an export */
    unsigned n, seal;           /* columns; which of them is the seal */
    const struct row_column *columns;
};

const struct row_table *row_table(enum row_kind kind);

struct row_value row_int(int64_t value);
struct row_value row_text(struct view text); /* empty: NULL */
struct row_value row_blob(const void *bytes, size_t n);
/* 0, or nothing, where there is no such value. */
int64_t row_get_int(const struct row *row, unsigned column);
struct view row_get_bytes(const struct row *row, unsigned column);

/* Appends what is hashed or signed: all columns that are not NULL, but for the seal. */
void row_canonical(const struct row *row, struct buf *out);

/* The values of the statement's columns from `first` on, in the order of the table's. They point
 * into the statement's row. */
void row_read(struct row *row, enum row_kind kind, sqlite3_stmt *stmt, int first);
