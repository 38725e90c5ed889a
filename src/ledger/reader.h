/* Inside of a reader, for the files of this folder. */
#pragma once

#include "base/buf.h"
#include "ledger/read.h"
#include "ledger/store.h"

struct ledger_reader {
    sqlite3 *db;
    struct buf plan, attempts; /* made up for the record that is read */
    char path[];               /* NUL behind it */
};
