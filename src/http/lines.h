/*
 * Lines cut out of a byte stream (newline-delimited JSON); no I/O. A line that lies whole in the
 * input is a view into it; one that comes in pieces is collected, up to a maximum. Empty lines are
 * skipped.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct line_reader {
    struct buf carry; /* the beginning of a line whose end did not come yet */
    bool emitted;     /* the carried line was handed out and goes with the next call */
};

#define LINE_READER(max_line) ((struct line_reader){.carry = BUF_MAX(max_line)})

enum line_result { LINE_MORE, LINE_FOUND, LINE_TOO_LONG };

/* `*ret_line` is without its end (LF or CR LF) and valid until the next call. */
enum line_result line_next(struct line_reader *r, struct view *input,
                           struct view *ret_line) MUST_CHECK;
void line_reader_done(struct line_reader *r);
