/*
 * Rows as JSON, without loss: an object with a member for each column that is not NULL. Integers
 * and reals are numbers, texts strings, and so are blobs, in hex. What a column's own type cannot
 * say (a blob among texts, a text that is no UTF-8) is an object: {"text":HEX}, {"blob":HEX}.
 */
#pragma once

#include "ledger/row.h"
#include "json/reader.h"
#include "json/writer.h"

void row_put_json(struct json_writer *w, const struct row *row);
/* Reads such an object. Texts and blobs go to the arena, or point into the source. */
bool row_take_json(struct json_reader *r, enum row_kind kind, struct arena *a, struct row *ret_row,
                   struct error *err) MUST_CHECK;
