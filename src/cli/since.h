/* The `--since` of commands that look back. */
#pragma once

#include "base/error.h"

/* "90s", "15m", "2h", "3d", "1w" before now, "2026-11-01", "2026-11-01T14:30[:05]" local time, or
 * with "Z" behind it UTC. */
bool since_parse(struct view text, int64_t now_ms, int64_t *ret_ms, struct error *err) MUST_CHECK;
