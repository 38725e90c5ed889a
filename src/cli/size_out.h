/* What `weir size` prints. */
#pragma once

#include "economics/size.h"

struct size_report {
    const char *path;
    struct model_shape shape;
    struct size_plan plan;
    struct size_need need;
};

void size_print_text(const struct size_report *r);
void size_print_json(const struct size_report *r);
