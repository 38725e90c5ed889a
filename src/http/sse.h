/*
 * Server-sent events (the WHATWG event stream), cut out of a byte stream; no I/O.
 *
 * An event that lies whole in the input is a view into it; one that comes in pieces is collected
 * in the reader, up to the maximum that the reader was made with. Lines end in LF, CR LF or CR.
 * A byte order mark at the start is skipped. `id` and `retry` are read over, and so is a block that
 * has neither data nor a comment.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct sse_reader {
    struct buf carry; /* the beginning of an event whose end did not come yet, or joined data */
    /* the rest is the reader's own */
    size_t max_event;
    bool started, carry_emitted, skip_lf;
};

struct sse_event {
    struct view data; /* the data lines, joined by LF, without the end; valid until the next call */
    struct view name; /* the event field; empty when there was none */
    bool comment;     /* a comment and no data: a ping */
};

enum sse_result {
    SSE_MORE, /* `*input` is used up */
    SSE_EVENT,
    SSE_TOO_LONG, /* an event is longer than the reader's maximum, or there is no memory for it;
                     the stream cannot be read on */
};

/* `max_event` counts an event's bytes as sent. The reader allocates only for events that come in
 * pieces or have several data lines, at most twice the maximum. */
struct sse_reader sse_reader_new(size_t max_event);
void sse_reader_done(struct sse_reader *r);

/* True when the stream stopped inside an event. */
bool sse_reader_inside_event(const struct sse_reader *r);

enum sse_result sse_next(struct sse_reader *r, struct view *input,
                         struct sse_event *ret_event) MUST_CHECK;
