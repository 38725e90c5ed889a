/*
 * What an answer cost. Money is int64 nano-dollars (1e-9 $); prices are pico-dollars a token, which
 * is micro-dollars a million tokens: $0.05/M = 50,000 pico-dollars.
 *
 * The built-in table is prices.def (dated; sources named in it); the config's `prices:` come
 * before it. A model without a price is `unpriced`: never 0, always said.
 */
#pragma once

#include "base/view.h"
#include "config/config.h"
#include "llm/answer.h"

struct price {
    int64_t input, cached_input, output; /* pico-dollars a token */
    const char *as_of;                   /* "2026-11-01", or "config" */
    /* Some vendors charge a long prompt, as a whole, at other prices. */
    struct price_lengthy {
        uint32_t above_tokens; /* of input; 0: they do not */
        int64_t input, cached_input, output;
    } lengthy;
};

/* False: unpriced. Dated names ("gpt-5-mini-2025-08-07") match their family's row. */
bool price_find(const struct config *config, struct view model, struct price *ret_price);

/* Cached tokens are part of the input and are charged at their own price. Rounded to nearest. */
int64_t price_cost_nano(const struct price *price, const struct llm_usage *usage);

/* "0.000123" dollars with as many digits as needed, at least 6 decimals; for tables. */
void money_format(int64_t nano, char *text, size_t size);
