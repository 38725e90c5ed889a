/* What a system message adds to the judgement of a request, remembered by its bytes. */
#pragma once

#include "inspect/inspect.h"
#include "inspect/model.h"
#include "llm/tokens.h"

struct system_sums {
    struct tokens tokens;
    float scores[MODEL_HEADS];
};

/* `memory` may be NULL. */
void system_read(struct inspect_memory *memory, struct view text, struct system_sums *ret_sums);
