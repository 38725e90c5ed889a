/*
 * A table for a terminal: cells are collected, then written with columns as wide as they need to
 * be. Control characters in cells are shown as '?', so that no stored text can drive a terminal.
 */
#pragma once

#include "base/arena.h"

#include <stdio.h>

enum { TABLE_MAX_COLUMNS = 16, TABLE_MAX_WIDTH = 44 };

struct table {
    struct arena *arena;
    unsigned columns;
    unsigned right;     /* bit i: column i is aligned to the right */
    struct view **rows; /* each of `columns` cells */
    unsigned n, cap;
    bool failed;
};

/* `headings` are separated by '|'; one that begins with '>' is aligned to the right. */
bool table_init(struct table *t, const char *headings);
void table_done(struct table *t);
/* Begins a row of empty cells. */
void table_row(struct table *t);
/* Sets a cell of the row begun last; too long a text is cut, with an ellipsis. */
void table_cell(struct table *t, unsigned column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* False when it did not fit in memory; then nothing is written. */
bool table_write(const struct table *t, FILE *out);

/* `v` without control characters and malformed UTF-8. */
void table_write_clean(struct view v, FILE *out);
