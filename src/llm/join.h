/*
 * The seam between what was said and what another backend says on from there: no byte of the text
 * comes twice and none is missing.
 *
 * White space at the end of what was said is not handed along, because templates and APIs trim it
 * and a model says it again: it is dropped where the second part begins with it. A second part that
 * begins as the first one did comes from a backend that began anew, and is refused.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define LLM_JOIN_SAME 32 /* bytes that show that a backend began anew */

struct llm_join {
    struct view said; /* all of it; not looked at any more once it is open */
    struct buf head;  /* of the second part: held back until it shows what it is */
    bool open;        /* it has shown it: what comes passes */
};

#define LLM_JOIN(text) ((struct llm_join){.said = (text), .head = BUF_MAX(64 * 1024)})
void llm_join_done(struct llm_join *j);

/* The part of `said` that is handed along. */
struct view llm_join_handed(struct view said);

/* A piece of the second part; what of it may be told now is `ret_text`, perhaps nothing, and lives
 * until the next call. False: the backend began anew (or no memory). */
bool llm_join_piece(struct llm_join *j, struct view piece, struct view *ret_text) MUST_CHECK;
/* The second part is over: what was held back. */
struct view llm_join_end(struct llm_join *j);
