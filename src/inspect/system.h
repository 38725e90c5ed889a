/*
 * What a system message adds to the judgement of a request. Applications send the same one each
 * time, so every thread remembers the last ones it saw, by their bytes, within a fixed memory.
 */
#pragma once

#include "inspect/model.h"
#include "llm/tokens.h"

struct system_sums {
    struct tokens tokens;
    float scores[MODEL_HEADS];
};

void system_read(struct view text, struct system_sums *ret_sums);
