/* What the ledger is told of the perimeter: what was found, what left, where it went. Never a text,
 * only classes, counts, places and digests; `weir prove` counts from it. */
#pragma once

#include "gateway/send.h"
#include "ledger/record.h"

/* Notes that these bytes of the request went to the outside, also when no answer came. */
void evidence_sent(struct exchange *x, const struct send *s, const struct http_request_out *request,
                   const struct http_call *call, uint32_t left);
/* Notes which bytes of the client's body a portion of it are, and where it went: "inside",
 * "masked". */
void evidence_portion(struct exchange *x, uint32_t from, uint32_t to, const char *went);
/* Fills the members of the record; they live in the exchange's arena. */
void evidence_fill(struct exchange *x, struct ledger_record *record);
