/* The rows of a proof out of an export, and into one. */
#include "ledger/proof.h"
#include "ledger/row_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 8 << 20, ARENA_BYTES = 2 * LINE_BYTES };

struct text_source {
    struct proof_source base; /* first */
    FILE *f;
    char *line; /* LINE_BYTES */
    int64_t lines;
    struct arena *arena; /* of one line */
    bool begun;
};

static enum proof_step bad_line(struct text_source *s, struct error *err)
{
    struct error why = *err;

    error_set(err, ERROR_BAD_VALUE, "line %lld of the export: %s", (long long)s->lines, why.text);
    error_hint(err, "%s", why.hint[0] ? why.hint : "export it again");
    return PROOF_FAILED;
}

static bool take_member_int(struct json_reader *r, int64_t *ret_value)
{
    struct view raw;
    uint64_t value;

    if (!json_number(r, &raw) || !view_to_u64(raw, &value) || value > INT64_MAX)
        return false;
    *ret_value = (int64_t)value;
    return true;
}

/* {"records":N,"id":N} */
static bool take_old(struct text_source *s, struct json_reader *r)
{
    struct json_object o;

    json_object_begin(r, &o);
    while (json_object_next(r, &o))
        if (!take_member_int(r,
                             json_key_is(&o, "records") ? &s->base.old_records : &s->base.old_id))
            return false;
    return !json_failed(r);
}

static bool take_end(struct text_source *s, struct json_reader *r, struct error *err)
{
    struct json_object o;
    int64_t lines = -1;

    json_object_begin(r, &o);
    while (json_object_next(r, &o))
        if (!take_member_int(r, &lines))
            return error_set(err, ERROR_BAD_VALUE, "the end has no number of lines");
    if (lines == s->lines)
        return true;
    return error_set(err, ERROR_BAD_VALUE, "the export is cut: it had %lld lines",
                     (long long)lines);
}

static int kind_of(struct view name)
{
    for (int kind = 0; kind < ROW_KINDS; kind++)
        if (view_eq(name, view_str(row_table((enum row_kind)kind)->in_text)))
            return kind;
    return -1;
}

/* What stands under the only key of a line. */
static enum proof_step take_line(struct text_source *s, struct json_reader *r,
                                 const struct json_object *o, struct error *err)
{
    int kind = kind_of(o->key);

    if (kind >= 0)
        return row_take_json(r, (enum row_kind)kind, s->arena, &s->base.row, err) ? PROOF_ROW
                                                                                  : PROOF_FAILED;
    if (json_key_is(o, "old") && take_old(s, r))
        return PROOF_OLD;
    if (json_key_is(o, "end"))
        return take_end(s, r, err) ? PROOF_END : PROOF_FAILED;
    error_set(err, ERROR_BAD_VALUE, "that is no line of an export");
    return PROOF_FAILED;
}

/* A line with its newline, or nothing: JSON lines hold no NUL. */
static struct view get_line(struct text_source *s)
{
    if (!fgets(s->line, LINE_BYTES, s->f))
        return VIEW_NONE;
    s->lines++;
    return view_str(s->line);
}

static enum proof_step read_line(struct text_source *s, struct error *err)
{
    struct view line = get_line(s);

    if (!view_ends(line, VIEW("\n"))) {
        error_set(err, ERROR_BAD_VALUE,
                  line.n ? "it is cut, or too long"
                         : "the export ends behind it, without its last line");
        return PROOF_FAILED;
    }
    struct json_reader r;
    struct json_object o;
    arena_reset(s->arena);
    json_begin(&r, line);
    if (!json_object_begin(&r, &o) || !json_object_next(&r, &o)) {
        error_set(err, ERROR_BAD_VALUE, "that is no line of an export");
        return PROOF_FAILED;
    }
    enum proof_step step = take_line(s, &r, &o, err);
    if (step == PROOF_FAILED || (!json_object_next(&r, &o) && json_end(&r)))
        return step;
    error_set(err, ERROR_BAD_VALUE, "something stands behind its end");
    return PROOF_FAILED;
}

