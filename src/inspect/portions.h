/*
 * Portions: the paragraphs of a body's strings that hold sensitive data, to be answered inside
 * while the rest goes out. A paragraph ends at an empty line or with its string.
 */
#pragma once

#include "inspect/sensitivity.h"

struct portion {
    uint32_t start, end; /* bytes of the raw body, within one string */
    uint8_t class;       /* of its first finding */
};

/* The paragraphs around all findings of these classes, in order. False: some finding stands where
 * no text can be cut out (BAD_VALUE), or there is no memory. */
bool portions_find(struct view body, const struct findings *findings, uint32_t classes,
                   struct arena *a, struct portion **ret_portions, unsigned *ret_n,
                   struct error *err) MUST_CHECK;

/* The body with portion i replaced by text i (plain text: it is escaped here). */
bool portions_replace(struct view body, const struct portion *portions, const struct view *texts,
                      unsigned n, struct arena *a, struct view *ret_body,
                      struct error *err) MUST_CHECK;

/* The portion as text. Empty when it is cut in the middle of an escape, which cannot be. */
struct view portion_text(struct view body, const struct portion *p, struct arena *a);
