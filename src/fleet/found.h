/*
 * One look for a backend's nodes, where its `discover` says: in the DNS or in a file.
 *
 * What is found is written down as the config's own nodes are. Nothing found is a failure: a fleet
 * is never emptied by a DNS that has lost its records, or by a file that is being written.
 */
#pragma once

#include "config/config.h"

/* A file as it was read last; zeroes for none. */
struct found_stamp {
    uint64_t device, inode;
    int64_t bytes, changed_ns;
};

struct found {
    struct arena *arena;
    struct config_node *nodes; /* in an order that does not depend on the answers' */
    unsigned n;
    bool more; /* than CONFIG_MAX_NODES */
    bool same; /* the file that was seen before was not read again */
};

/* `seen` is read and written for a file. False: ERROR_UPSTREAM_REFUSED, ERROR_UPSTREAM_TIMEOUT,
 * ERROR_BAD_CONFIG (file:line:column), ERROR_CANCELLED, ... In a task; `config` has the backend. */
bool found_look(struct config *config, const struct config_backend *b, struct found_stamp *seen,
                struct found *ret_found, struct error *err) MUST_CHECK;
void found_done(struct found *found);
