/* Node hours on their way to the file: copies, in the order in which they came. */
#pragma once

#include "ledger/record.h"

struct hours_entry {
    struct hours_entry *next;
    struct ledger_node_hours hours; /* its views point behind this struct */
};

/* NULL without memory. */
struct hours_entry *hours_new(const struct ledger_node_hours *hours);
void hours_free_all(struct hours_entry *list);

/* Appends `more` to `*list`. Where the same node follows itself the entry grows instead, so that
 * the list stays as short as there are nodes however long the file takes no writes. */
void hours_join(struct hours_entry **list, struct hours_entry *more);
