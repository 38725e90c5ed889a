/* What stands in a ledger's file, made anew or brought up from an older schema. */
#pragma once

#include "base/error.h"

#include <sqlite3.h>

#define STORE_SCHEMA        2
#define STORE_SCHEMA_OLDEST 1 /* that is brought up; it had no chains */

enum schema_state {
    SCHEMA_FRESH, /* nothing is in the file yet */
    SCHEMA_OLD,   /* ours, and older */
    SCHEMA_READY,
};

/* Files of others and of newer Weirs are errors. */
bool schema_check(sqlite3 *db, const char *path, enum schema_state *ret_state,
                  struct error *err) MUST_CHECK;
/* Creates what is missing, in one transaction. Rows stay as they are. */
bool schema_make(sqlite3 *db, const char *path, enum schema_state state,
                 struct error *err) MUST_CHECK;

/* The first column of the first row; `otherwise` when there is no row. */
bool schema_ask_int(sqlite3 *db, const char *sql, int64_t otherwise, const char *path,
                    int64_t *ret_value, struct error *err) MUST_CHECK;
bool schema_run(sqlite3 *db, const char *sql, const char *path, struct error *err) MUST_CHECK;
