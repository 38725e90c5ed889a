/* The readers and printers that rows of options.def name; each file of the folder defines those of
 * its part. */
#pragma once

#include "config/load.h"

#define OPTION(...)
#define CHOICE(...)
#define GROUP(...)
#define CUSTOM(path, name, ...)                                                   \
    bool read_##name(struct load *l, const struct tree_node *node, void *record); \
    void show_##name(const void *record, struct show *s);
#include "config/options.def"
#undef OPTION
#undef CHOICE
#undef GROUP
#undef CUSTOM
