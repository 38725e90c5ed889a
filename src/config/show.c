/* Printing a snapshot as YAML that loads again, from the same table that reads it. */
#include "config/load.h"
#include "config/values.h"

#include <stdio.h>

static bool is_plain(struct view v)
{
    if (v.n == 0 || view_eq_nocase(v, VIEW("null")))
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char c = ascii_lower(v.p[i]);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        /* "a:b" is a plain text, "a: b" and "a:" are not */
        bool colon = c == ':' && i > 0 && i + 1 < v.n;
        if (!letter && !(i > 0 && strchr("._-/", c)) && !colon && !(i == 0 && c == '/'))
            return false;
    }
    return true;
}

static void quoted(struct buf *out, struct view v, bool escape_variables)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '"' || v.p[i] == '\\')
            buf_append_char(out, '\\');
        if (escape_variables && v.p[i] == '$' && i + 1 < v.n && v.p[i + 1] == '{')
            buf_append_char(out, '$');
        buf_append_char(out, v.p[i]);
    }
    buf_append_char(out, '"');
}

void show_text(struct buf *out, struct view text)
{
    if (is_plain(text))
        buf_append(out, text);
    else
        quoted(out, text, true);
}

void show_key_text(struct buf *out, struct view text)
{
    if (is_plain(text))
        buf_append(out, text);
    else
        quoted(out, text, false);
}

static void begin_line(struct show *s)
{
    unsigned indent = s->dash ? s->indent - 2 : s->indent;

    for (unsigned i = 0; i < indent; i++)
        buf_append_char(s->out, ' ');
    if (s->dash)
        buf_append_lit(s->out, "- ");
    s->dash = false;
}

void show_key(struct show *s, struct view key)
{
    begin_line(s);
    show_key_text(s->out, key);
    buf_append_char(s->out, ':');
}

void show_value(struct show *s, struct view text)
{
    buf_append_char(s->out, ' ');
    show_text(s->out, text);
    buf_append_char(s->out, '\n');
}

void show_secret(struct show *s, struct view key, struct view shown)
{
    if (shown.n == 0)
        return;
    show_key(s, key);
    buf_append_lit(s->out, " \"");
    buf_append(s->out, shown);
    buf_append_lit(s->out, "\"\n");
}

void show_item(struct show *s)
{
    s->dash = true;
}

void show_fraction(struct buf *out, double value)
{
    value_write_decimal(out, (int64_t)(value * 1e6 + 0.5), 6);
}

void option_write(const struct option *o, const void *record, struct buf *out)
{
    const void *field = (const char *)record + o->offset;

    switch (o->kind) {
    case OPTION_ADDRESS:
        buf_append(out, ((const struct config_listen *)field)->text);
        break;
    case OPTION_BOOL:
        buf_append(out, *(const bool *)field ? VIEW("true") : VIEW("false"));
        break;
    case OPTION_COUNT:
        buf_append_u64(out, *(const unsigned *)field);
        break;
    case OPTION_SIZE:
        value_write_size(out, *(const size_t *)field);
        break;
    case OPTION_DURATION:
        value_write_duration(out, *(const int64_t *)field);
        break;
    case OPTION_FRACTION:
        show_fraction(out, *(const double *)field);
        break;
    case OPTION_NAME:
    case OPTION_TEXT:
        buf_append(out, *(const struct view *)field);
        break;
    case OPTION_CHOICE:
        buf_append(out, value_choice_at(o->type, *(const unsigned *)field));
        break;
    case OPTION_MONEY:
        value_write_decimal(out, *(const int64_t *)field, 9);
        break;
    case OPTION_PRICE:
        value_write_decimal(out, *(const int64_t *)field, 6);
        break;
    case OPTION_GROUP:
    case OPTION_CUSTOM:
        break;
    }
}

/* Nothing was given where nothing stands in for it. */
static bool is_unset(const struct option *o, const void *record)
{
    const void *field = (const char *)record + o->offset;

    if (o->fallback[0] != '(' || strcmp(o->fallback, "(required)") == 0)
        return false;
    if (o->kind == OPTION_TEXT || o->kind == OPTION_NAME)
        return ((const struct view *)field)->n == 0;
    if (o->kind == OPTION_COUNT)
        return *(const unsigned *)field == 0;
    if (o->kind == OPTION_SIZE)
        return *(const size_t *)field == 0;
    if (o->kind == OPTION_FRACTION)
        return *(const double *)field < 0;
    if (o->kind == OPTION_DURATION)
        return *(const int64_t *)field == 0;
    return o->kind == OPTION_MONEY && *(const int64_t *)field == 0;
}

static void show_group(const struct option *o, const void *record, struct show *s)
{
    bool dash = s->dash;
    size_t before = s->out->len;

    show_key(s, view_str(option_key(o)));
    buf_append_char(s->out, '\n');
    size_t empty = s->out->len;
    s->indent += 2;
    options_show(o->path, record, s);
    s->indent -= 2;
    if (s->out->len == empty) {
        s->out->len = before;
        s->dash = dash;
    }
}

void options_show(const char *prefix, const void *record, struct show *s)
{
    const struct option *o = NULL;

    while ((o = option_next(prefix, o))) {
        if (o->kind == OPTION_GROUP) {
            show_group(o, record, s);
        } else if (o->kind == OPTION_CUSTOM) {
            o->show(record, s);
        } else if (!is_unset(o, record)) {
            struct buf value = BUF_MAX(TREE_MAX_TEXT);
            option_write(o, record, &value);
            show_key(s, view_str(option_key(o)));
            show_value(s, buf_view(&value));
            buf_done(&value);
        }
    }
}

void config_show(const struct config *c, struct buf *out)
{
    struct show s = {.out = out};

    options_show("", c, &s);
}
