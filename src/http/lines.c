#include "http/lines.h"

static struct view without_cr(struct view v)
{
    return v.n > 0 && v.p[v.n - 1] == '\r' ? view_first(v, v.n - 1) : v;
}

enum line_result line_next(struct line_reader *r, struct view *input, struct view *ret_line)
{
    if (r->emitted) {
        buf_done(&r->carry);
        r->emitted = false;
    }
    while (input->n > 0) {
        size_t at = view_find_char(*input, '\n');
        struct view piece = view_first(*input, at == VIEW_NPOS ? input->n : at), line = piece;
        *input = view_skip(*input, at == VIEW_NPOS ? input->n : at + 1);
        if (at == VIEW_NPOS || r->carry.len > 0) {
            buf_append(&r->carry, piece);
            if (!buf_ok(&r->carry))
                return LINE_TOO_LONG;
            line = buf_view(&r->carry);
        }
        if (at == VIEW_NPOS)
            break;
        r->emitted = r->carry.len > 0;
        line = without_cr(line);
        if (line.n > 0) {
            *ret_line = line;
            return LINE_FOUND;
        }
        buf_reset(&r->carry);
        r->emitted = false;
    }
    return LINE_MORE;
}

void line_reader_done(struct line_reader *r)
{
    buf_done(&r->carry);
}
