/* What `weir check` says of windows and memory. */
#pragma once

#include "config/config.h"

/* Warns when `window` tokens of each of the model's conversations need more memory than a node of
 * the backend has. Says nothing where the config does not name the memory and the model's file. */
void check_memory(const struct config_backend *b, const struct config_model *m, uint32_t window);

/* The longest window of each side, of models that chat. */
struct check_windows {
    uint32_t longest[SIDE_COUNT];
    bool unknown[SIDE_COUNT]; /* some model does not tell its own */
};

void check_windows_add(struct check_windows *w, enum side side, uint32_t window);
/* Says up to where requests that must stay inside can be answered, where that is less than what
 * outside could. */
void check_windows_print(const struct check_windows *w);
