/* What `weir prove` prints, as text for people and as JSON. */
#pragma once

#include "ledger/verify.h"

#include <stdio.h>

void prove_text(const struct verify_result *r, bool anchored, FILE *out);
void prove_json(const struct verify_result *r, bool anchored, FILE *out);
