/*
 * Reading a ledger, also while a gateway writes to it: a connection of its own that never writes.
 */
#pragma once

#include "base/error.h"
#include "ledger/record.h"

struct ledger_reader;

/* A missing or empty file is an error that says what to do. */
struct ledger_reader *ledger_reader_open(struct view path, struct error *err) MUST_CHECK;
/* Accepts NULL. */
void ledger_reader_close(struct ledger_reader *r);

/* The views of `record` live for the call. False ends the reading. */
typedef bool ledger_record_fn(void *context, const struct ledger_record *record);
typedef bool ledger_hours_fn(void *context, const struct ledger_node_hours *hours);

/* Records that began at `since_ms` or later, newest first, at most `limit` (0: all). */
bool ledger_read(struct ledger_reader *r, int64_t since_ms, unsigned limit, ledger_record_fn *fn,
                 void *context, struct error *err) MUST_CHECK;
/* The record with this id, or the newest one with this request id; `ret_found` says whether. */
bool ledger_read_one(struct ledger_reader *r, struct view id, ledger_record_fn *fn, void *context,
                     bool *ret_found, struct error *err) MUST_CHECK;
/* Node hours that reach beyond `since_ms`; what lies before it is cut off. */
bool ledger_read_hours(struct ledger_reader *r, int64_t since_ms, ledger_hours_fn *fn,
                       void *context, struct error *err) MUST_CHECK;

/* All readings between begin and end see the ledger as it was at the first of them. */
bool ledger_reader_begin(struct ledger_reader *r, struct error *err) MUST_CHECK;
void ledger_reader_end(struct ledger_reader *r);

/* The record's plan as `weir route --json` prints it, and its attempts as an array with one object
 * for each: the ledger keeps less (see record.h), the rest is made up of the other members. A text
 * that is no brief plan is given as it is. Valid until the next call for a record of this reader.
 */
struct view ledger_plan_json(struct ledger_reader *r, const struct ledger_record *record);
struct view ledger_attempts_json(struct ledger_reader *r, const struct ledger_record *record);

/* One member of an element of a JSON array; `index` is the element's. */
typedef void ledger_json_fn(void *context, int index, struct view key, struct view value);

/* Walks the objects of the array that stands at `path` ("$.candidates", "$") in a JSON text of a
 * record; scalars are given as text. False: it is no JSON. */
bool ledger_json_each(struct ledger_reader *r, struct view json, const char *path,
                      ledger_json_fn *fn, void *context);
/* One scalar at `path`, copied to `text`; "" when it is not there. */
void ledger_json_text(struct ledger_reader *r, struct view json, const char *path, char *text,
                      size_t size);
bool ledger_json_valid(struct ledger_reader *r, struct view json);
