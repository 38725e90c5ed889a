/*
 * The config.json of a model on Hugging Face: from its fields the weights are counted, since the
 * file does not say how many there are. Decoders of the usual build are known: gated feed-forward
 * layers, grouped heads, experts, sliding windows, latent attention (MLA). What sees or hears
 * beside the language model is not counted.
 */
#pragma once

#include "llm/shape.h"

/* `type`: how the weights are stored, instead of what the file says; NULL: as it says. */
bool hf_config_read(struct view json, const struct weight_type *type, struct model_shape *ret_shape,
                    struct error *err) MUST_CHECK;
