#include "http/sse.h"

/* A line end is looked for in pieces of this size, so that a stream whose lines end in CR alone
 * does not have all of its rest searched for LF again and again. */
enum { SEARCH_BYTES = 512 };

/* What stands between two empty lines, with the ends of its lines. */
struct block {
    struct view text;
    bool single; /* known to be one line */
};

struct sse_reader sse_reader_new(size_t max_event)
{
    /* The second half is for joined data, beside the event that was collected. */
    return (struct sse_reader){.carry = BUF_MAX(2 * max_event), .max_event = max_event};
}

void sse_reader_done(struct sse_reader *r)
{
    buf_done(&r->carry);
}

bool sse_reader_inside_event(const struct sse_reader *r)
{
    return r->carry.len > 0 && !r->carry_emitted;
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static size_t find_line_end(struct view v, size_t from)
{
    while (from < v.n) {
        struct view piece = view_first(view_skip(v, from), SEARCH_BYTES);
        size_t lf = view_find_char(piece, '\n');
        size_t cr = view_find_char(view_first(piece, lf), '\r');
        if (cr != VIEW_NPOS)
            return from + cr;
        if (lf != VIEW_NPOS)
            return from + lf;
        from += piece.n;
    }
    return VIEW_NPOS;
}

static size_t behind_line_end(struct view v, size_t at)
{
    return at + 1 + (v.p[at] == '\r' && at + 1 < v.n && v.p[at + 1] == '\n');
}

/* Where the empty line stands that ends the block; VIEW_NPOS: not yet. */
static size_t find_empty_line(struct view v, bool at_line_start, unsigned *ret_lines)
{
    size_t at = 0;

    for (*ret_lines = 0;; ++*ret_lines) {
        if (at_line_start && at == v.n)
            return VIEW_NPOS;
        if (at_line_start && is_line_end(v.p[at]))
            return at;
        at = find_line_end(v, at);
        if (at == VIEW_NPOS)
            return VIEW_NPOS;
        at = behind_line_end(v, at);
        at_line_start = true;
    }
}

static void skip(struct sse_reader *r, struct view *input, size_t n)
{
    r->skip_lf = n && input->p[n - 1] == '\r';
    *input = view_skip(*input, n);
}

static bool fits(struct sse_reader *r, size_t n)
{
    if (n > r->max_event - r->carry.len)
        r->carry.failed = true;
    return !r->carry.failed;
}

/* The LF of a CR LF that was cut in two is no line of its own, but it counts. */
static bool take_lf(struct sse_reader *r, struct view *input)
{
    if (r->carry.len && fits(r, 1))
        buf_append_char(&r->carry, '\n');
    skip(r, input, 1);
    return !r->carry.failed;
}

/* Takes the rest of a block from the input, or all of it into the carry; false: no block yet, or
 * the carry has failed. */
static bool take_block(struct sse_reader *r, struct view *input, struct block *ret_block)
{
    unsigned lines;

    if (r->skip_lf && input->n && input->p[0] == '\n' && !take_lf(r, input))
        return false;
    while (r->carry.len == 0 && input->n && is_line_end(input->p[0]))
        skip(r, input, 1);
    if (input->n == 0)
        return false;

    bool at_line_start = r->carry.len && is_line_end(r->carry.p[r->carry.len - 1]);
    size_t end = find_empty_line(*input, at_line_start, &lines);
    struct view piece = view_first(*input, end);
    if (!fits(r, piece.n))
        return false;
    skip(r, input, end == VIEW_NPOS ? piece.n : behind_line_end(*input, end));
    if (end != VIEW_NPOS && r->carry.len == 0) {
        *ret_block = (struct block){piece, lines == 1};
        return true;
    }
    buf_append(&r->carry, piece);
    /* Room for joined data, now: the views of the event must not be moved by it. */
    if (end == VIEW_NPOS || !buf_reserve(&r->carry, r->carry.len))
        return false;
    *ret_block = (struct block){buf_view(&r->carry), false};
    return true;
}

/* The next line, without its end. */
static struct view take_line(struct block *b)
{
    size_t end = b->single ? b->text.n - 1 : find_line_end(b->text, 0);
    if (b->single && end && b->text.p[end - 1] == '\r')
        end--;
    struct view line = view_first(b->text, end);
    b->text = view_skip(b->text, behind_line_end(b->text, end));
    return line;
}

/* False: the block holds no event. */
static bool read_block(struct sse_reader *r, struct block b, struct sse_event *ret_event)
{
    struct sse_event event = {0};
    unsigned n_data = 0;
    bool comment = false;
    size_t joined = r->carry.len;

    if (!r->started && view_starts(b.text, VIEW("\xef\xbb\xbf")))
        b.text = view_skip(b.text, 3);
    r->started = true;
    while (b.text.n) {
        struct view value = take_line(&b);
        if (value.n && value.p[0] == ':') {
            comment = true;
            continue;
        }
        struct view field = view_cut(&value, ':');
        if (value.n && value.p[0] == ' ')
            value = view_skip(value, 1);
        if (view_eq(field, VIEW("event")))
            event.name = value;
        if (!view_eq(field, VIEW("data")))
            continue; /* `id` and `retry` are for clients that connect again */
        if (n_data++ == 0) {
            event.data = value;
            continue;
        }
        if (n_data == 2)
            buf_append(&r->carry, event.data);
        buf_append_char(&r->carry, '\n');
        buf_append(&r->carry, value);
    }
    if (n_data > 1)
        event.data = view_skip(buf_view(&r->carry), joined);
    event.comment = comment && n_data == 0;
    if (r->carry.failed || (n_data == 0 && !comment))
        return false;
    *ret_event = event;
    return true;
}

enum sse_result sse_next(struct sse_reader *r, struct view *input, struct sse_event *ret_event)
{
    struct block block;

    if (r->carry_emitted)
        buf_reset(&r->carry);
    r->carry_emitted = false;
    while (!r->carry.failed && take_block(r, input, &block)) {
        if (read_block(r, block, ret_event)) {
            r->carry_emitted = r->carry.len > 0;
            return SSE_EVENT;
        }
        if (!r->carry.failed)
            buf_reset(&r->carry);
    }
    return r->carry.failed ? SSE_TOO_LONG : SSE_MORE;
}
