/*
 * The linear model behind the inspection: a table of rows of sixteen 8-bit weights, one a head.
 * The score of a head is scale x sum / sqrt(number of rows), for the rows of the user's message and
 * for those of the system message, added.
 */
#pragma once

#include "config/config.h"
#include "inspect/features.h"

enum { MODEL_HEAD_HARD = TASK_COUNT }; /* log odds that a small model will not do */
#define MODEL_HEADS 16

/* The file models/inspect.bin: this head, little-endian, and the rows behind it. */
struct model {
    char magic[8];
    uint32_t table_bits, heads;
    float scale[MODEL_HEADS];
    uint8_t pad[48];             /* rows begin on a cache line */
    uint8_t rows[][MODEL_HEADS]; /* weight + 128 */
};

#define MODEL_MAGIC "WEIRINS1"

/* The weights that are built into the program. */
extern const struct model model_built_in;

/* What these rows add to the scores. */
void model_add(const struct model *model, const struct features *features,
               float scores[MODEL_HEADS]);