static enum proof_step text_next(struct proof_source *base, struct error *err)
{
    struct text_source *s = (struct text_source *)base;
    enum proof_step step = read_line(s, err);

    return step == PROOF_FAILED ? bad_line(s, err) : step;
}

static void text_close(struct proof_source *base)
{
    struct text_source *s = (struct text_source *)base;

    arena_free(s->arena);
    free(s->line);
    fclose(s->f);
    free(s);
}

static bool take_head(struct text_source *s, struct error *err)
{
    if (view_starts(get_line(s), VIEW("{\"weir_proof\":1,")))
        return true;
    error_set(err, ERROR_BAD_VALUE, "that is neither a ledger nor an export of one");
    return error_hint(err, "`weir ledger export --proof FILE` writes one");
}

struct proof_source *proof_open_text(FILE *f, struct error *err)
{
    struct text_source *s = calloc(1, sizeof(*s));

    if (!s) {
        fclose(f);
        error_set(err, ERROR_NO_MEMORY, "no memory to read the export");
        return NULL;
    }
    s->f = f;
    s->base = (struct proof_source){.next = text_next, .close = text_close};
    s->arena = arena_new(ARENA_BYTES);
    s->line = malloc(LINE_BYTES);
    if (s->arena && s->line ? take_head(s, err)
                            : error_set(err, ERROR_NO_MEMORY, "no memory to read the export"))
        return &s->base;
    text_close(&s->base);
    return NULL;
}

struct proof_source *proof_open(const char *path, struct error *err)
{
    char head[16] = "";
    FILE *f = fopen(path, "re");

    if (!f) {
        error_set(err, ERROR_NOT_FOUND, "%s cannot be read: %s", path, strerror(errno));
        error_hint(err, "name a ledger or an export of one");
        return NULL;
    }
    size_t n = fread(head, 1, sizeof(head), f);
    rewind(f);
    if (!view_eq(view_of(head, n), view_of("SQLite format 3", sizeof(head))))
        return proof_open_text(f, err);
    fclose(f);
    return proof_open_file(path, err);
}

void proof_close(struct proof_source *source)
{
    if (source)
        source->close(source);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_line(struct buf *line, const struct proof_source *source, enum proof_step step,
                     int64_t lines)
{
    struct json_writer w = JSON_WRITER(line);

    buf_reset(line);
    json_put_object(&w);
    switch (step) {
    case PROOF_ROW:
        json_put_key(&w, view_str(row_table(source->row.kind)->in_text));
        row_put_json(&w, &source->row);
        break;
    case PROOF_OLD:
        json_put_key(&w, VIEW("old"));
        json_put_object(&w);
        json_put_member_i64(&w, VIEW("records"), source->old_records);
        json_put_member_i64(&w, VIEW("id"), source->old_id);
        json_put_close(&w);
        break;
    case PROOF_END:
        json_put_key(&w, VIEW("end"));
        json_put_object(&w);
        json_put_member_i64(&w, VIEW("lines"), lines);
        json_put_close(&w);
        break;
    case PROOF_FAILED:
        break;
    }
    json_put_close(&w);
    buf_append_char(line, '\n');
}

bool proof_export(struct proof_source *source, int64_t made_ms, FILE *out, struct error *err)
{
    struct buf line = BUF_MAX(LINE_BYTES);
    enum proof_step step = PROOF_ROW;
    int64_t lines = 1;

    fprintf(out, "{\"weir_proof\":1,\"made_ms\":%lld}\n", (long long)made_ms);
    while (step != PROOF_END) {
        step = source->next(source, err);
        if (step == PROOF_FAILED)
            break;
        put_line(&line, source, step, ++lines);
        if (!buf_ok(&line) || fwrite(line.p, 1, line.len, out) != line.len) {
            error_set(err, ERROR_IO, "the export could not be written");
            step = PROOF_FAILED;
            break;
        }
    }
    buf_done(&line);
    return step == PROOF_END;
}
