/* A record as a row of the file. */
#pragma once

#include "ledger/record.h"
#include "ledger/row.h"

/* All columns but for those of the chain, which are left NULL. */
void record_row(const struct ledger_record *record, struct row *row);
