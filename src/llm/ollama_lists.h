/*
 * Ollama's small endpoints: the models there are, which are loaded, what one can do, the version.
 * Gateways know less of a model than the engine does: sizes are told as 0, families as "weir".
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "llm/model_lists.h"

/* `since_ns`: wall clock, told as the time when the models last changed. */
void ollama_tags_write(const struct llm_listed *models, size_t n, int64_t since_ns,
                       struct buf *out);
/* Those of them that are loaded. */
void ollama_ps_write(const struct llm_listed *models, size_t n, struct buf *out);
void ollama_show_write(const struct llm_listed *model, int64_t since_ns, struct buf *out);
void ollama_version_write(struct view version, struct buf *out);

/* The model that a request to /api/show names: `model`, or `name` of older clients. */
bool ollama_show_read(struct view body, struct arena *a, struct view *ret_model,
                      struct error *err) MUST_CHECK;

/* The answer to a request without messages or prompt, which only loads a model (`unload`: with
 * keep_alive 0). `generate`: of /api/generate. */
void ollama_load_write(struct view model, bool generate, bool unload, int64_t now_ns,
                       struct buf *out);
