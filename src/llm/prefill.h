/*
 * A request that another backend goes on with: the same request with one turn more, the
 * assistant's, which holds what was said so far.
 */
#pragma once

#include "llm/neutral.h"

/* Whether an engine that is asked in this dialect goes on with the assistant's last turn, instead
 * of answering it. */
bool llm_goes_on(enum engine engine, enum llm_dialect asked, struct view model);

/* Whether the answer to a request can be gone on with at all: one text, bound to no form, without
 * log probabilities, and not begun by the client itself. */
bool llm_may_go_on(const struct llm_neutral *request);

/* The request, in its own dialect, with that turn, and with as many tokens less to be said as were
 * said already. False: its dialect has no such turn, what was read of it cannot be read again, or
 * no memory. */
bool llm_prefill(const struct llm_request *request, struct view said, uint32_t spent,
                 struct arena *a, struct llm_request *ret, struct error *err) MUST_CHECK;

/*
 * Ollama's templates end each turn, so that a chat is not gone on with. The engine renders the chat
 * first (`chat` is a body for /api/chat, whose last turn ends with the mark) and generates raw from
 * what stands before the mark.
 */
#define LLM_PREFILL_MARK VIEW("#weir-goes-on-from-here#")
void llm_prefill_render(struct view chat, struct buf *out);
/* The body for /api/generate. False: what was rendered has no mark, or no memory. */
bool llm_prefill_generate(struct view chat, struct view rendered, struct arena *a,
                          struct buf *out) MUST_CHECK;
