#include "ledger/row.h"

static const struct row_column record_columns[] = {
#define COLUMN(name, type) {#name, type, sizeof(#name) - 1},
#include "ledger/columns.def"
#undef COLUMN
};
static const struct row_column writer_columns[] = {
#define WRITER(name, type) {#name, type, sizeof(#name) - 1},
#include "ledger/seals.def"
};
static const struct row_column checkpoint_columns[] = {
#define CHECKPOINT(name, type) {#name, type, sizeof(#name) - 1},
#include "ledger/seals.def"
};
static const struct row_column stub_columns[] = {
#define STUB(name, type) {#name, type, sizeof(#name) - 1},
#include "ledger/seals.def"
};

static const struct row_table tables[ROW_KINDS] = {
    [ROW_RECORD] = {"exchange", "record", RECORD_COLUMNS, RECORD_chain, record_columns},
    [ROW_WRITER] = {"writer", "writer", WRITER_COLUMNS, WRITER_signature, writer_columns},
    [ROW_CHECKPOINT] = {"checkpoint", "checkpoint", CHECKPOINT_COLUMNS, CHECKPOINT_signature,
                        checkpoint_columns},
    [ROW_STUB] = {"stub", "stub", STUB_COLUMNS, STUB_signature, stub_columns},
};

_Static_assert((int)RECORD_COLUMNS <= (int)ROW_MAX_COLUMNS, "a row has room for all columns");

const struct row_table *row_table(enum row_kind kind)
{
    return &tables[kind];
}

struct row_value row_int(int64_t value)
{
    return (struct row_value){.type = ROW_INT, .i = value};
}

struct row_value row_text(struct view text)
{
    return (struct row_value){.type = text.n ? ROW_TEXT : ROW_NULL, .v = text};
}

struct row_value row_blob(const void *bytes, size_t n)
{
    return (struct row_value){.type = ROW_BLOB, .v = view_of(bytes, n)};
}

int64_t row_get_int(const struct row *row, unsigned column)
{
    const struct row_value *v = &row->values[column];
    return v->type == ROW_INT ? v->i : 0;
}

struct view row_get_bytes(const struct row *row, unsigned column)
{
    const struct row_value *v = &row->values[column];
    return v->type == ROW_TEXT || v->type == ROW_BLOB ? v->v : VIEW("");
}

static void put_big_endian(struct buf *out, uint64_t value, unsigned bytes)
{
    char *to = buf_reserve(out, bytes);

    if (!to)
        return;
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(value >> 8 * (bytes - 1 - i));
    out->len += bytes;
}

static void put_value(struct buf *out, const struct row_value *v)
{
    static const char letters[] = {
        [ROW_NULL] = 'n', [ROW_INT] = 'i', [ROW_REAL] = 'r', [ROW_TEXT] = 't', [ROW_BLOB] = 'b'};
    uint64_t bits;

    buf_append_char(out, letters[v->type]);
    switch (v->type) {
    case ROW_NULL:
        break;
    case ROW_INT:
        put_big_endian(out, (uint64_t)v->i, 8);
        break;
    case ROW_REAL:
        memcpy(&bits, &v->r, sizeof(bits));
        put_big_endian(out, bits, 8);
        break;
    case ROW_TEXT:
    case ROW_BLOB:
        put_big_endian(out, v->v.n, 4);
        buf_append(out, v->v);
        break;
    }
}

void row_canonical(const struct row *row, struct buf *out)
{
    const struct row_table *t = &tables[row->kind];

    buf_append_lit(out, "weir 1 ");
    buf_append(out, view_str(t->in_text));
    buf_append_char(out, '\n');
    for (unsigned i = 0; i < t->n; i++) {
        if (i == t->seal || row->values[i].type == ROW_NULL)
            continue;
        struct view name = view_of(t->columns[i].name, t->columns[i].name_n);
        buf_append_char(out, (char)name.n);
        buf_append(out, name);
        put_value(out, &row->values[i]);
    }
}

static struct view column_bytes(sqlite3_stmt *stmt, int column)
{
    const char *p = sqlite3_column_blob(stmt, column);
    return view_of(p ? p : "", (size_t)sqlite3_column_bytes(stmt, column));
}

void row_read(struct row *row, enum row_kind kind, sqlite3_stmt *stmt, int first)
{
    row->kind = kind;
    for (unsigned i = 0; i < tables[kind].n; i++) {
        struct row_value *v = &row->values[i];
        int column = first + (int)i;
        switch (sqlite3_column_type(stmt, column)) {
        case SQLITE_INTEGER:
            *v = row_int(sqlite3_column_int64(stmt, column));
            break;
        case SQLITE_FLOAT:
            *v = (struct row_value){.type = ROW_REAL, .r = sqlite3_column_double(stmt, column)};
            break;
        case SQLITE_TEXT:
            *v = (struct row_value){.type = ROW_TEXT, .v = column_bytes(stmt, column)};
            break;
        case SQLITE_BLOB:
            *v = (struct row_value){.type = ROW_BLOB, .v = column_bytes(stmt, column)};
            break;
        default:
            *v = (struct row_value){.type = ROW_NULL};
            break;
        }
    }
}
