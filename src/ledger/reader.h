/* Inside of a reader, for the files of this folder. */
#pragma once

#include "ledger/read.h"
#include "ledger/store.h"

struct ledger_reader {
    sqlite3 *db;
    char path[]; /* NUL behind it */
};
