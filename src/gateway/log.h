/* The log lines that more than one file of this folder writes. */
#pragma once

#include "base/log.h"
#include "fleet/node.h"

static inline void log_node_opened(const struct node *n, const struct error *why)
{
    char text[sizeof(why->text)];

    memcpy(text, why->text, sizeof(text));
    for (char *c = text; *c; c++)
        if (*c == '"')
            *c = '\''; /* the upstream's own words end where we say */
    log_warn("node_open", "backend=%.*s node=%.*s why=\"%s\" (asked again by Weir's own probe)",
             VIEW_ARG(n->backend), VIEW_ARG(n->text), text);
}
