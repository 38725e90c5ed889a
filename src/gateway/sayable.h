/*
 * Which candidates can be told a request at all. A candidate whose dialect has no words for one of
 * its fields would give another answer, so it is left out of the plan before anything is sent; so
 * is one that has no endpoint for it.
 */
#pragma once

#include "llm/request.h"
#include "policy/policy.h"

/*
 * Moves those candidates to the plan's skipped ones, the field in the reason ("tools[0].type:
 * anthropic has no web_search"). Candidates that speak the request's own dialect cost nothing; for
 * the others the full reading is made, in `request_arena`, and kept in the request. Reasons are
 * put into `plan_arena`.
 *
 * Ollama's load requests concern only engines that speak its dialect, inside; with none of them
 * left Weir answers itself (recall.c).
 *
 * False when no candidate is left, with BAD_VALUE and the field that the first one has no words
 * for; with NO_MEMORY.
 */
bool sayable_sift(const struct config *config, struct llm_request *request,
                  struct arena *request_arena, struct plan *plan, struct arena *plan_arena,
                  struct error *err) MUST_CHECK;
