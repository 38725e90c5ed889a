#include "inspect/model.h"

#include <math.h>

_Static_assert(sizeof(struct model) % 64 == 0, "rows begin on a cache line");

typedef uint16_t lanes __attribute__((vector_size(16)));

/* Rows that fit into 16-bit sums of 8-bit values. */
#define BATCH 256

void model_add(const struct model *model, const struct features *features,
               float scores[MODEL_HEADS])
{
    unsigned count = features->n;
    int32_t sums[MODEL_HEADS];
    for (unsigned k = 0; k < MODEL_HEADS; k++)
        sums[k] = -128 * (int32_t)count;
    for (unsigned at = 0; at < count; at += BATCH) {
        unsigned n = count - at < BATCH ? count - at : BATCH;
        lanes even = {0}, odd = {0};
        for (unsigned i = 0; i < n; i++) {
            lanes row;
            memcpy(&row, model->rows[features->rows[at + i]], sizeof row);
            even += row & 0xFF;
            odd += row >> 8;
        }
        for (unsigned k = 0; k < MODEL_HEADS / 2; k++) {
            sums[2 * k] += even[k];
            sums[2 * k + 1] += odd[k];
        }
    }
    float norm = count ? 1 / sqrtf((float)count) : 0;
    for (unsigned k = 0; k < MODEL_HEADS; k++)
        scores[k] += model->scale[k] * norm * (float)sums[k];
}
