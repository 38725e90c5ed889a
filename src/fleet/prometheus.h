/* Prometheus text (also OpenMetrics), sample by sample; no I/O, nothing is copied. */
#pragma once

#include "base/error.h"
#include "base/view.h"

struct prometheus_sample {
    struct view name, labels; /* labels as written between the braces; may be empty */
    double value;             /* finite */
};

/* Takes the next sample off `*text`. Comments, NaN, infinities and lines that are no sample are
 * passed over. False: there is none. */
bool prometheus_next(struct view *text, struct prometheus_sample *ret_sample) MUST_CHECK;
