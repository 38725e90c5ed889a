/* Events of a stream whose bytes pass; private to llm/. */
#pragma once

#include "base/buf.h"
#include "llm/request.h"

/* Data of an event that may come in several lines, where JSON has white space: each gets its field
 * name, the first one has it. */
void llm_pass_lines(struct buf *out, struct view text);
/* A value of the event that the client gets another one for. */
struct llm_swap {
    struct view there; /* in the event's data, with its quotes; empty: nothing to swap */
    struct view instead;
};
/* An event, framed, with `name` (it may be empty) and the swaps made, which stand in the order of
 * the data. */
void llm_pass_event(struct buf *out, struct view name, struct view data,
                    const struct llm_swap *swaps, unsigned n_swaps);
