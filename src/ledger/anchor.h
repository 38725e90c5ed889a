/*
 * Anchors: each checkpoint is also told to somebody outside of this machine's reach: a line
 * appended to a file on other storage, or to syslog. A thread of its own does it, because such
 * storage may hang; a checkpoint that comes meanwhile takes the place of the one that waits, for
 * the last says all that the ones before did.
 */
#pragma once

#include "ledger/row.h"

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ANCHOR_LINE_BYTES = 2048 };

struct anchor_options {
    struct view file; /* empty: none */
    bool syslog;
};

struct anchor;

/* NULL without an error (`ret_anchor`) when the options name no place. The file is opened now: one
 * that cannot be is an error. */
bool anchor_start(const struct anchor_options *options, struct anchor **ret_anchor,
                  struct error *err) MUST_CHECK;
/* Waits a little for what is queued; storage that hangs is left alone. Accepts NULL. */
void anchor_stop(struct anchor *a);
/* Copies the checkpoint. Never waits. Accepts NULL. */
void anchor_tell(struct anchor *a, const struct row *checkpoint);
/* How many could not be told. */
uint64_t anchor_failures(struct anchor *a);

/* The line of an anchor, without a newline. */
void anchor_line(const struct row *checkpoint, struct buf *out);
