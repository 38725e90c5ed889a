/*
 * Masking: values become typed placeholders such as <PERSON_1> on their way out, and placeholders
 * become values again on the way back.
 *
 * The map lives in memory with the exchange. The same value gets the same placeholder through the
 * whole body (so through the conversation, whose earlier turns are part of the body), two values
 * get two. Numbers run over all classes, <PERSON_1>, <EMAIL_2>: a number alone names a value, so
 * that a class and a number which do not belong together are known as the model's invention and
 * stay. A number that stands behind a class's name in the user's own text, however written, is
 * never given away: such a text passes both ways as it is. No I/O; one map belongs to one exchange.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "inspect/sensitivity.h"

struct mask_map;
/* Values are wiped when the arena is freed or reset. NULL without memory. */
struct mask_map *mask_map_new(struct arena *a);

/* Replaces those findings whose class stands in `classes` in the raw JSON body. Fails when one of
 * them is not maskable, or the body would be no JSON any more: then it must stay inside. `ret_body`
 * is in `a`. A map may mask several bodies, unless a later one's own text holds a number that an
 * earlier one was given: that fails too. */
bool mask_body(struct mask_map *m, struct view body, const struct findings *findings,
               uint32_t classes, struct arena *a, struct view *ret_body,
               struct error *err) MUST_CHECK;
unsigned mask_count(const struct mask_map *m);
/* Value (as it stood first, decoded) and placeholder number `i`, from 0. */
bool mask_value(const struct mask_map *m, unsigned i, struct view *ret_value,
                struct view *ret_placeholder);

/*
 * Whether one of the masked values stands in these bytes: the gate's last look. Seen are: raw,
 * JSON- and percent-escapes, base64 at each alignment (from 6 bytes on), other case, other
 * separators or none. Weir's own placeholders are passed over. A value of one short word counts
 * only as it is spelled or in capitals ("Will", but not "will"), short ones only as whole words,
 * single characters not at all. A few ns a byte, however many values there are.
 */
bool mask_leaks(const struct mask_map *m, struct view bytes);

/*
 * Restores a stream of text whose pieces may be cut anywhere: what may be the beginning of a
 * placeholder is held back and nothing else. One for each text that grows by itself (answer,
 * reasoning, the arguments of each call). Also finds placeholders that a model has written in other
 * case, without brackets (as whole words), with brackets escaped for HTML, JSON or Markdown, or
 * with blanks inside of them. Zero it, set the first two.
 */
struct unmask {
    const struct mask_map *map; /* NULL: nothing is restored */
    bool in_json; /* values go into a JSON string within the text: tool arguments, JSON answers */
    char last;    /* the byte before what is held */
    char held[64];
    unsigned n_held;
};
void unmask_piece(struct unmask *u, struct view piece, struct buf *out);
/* No more text comes; `u` may begin another one. */
void unmask_end(struct unmask *u, struct buf *out);
