/* Where the ledger and its key lie, for the commands that work on them. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

enum { LEDGER_PLACE_BYTES = 2048 };

struct ledger_place {
    char path[LEDGER_PLACE_BYTES], key[LEDGER_PLACE_BYTES];
};

/* By `file`, else by the config's ledger.path and ledger.key, else weir.db in this folder. A key
 * that nobody names lies beside the ledger. `file` and `config` may be NULL. */
bool ledger_place_find(const char *file, const char *config, struct ledger_place *ret_place,
                       struct error *err) MUST_CHECK;
