/* Reading an engine's load from it, over and over. */
#pragma once

#include "fleet/fleet.h"

/* What of a node's endpoints is switched off; looked at again now and then, as an engine may come
 * back with other switches. */
struct load_reader {
    unsigned slots_off, metrics_off; /* readings until it is asked again */
};

/* Whether this kind of engine says anything of its load, and the node is ours. */
bool load_can_be_read(const struct node *n);

/* One reading. False: nothing could be learnt. A slow or failing answer says nothing of the node's
 * health: llama.cpp answers from its decoding loop. Must run in a task. */
bool load_read(struct load_reader *r, struct fleet *f, struct node *n,
               const struct config_backend *backend, struct node_load *ret_load,
               struct error *err) MUST_CHECK;
