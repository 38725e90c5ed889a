/* The log lines that more than one file of this folder writes. */
#pragma once

#include "base/log.h"
#include "fleet/node.h"

/* Once for each node. */
static inline void log_node_not_inside(struct node *n, const struct error *why)
{
    if (!atomic_exchange(&n->not_inside_told, true))
        log_error("not_inside", "backend=%.*s node=%.*s why=\"%s\" (nothing is sent there)",
                  VIEW_ARG(n->backend), VIEW_ARG(n->text), why->text);
}

/* Models of an inside node that somebody else serves, when there are more than were told. */
static inline void log_remote_models(struct node *n, const struct node_models *m)
{
    unsigned count = node_count_remote(n);

    if (count <= atomic_exchange(&n->remote_told, count))
        return;
    for (unsigned i = 0; m && i < m->n; i++)
        if (m->models[i].remote)
            log_warn("remote_model",
                     "backend=%.*s node=%.*s model=%.*s (served by somebody else: it counts as "
                     "outside)",
                     VIEW_ARG(n->backend), VIEW_ARG(n->text), VIEW_ARG(m->models[i].name));
}

static inline void log_node_opened(const struct node *n, const struct error *why)
{
    log_warn("node_open", "backend=%.*s node=%.*s why=\"%.*s\" (asked again by Weir's own probe)",
             VIEW_ARG(n->backend), VIEW_ARG(n->text), VIEW_ARG(error_own_words(why)));
}

static inline void log_node_slow(const struct node *n)
{
    log_warn("node_open",
             "backend=%.*s node=%.*s why=\"its first tokens come too late\" (asked again by Weir's "
             "own probe)",
             VIEW_ARG(n->backend), VIEW_ARG(n->text));
}

/* Once, until the node answers. */
static inline void log_wrong_key(struct node *n, int status)
{
    if (!atomic_exchange(&n->key_told, true))
        log_error("wrong_key",
                  "backend=%.*s node=%.*s status=%d (it refuses what Weir's key asks for: mend "
                  "backends[].key, or the account)",
                  VIEW_ARG(n->backend), VIEW_ARG(n->text), status);
}

/* Fail closed is no accident that may go unseen. */
static inline void log_scan_failed(const struct error *why)
{
    log_warn("scan_failed", "%.*s (the request stays inside)", VIEW_ARG(error_own_words(why)));
}

static inline void log_unmaskable(const struct error *why)
{
    log_info("unmaskable", "%.*s (the request stays inside)", VIEW_ARG(error_own_words(why)));
}

static inline void log_not_split(const struct error *why)
{
    log_info("not_split", "%.*s (the request stays inside)", VIEW_ARG(error_own_words(why)));
}
