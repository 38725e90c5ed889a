/* From a request's body to one plain document: every string, key and number of it. Private to
 * inspect/. */
#pragma once

#include "inspect/detect.h"

/* JSON; strings that hold JSON again are opened, to a depth of four. False: it is no JSON, or no
 * memory. */
bool walk_body(struct scan *s, struct view body, struct error *err) MUST_CHECK;
/* The whole text as one part. */
bool walk_text(struct scan *s, struct view text) MUST_CHECK;
