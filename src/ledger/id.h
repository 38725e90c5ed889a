/* What the ledger itself needs of ids; ledger_next_id() is in ledger/ledger.h. */
#pragma once

#include <stdint.h>

/* The next ids are above `past`: a clock that was set back must not bring an id twice. */
void ledger_id_raise(int64_t past);

/* The smallest id that could have been given at that time. */
int64_t ledger_id_at(int64_t wall_ms);
