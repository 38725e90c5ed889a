#include "cli/table.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>

enum { CELL_BYTES = 4 * TABLE_MAX_WIDTH };

static size_t width(struct view v)
{
    size_t n = 0;

    for (; v.n; n++)
        utf8_take(&v);
    return n;
}

bool table_init(struct table *t, const char *headings)
{
    struct view rest = view_str(headings);

    *t = (struct table){.arena = arena_new(64 << 20), .columns = 0};
    if (!t->arena)
        return false;
    for (const char *p = headings; *p; p++)
        t->columns += *p == '|';
    t->columns++;
    table_row(t);
    for (unsigned i = 0; i < t->columns; i++) {
        struct view heading = view_cut(&rest, '|');
        if (view_starts(heading, VIEW(">"))) {
            t->right |= 1u << i;
            heading = view_skip(heading, 1);
        }
        table_cell(t, i, "%.*s", VIEW_ARG(heading));
    }
    return true;
}

void table_done(struct table *t)
{
    arena_free(t->arena);
    free(t->rows);
    *t = (struct table){NULL};
}

void table_row(struct table *t)
{
    struct view *cells = arena_new_array(t->arena, struct view, t->columns);

    if (cells && t->n == t->cap) {
        unsigned cap = t->cap ? 2 * t->cap : 32;
        struct view **grown = realloc(t->rows, cap * sizeof(struct view *));
        if (grown) {
            t->rows = grown;
            t->cap = cap;
        }
    }
    if (!cells || t->n == t->cap)
        t->failed = true;
    else
        t->rows[t->n++] = cells;
}

static struct view cut(struct view v)
{
    struct view rest = v;

    for (size_t n = 0; rest.n; n++) {
        if (n == TABLE_MAX_WIDTH - 1 && width(rest) > 1)
            return view_first(v, v.n - rest.n);
        utf8_take(&rest);
    }
    return v;
}

void table_cell(struct table *t, unsigned column, const char *format, ...)
{
    char text[CELL_BYTES + 8];
    va_list args;

    va_start(args, format);
    vsnprintf(text, CELL_BYTES, format, args);
    va_end(args);
    struct view whole = view_str(text), shown = cut(whole);
    if (shown.n < whole.n)
        memcpy(text + shown.n, "\u2026", sizeof("\u2026"));
    if (!t->failed)
        t->rows[t->n - 1][column] = arena_dup(t->arena, view_str(text));
}

void table_write_clean(struct view v, FILE *out)
{
    char bytes[4];

    while (v.n) {
        uint32_t c = utf8_take(&v);
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            c = '?';
        fwrite(bytes, 1, utf8_put(bytes, c), out);
    }
}

static void write_row(const struct table *t, struct view *cells, const size_t *widths, FILE *out)
{
    for (unsigned i = 0; i < t->columns; i++) {
        int pad = (int)(widths[i] - width(cells[i]));
        bool right = t->right & 1u << i;
        if (right)
            fprintf(out, "%*s", pad, "");
        table_write_clean(cells[i], out);
        if (i + 1 < t->columns)
            fprintf(out, "%*s", (right ? 0 : pad) + 2, "");
    }
    fputc('\n', out);
}

bool table_write(const struct table *t, FILE *out)
{
    size_t widths[TABLE_MAX_COLUMNS] = {0};

    if (t->failed || arena_failed(t->arena))
        return false;
    for (unsigned row = 0; row < t->n; row++)
        for (unsigned i = 0; i < t->columns; i++) {
            size_t w = width(t->rows[row][i]);
            widths[i] = w > widths[i] ? w : widths[i];
        }
    for (unsigned row = 0; row < t->n; row++)
        write_row(t, t->rows[row], widths, out);
    return true;
}
