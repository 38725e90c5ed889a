/* A config.json of any bytes: a model that was read has sums that hold. */
#include "llm/hf_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model_shape s;
    struct error err;

    for (unsigned i = 0; i <= n_weight_types; i++) {
        const struct weight_type *type = i < n_weight_types ? &weight_types[i] : NULL;
        if (!hf_config_read(view_of((const char *)data, size), type, &s, &err)) {
            must(err.text[0] != '\0');
            return 0;
        }
        must(s.layers > 0 && s.full.layers + s.sliding.layers <= s.layers);
        must(s.matrix_params <= s.params && s.bytes > 0);
    }
    return 0;
}
