/*
 * The proof of thinking: what a provider signs or encrypts (Anthropic's signatures and
 * redacted_thinking, the encrypted_content of OpenAI Responses), for itself alone. Clients send it
 * back with the conversation, and another provider would refuse it.
 *
 * A client of another dialect gets it marked with whose it is. The marked form is what clients keep
 * untouched, an opaque string in the client's own field; it is taken off again for the provider
 * that the proof is for, and no other gets it:
 *
 *     weir.anthropic.812.EqQB...          of a thinking text of 812 bytes
 *     weir.anthropic.redacted.EmwK...     there is no text
 *     weir.openai-responses.rs_68a.gAAA...
 *     weir.openai-chat.40.                thinking that its provider does not prove
 */
#pragma once

#include "llm/neutral.h"

/* `ev` is the LLM_EV_SIGNATURE of a backend that speaks `made_by`; `text_bytes` counts the thinking
 * before it. The marked form, in the arena; empty without memory. */
struct view llm_proof_mark(enum llm_dialect made_by, const struct llm_ev *ev, uint64_t text_bytes,
                           struct arena *a);

/* Puts the proof that a client of `client` sent, marked or not, into a thinking part whose text is
 * known. True: it was marked, so it is for no provider of the client's own dialect. A text that
 * came back changed has no proof any more. */
bool llm_proof_read(enum llm_dialect client, struct view text, struct llm_part *part);

/* The proof of a thinking part for a provider of this dialect; empty: it has none for that. */
struct view llm_proof_for(enum llm_dialect dialect, const struct llm_part *part);

/* Keeps the span of an item whose proof was marked: passing the body on leaves it out. False
 * without memory. */
bool llm_proof_foreign(struct llm_neutral *n, struct llm_span item, struct arena *a) MUST_CHECK;

/* The body without those items, for a provider of the client's own dialect: the same bytes when
 * there are none. Empty without memory. */
struct view llm_proof_pass(const struct llm_request *request, struct arena *a);
