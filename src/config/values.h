/*
 * How values are written: durations, sizes, exact decimals, addresses. Pure; no positions here, the
 * caller adds them.
 */
#pragma once

#include "config/config.h"

/* "500ms", "2s", "5m", "1h". */
bool value_duration(struct view text, int64_t *ret_ms) MUST_CHECK;
void value_write_duration(struct buf *out, int64_t ms);

/* "1024", "64KiB", "32MiB", "1GiB", "1KB", "1MB", "1GB". */
bool value_size(struct view text, uint64_t *ret_bytes) MUST_CHECK;
void value_write_size(struct buf *out, uint64_t bytes);

/* A decimal without sign, times 10^decimals, exactly: more digits behind the point are refused. */
bool value_decimal(struct view text, unsigned decimals, int64_t *ret_value) MUST_CHECK;
void value_write_decimal(struct buf *out, int64_t value, unsigned decimals);

/* "host:port" or "[v6]:port". */
bool value_address(struct view text, struct arena *a, struct config_listen *ret_listen,
                   struct error *err) MUST_CHECK;

/* localhost, 127.0.0.0/8 or ::1; without brackets. */
bool value_is_loopback(struct view host);

/* "a | b | c": the index of `text` in it. */
bool value_choice(struct view text, const char *choices, unsigned *ret_index) MUST_CHECK;
struct view value_choice_at(const char *choices, unsigned index);
