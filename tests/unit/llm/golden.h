/* Recorded exchanges of tests/golden/, opened for the tests. */
#pragma once

#include "base/buf.h"

struct golden {
    struct buf file;
    struct buf body; /* of the response, without its chunked coding */
    struct view request;
    int status;
};

/* `name` is "vllm/chat.http". Fails the test when the file is not as expected. */
void golden_open(struct golden *g, const char *name);
void golden_close(struct golden *g);

/* The data of the next event of a stream in `*rest`; false at its end. One line an event, as the
 * engines send them. */
bool golden_event(struct view *rest, struct view *ret_data);

/* A copy with each `from` replaced, by memmem() alone: what the product's edits are held against.
 */
void golden_replace(struct view text, struct view from, struct view to, struct buf *out);
