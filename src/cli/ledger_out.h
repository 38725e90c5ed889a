/* What `weir ledger` prints, as text for people and as JSON. */
#pragma once

#include "cli/table.h"
#include "ledger/read.h"
#include "ledger/report.h"

bool ledger_text_head(struct table *t);
void ledger_text_row(struct table *t, const struct ledger_record *r);
bool ledger_text_groups(const struct report_groups *g, FILE *out);
void ledger_text_sums(const struct report *r, const char *since, FILE *out);
void ledger_text_record(struct ledger_reader *reader, const struct ledger_record *r, FILE *out);

/* One object, without a newline. Ids are strings: they do not fit a double. */
void ledger_json_record(struct ledger_reader *reader, const struct ledger_record *r, FILE *out);
void ledger_json_groups(const struct report_groups *g, FILE *out);
void ledger_json_sums(const struct report *r, FILE *out);

/* "inside", "outside", "" */
const char *ledger_side_text(int side);
