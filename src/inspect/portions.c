#include "inspect/portions.h"

#include "json/reader.h"
#include "json/writer.h"

/* An empty line as it stands in a JSON string; a carriage return before a line's end is part of it.
 */
static bool empty_line_at(struct view body, uint32_t at, uint32_t end)
{
    struct view rest = view_of(body.p + at, end - at);
    return view_starts(rest, VIEW("\\n\\n")) || view_starts(rest, VIEW("\\n\\r\\n"));
}

/* Whether the byte begins an escape: an odd number of backslashes ends with it. */
static bool escapes(struct view body, uint32_t start, uint32_t at)
{
    unsigned n = 0;

    while (at >= start + n && body.p[at - n] == '\\' && n < at - start + 1)
        n++;
    return n % 2 == 1;
}

static uint32_t paragraph_start(struct view body, uint32_t from, uint32_t at)
{
    for (uint32_t i = at; i-- > from;)
        if (empty_line_at(body, i, at) && escapes(body, from, i))
            return i + (body.p[i + 3] == 'n' ? 4 : 6);
    return from;
}

static uint32_t paragraph_end(struct view body, uint32_t from, uint32_t at, uint32_t to)
{
    for (uint32_t i = at; i < to; i++)
        if (empty_line_at(body, i, to) && escapes(body, from, i))
            return i;
    return to;
}

bool portions_find(struct view body, const struct findings *findings, uint32_t classes,
                   struct arena *a, struct portion **ret_portions, unsigned *ret_n,
                   struct error *err)
{
    struct portion *portions = arena_new_array(a, struct portion, findings->n + 1);
    unsigned n = 0;

    if (!portions)
        return error_set(err, ERROR_NO_MEMORY, "no memory to split the request");
    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->all[i];
        if (!(classes & UINT32_C(1) << f->class))
            continue;
        if (!f->maskable || f->string >= findings->n_strings)
            return error_set(err, ERROR_BAD_VALUE, "%s stands where nothing can be cut out",
                             data_class_name((enum data_class)f->class));
        const struct scanned_string *s = &findings->strings[f->string];
        if (n > 0 && f->start < portions[n - 1].end)
            continue; /* of the same paragraph */
        portions[n++] = (struct portion){.start = paragraph_start(body, s->start, f->start),
                                         .end = paragraph_end(body, s->start, f->end, s->end),
                                         .class = f->class};
    }
    *ret_portions = portions;
    *ret_n = n;
    return true;
}

/* Without the quotes around it. */
static void append_escaped(struct buf *out, struct view text)
{
    size_t before = out->len;

    json_quote(out, text);
    if (!buf_ok(out))
        return;
    memmove(out->p + before, out->p + before + 1, out->len - before - 2);
    out->len -= 2;
}

bool portions_replace(struct view body, const struct portion *portions, const struct view *texts,
                      unsigned n, struct arena *a, struct view *ret_body, struct error *err)
{
    size_t most = body.n + 1;
    uint32_t at = 0;

    for (unsigned i = 0; i < n; i++)
        most += texts[i].n * 6 + 2;
    struct buf out = BUF_MAX(most);
    for (unsigned i = 0; i < n; i++) {
        buf_append(&out, view_of(body.p + at, portions[i].start - at));
        append_escaped(&out, texts[i]);
        at = portions[i].end;
    }
    buf_append(&out, view_skip(body, at));
    bool ok = buf_ok(&out);
    if (ok)
        *ret_body = arena_dup(a, buf_view(&out));
    buf_done(&out);
    if (!ok || arena_failed(a))
        return error_set(err, ERROR_NO_MEMORY, "no memory to split the request");
    return true;
}

struct view portion_text(struct view body, const struct portion *p, struct arena *a)
{
    struct buf quoted = BUF_MAX((size_t)(p->end - p->start) + 2);
    struct json_reader r;
    struct json_text text;
    struct view out = VIEW_NONE;

    buf_append_char(&quoted, '"');
    buf_append(&quoted, view_of(body.p + p->start, p->end - p->start));
    buf_append_char(&quoted, '"');
    if (buf_ok(&quoted)) {
        struct view copy = arena_dup(a, buf_view(&quoted));
        json_begin(&r, copy);
        if (json_string(&r, &text))
            out = json_decode(text, a);
    }
    buf_done(&quoted);
    return out;
}
