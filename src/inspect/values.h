/* Shapes of what stands behind a cue. Each returns where it ends, or `at` when none begins there.
 * Private to inspect/. */
#pragma once

#include "inspect/detect.h"

/* A day: 1980-05-31, 31.5.80, 5/31/1980, 19800531, 31 May 1980, May 31st, 1980. With `short_form`
 * also a day without a year. */
uint32_t value_date(const struct scan *s, uint32_t at, bool short_form);
/* An amount with its currency: $95,923, 47.6 million USD, 1.200 EUR. */
uint32_t value_money(const struct scan *s, uint32_t at);
/* A number of a card, a record, a member: groups that hold at least `digits` digits. */
uint32_t value_id(const struct scan *s, uint32_t at, unsigned digits, unsigned groups);
/* Passes blanks, signs and small words ("is", "no.", ":") behind a cue. `ret_sign` is the strongest
 * sign passed: ':', '=', '"', or 0. Returns `at` when a line ends first. */
uint32_t value_start(const struct scan *s, uint32_t at, char *ret_sign);
