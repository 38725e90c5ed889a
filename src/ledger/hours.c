#include "ledger/hours.h"

#include <stdlib.h>

struct hours_entry *hours_new(const struct ledger_node_hours *hours)
{
    size_t texts = hours->backend.n + hours->node.n;
    struct hours_entry *e = malloc(sizeof(*e) + texts);
    if (!e)
        return NULL;

    char *to = (char *)(e + 1);
    *e = (struct hours_entry){.hours = *hours};
    if (hours->backend.n)
        memcpy(to, hours->backend.p, hours->backend.n);
    if (hours->node.n)
        memcpy(to + hours->backend.n, hours->node.p, hours->node.n);
    e->hours.backend.p = to;
    e->hours.node.p = to + hours->backend.n;
    return e;
}

void hours_free_all(struct hours_entry *list)
{
    while (list) {
        struct hours_entry *next = list->next;
        free(list);
        list = next;
    }
}

static bool follows(const struct ledger_node_hours *before, const struct ledger_node_hours *after)
{
    return before->to_ms == after->from_ms &&
           before->cost_per_hour_nano == after->cost_per_hour_nano &&
           view_eq(before->node, after->node) && view_eq(before->backend, after->backend);
}

static void join_one(struct hours_entry **list, struct hours_entry *entry)
{
    struct hours_entry **at = list;

    for (; *at; at = &(*at)->next)
        if (follows(&(*at)->hours, &entry->hours)) {
            (*at)->hours.to_ms = entry->hours.to_ms;
            (*at)->hours.busy_ms += entry->hours.busy_ms;
            free(entry);
            return;
        }
    entry->next = NULL;
    *at = entry;
}

void hours_join(struct hours_entry **list, struct hours_entry *more)
{
    while (more) {
        struct hours_entry *next = more->next;
        join_one(list, more);
        more = next;
    }
}
