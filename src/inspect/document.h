/* What follows from the hits of all detectors together: names found again, conditions and dates
 * that need a person, overlaps; and the way back to the bytes of the body. Private to inspect/. */
#pragma once

#include "inspect/detect.h"

/* Base64 that holds text with something in it; the hits are sorted and do not overlap. */
void document_open_blobs(struct scan *s);
/* Names found again; the hits are sorted and do not overlap. */
void document_repeat_names(struct scan *s);
/* Pieces of an address become one; the hits are sorted and do not overlap, and may afterwards. */
void document_whole_addresses(struct scan *s);
/* Amounts by the year or month beside a person; the hits are sorted and do not overlap. */
void document_pay(struct scan *s);
/* Sets s->failed without memory. */
void document_finish(struct scan *s, struct findings *ret_findings);
