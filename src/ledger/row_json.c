#include "ledger/row_json.h"

#include "base/utf8.h"
#include "ledger/hex.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static bool is_type(const struct row_column *column, const char *type)
{
    return view_starts(view_str(column->type), view_str(type));
}

static void put_hex(struct json_writer *w, struct view bytes)
{
    struct buf hex = BUF_MAX(2 * ROW_MAX_BYTES);
    char *to = buf_reserve(&hex, 2 * bytes.n + 1);

    if (to) {
        hex_write(to, bytes);
        hex.len = 2 * bytes.n;
        json_put_string(w, buf_view(&hex));
    } else {
        w->out->failed = true;
    }
    buf_done(&hex);
}

static void put_value(struct json_writer *w, const struct row_column *column,
                      const struct row_value *v)
{
    bool text = v->type == ROW_TEXT;

    if (v->type == ROW_INT) {
        json_put_i64(w, v->i);
    } else if (v->type == ROW_REAL) {
        json_put_double(w, v->r);
    } else if (text && is_type(column, "TEXT") && utf8_valid(v->v)) {
        json_put_string(w, v->v);
    } else if (!text && is_type(column, "BLOB")) {
        put_hex(w, v->v);
    } else {
        json_put_object(w);
        json_put_key(w, text ? VIEW("text") : VIEW("blob"));
        put_hex(w, v->v);
        json_put_close(w);
    }
}

void row_put_json(struct json_writer *w, const struct row *row)
{
    const struct row_table *t = row_table(row->kind);

    json_put_object(w);
    for (unsigned i = 0; i < t->n; i++) {
        if (row->values[i].type == ROW_NULL)
            continue;
        json_put_key(w, view_str(t->columns[i].name));
        put_value(w, &t->columns[i], &row->values[i]);
    }
    json_put_close(w);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool take_number(struct json_reader *r, bool real, struct row_value *v)
{
    struct view raw;
    char copy[64], *end;

    if (!json_number(r, &raw) || raw.n >= sizeof(copy))
        return false;
    memcpy(copy, raw.p, raw.n);
    copy[raw.n] = '\0';
    errno = 0;
    *v = row_int(strtoll(copy, &end, 10));
    if (!real && *end == '\0' && errno == 0)
        return true;
    *v = (struct row_value){.type = ROW_REAL, .r = strtod(copy, &end)};
    return *end == '\0' && isfinite(v->r);
}

static bool take_hex(struct json_reader *r, enum row_type type, struct arena *a,
                     struct row_value *v)
{
    struct json_text text;

    if (!json_string(r, &text) || text.escaped)
        return false;
    char *bytes = arena_bytes(a, text.raw.n / 2 + 1);
    if (!bytes || !hex_read(text.raw, bytes))
        return false;
    *v = (struct row_value){.type = type, .v = view_of(bytes, text.raw.n / 2)};
    return true;
}

static bool take_odd(struct json_reader *r, struct arena *a, struct row_value *v)
{
    struct json_object o;

    return json_object_begin(r, &o) && json_object_next(r, &o) &&
           (json_key_is(&o, "text") || json_key_is(&o, "blob")) &&
           take_hex(r, json_key_is(&o, "text") ? ROW_TEXT : ROW_BLOB, a, v) &&
           !json_object_next(r, &o) && !json_failed(r);
}

static bool take_value(struct json_reader *r, const struct row_column *column, struct arena *a,
                       struct row_value *v)
{
    struct json_text text;

    switch ((int)json_peek(r)) {
    case JSON_NUMBER:
        return take_number(r, is_type(column, "REAL"), v);
    case JSON_OBJECT:
        return take_odd(r, a, v);
    case JSON_STRING:
        if (is_type(column, "BLOB"))
            return take_hex(r, ROW_BLOB, a, v);
        if (!json_string(r, &text))
            return false;
        *v = (struct row_value){.type = ROW_TEXT, .v = json_decode(text, a)};
        return !arena_failed(a);
    default:
        return false;
    }
}

static int find_column(const struct row_table *t, struct view name)
{
    for (unsigned i = 0; i < t->n; i++)
        if (view_eq(name, view_str(t->columns[i].name)))
            return (int)i;
    return -1;
}

bool row_take_json(struct json_reader *r, enum row_kind kind, struct arena *a, struct row *ret_row,
                   struct error *err)
{
    const struct row_table *t = row_table(kind);
    struct row row = {.kind = kind};
    struct json_object o;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        int column = find_column(t, o.key);
        if (column < 0) {
            error_set(err, ERROR_BAD_VALUE, "a %s has a member '%.*s'", t->in_text,
                      (int)(o.key.n < 40 ? o.key.n : 40), o.key.p);
            return error_hint(err, "a newer Weir may know it");
        }
        if (!take_value(r, &t->columns[column], a, &row.values[column]) && !json_failed(r))
            return error_set(err, ERROR_BAD_VALUE, "a %s's %s is no value of that column",
                             t->in_text, t->columns[column].name);
    }
    if (json_failed(r))
        return json_error(r, err);
    *ret_row = row;
    return true;
}
