#include "json/writer.h"

#include "base/utf8.h"
#include "json/reader.h"
#include "json/scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void escape(struct buf *out, char c)
{
    switch (c) {
    case '"':
        buf_append_lit(out, "\\\"");
        break;
    case '\\':
        buf_append_lit(out, "\\\\");
        break;
    case '\n':
        buf_append_lit(out, "\\n");
        break;
    case '\r':
        buf_append_lit(out, "\\r");
        break;
    case '\t':
        buf_append_lit(out, "\\t");
        break;
    default:
        buf_append_lit(out, "\\u00");
        buf_append_char(out, "0123456789abcdef"[(unsigned char)c >> 4]);
        buf_append_char(out, "0123456789abcdef"[c & 15]);
    }
}

void json_quote(struct buf *out, struct view text)
{
    if (!buf_ok(out)) /* whoever writes on learns nothing from the rest of the text */
        return;
    if (!text.p) /* there is no arithmetic with NULL */
        text = VIEW("");
    const char *p = text.p, *end = p + text.n;

    buf_append_char(out, '"');
    while (p < end) {
        const char *from = p;
        p = scan_plain(p, text.p, end);
        buf_append(out, view_of(from, (size_t)(p - from)));
        if (p == end)
            break;
        if ((unsigned char)*p < 0x80) {
            escape(out, *p++);
            continue;
        }
        struct view rest = view_of(p, (size_t)(end - p));
        char put[4];
        uint32_t code = utf8_take(&rest);
        /* Clients that read line by line take these two for the end of one. */
        if (code == 0x2028 || code == 0x2029)
            buf_append(out, code == 0x2028 ? VIEW("\\u2028") : VIEW("\\u2029"));
        else
            buf_append(out, view_of(put, utf8_put(put, code)));
        p = rest.p;
    }
    buf_append_char(out, '"');
}

static void before_value(struct json_writer *w)
{
    if (w->comma)
        buf_append_char(w->out, ',');
    w->comma = true;
}

static void open_level(struct json_writer *w, bool object)
{
    before_value(w);
    if (w->depth == JSON_MAX_DEPTH) {
        w->out->failed = true;
        return;
    }
    w->depth++;
    w->objects = w->objects << 1 | object;
    w->comma = false;
    buf_append_char(w->out, object ? '{' : '[');
}

void json_put_object(struct json_writer *w)
{
    open_level(w, true);
}

void json_put_array(struct json_writer *w)
{
    open_level(w, false);
}

void json_put_close(struct json_writer *w)
{
    if (w->depth == 0) {
        w->out->failed = true;
        return;
    }
    buf_append_char(w->out, w->objects & 1 ? '}' : ']');
    w->depth--;
    w->objects >>= 1;
    w->comma = true;
}

void json_put_key(struct json_writer *w, struct view key)
{
    before_value(w);
    json_quote(w->out, key);
    buf_append_char(w->out, ':');
    w->comma = false; /* the value follows its colon */
}

void json_put_string(struct json_writer *w, struct view text)
{
    before_value(w);
    json_quote(w->out, text);
}

void json_put_raw(struct json_writer *w, struct view json)
{
    before_value(w);
    buf_append(w->out, json);
}

void json_put_u64(struct json_writer *w, uint64_t value)
{
    before_value(w);
    buf_append_u64(w->out, value);
}

void json_put_i64(struct json_writer *w, int64_t value)
{
    before_value(w);
    if (value < 0)
        buf_append_char(w->out, '-');
    buf_append_u64(w->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_put_double(struct json_writer *w, double value)
{
    char text[40];
    int n = 0;

    if (!isfinite(value)) {
        json_put_null(w);
        return;
    }
    for (int precision = 6; precision <= 17; precision++) {
        n = snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    json_put_raw(w, view_of(text, (size_t)n));
}

void json_put_bool(struct json_writer *w, bool value)
{
    json_put_raw(w, value ? VIEW("true") : VIEW("false"));
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, VIEW("null"));
}

void json_put_member_string(struct json_writer *w, struct view key, struct view text)
{
    json_put_key(w, key);
    json_put_string(w, text);
}

void json_put_member_i64(struct json_writer *w, struct view key, int64_t value)
{
    json_put_key(w, key);
    json_put_i64(w, value);
}

void json_put_member_u64(struct json_writer *w, struct view key, uint64_t value)
{
    json_put_key(w, key);
    json_put_u64(w, value);
}

void json_put_member_double(struct json_writer *w, struct view key, double value)
{
    json_put_key(w, key);
    json_put_double(w, value);
}

void json_put_member_bool(struct json_writer *w, struct view key, bool value)
{
    json_put_key(w, key);
    json_put_bool(w, value);
}
