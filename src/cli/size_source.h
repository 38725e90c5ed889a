/* Where `weir size` reads the shape of a model from. */
#pragma once

#include "llm/shape.h"

/* A GGUF file with its other parts beside it, or a config.json. `type`: how the weights of the
 * latter are stored, instead of what it says; NULL: as it says. */
bool size_source_read(const char *path, const struct weight_type *type,
                      struct model_shape *ret_shape, bool *ret_gguf, struct error *err) MUST_CHECK;
