/*
 * GGUF, the file of models that llama.cpp and Ollama read: its header, its metadata and the list of
 * its tensors, not their data.
 *
 * The format, after ggml's specification (docs/gguf.md of ggml), version 2 and 3, little-endian:
 *
 *     "GGUF", u32 version, u64 tensors, u64 keys
 *     keys times:     string key, u32 type, value
 *     tensors times:  string name, u32 dimensions, u64 size of each, u32 type, u64 offset
 *     padding to general.alignment (32), then the data that the offsets count from
 *
 * A string is a u64 length and that many bytes; an array is a u32 type, a u64 count and its values.
 * Keys are `general.*`, those of the architecture (`llama.block_count`), and the tokenizer's.
 *
 * The bytes are a stranger's: each length and count is checked against what is left, and nothing is
 * allocated. The time is linear in the metadata.
 */
#pragma once

#include "llm/shape.h"

enum { GGUF_MAX_KEYS = 1 << 16, GGUF_MAX_TENSORS = 1 << 20 };

/* `file` is the whole file: a tensor that would end behind it is one of a download that was cut. */
bool gguf_read(struct view file, struct model_shape *ret_shape, struct error *err) MUST_CHECK;
