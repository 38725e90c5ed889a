/* GGUF files, whatever stands in them: a model that was read has sums that hold, and its needs can
 * be counted. */
#include "llm/gguf.h"
#include "economics/size.h"

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
    uint64_t params = 0, bytes = 0;

    if (!gguf_read(view_of((const char *)data, size), &s, &err)) {
        must(err.text[0] != '\0');
        return 0;
    }
    for (unsigned i = 0; i < s.n_parts; i++) {
        params += s.parts[i].params;
        bytes += s.parts[i].bytes;
    }
    must(params == s.params && bytes == s.bytes && s.matrix_params <= s.params);
    must(s.full.layers + s.sliding.layers <= s.layers);
    struct size_plan plan = size_plan_default(SIZE_LLAMACPP);
    plan.context = 4096;
    plan.memory = UINT64_C(24) << 30;
    struct size_need need = size_needed(&s, &plan);
    must(need.total >= need.weights && need.total >= need.cache);
    must(size_most_parallel(&s, &plan) <= SIZE_MAX_PARALLEL);
    return 0;
}
