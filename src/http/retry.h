/*
 * Retry-After, by which an upstream says how long it wants to be left alone: seconds, or a date in
 * the one form that senders may use (IMF-fixdate, RFC 9110 5.6.7).
 */
#pragma once

#include <stdint.h>

#include "base/view.h"

/* The longest wait that is believed. */
#define HTTP_RETRY_MAX_MS INT64_C(3600000)

/* Milliseconds from `now_ms` (wall clock) on, at most HTTP_RETRY_MAX_MS. 0: no wait, for a value
 * that is no such thing, lies in the past or is not there. */
int64_t http_retry_after_ms(struct view value, int64_t now_ms);
