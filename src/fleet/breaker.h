/*
 * A breaker: whether a node is left alone because it fails. Pure: clocks and chance are given.
 *
 * It opens after so many failures in a row, or when too many of the last requests failed or were
 * slow. Open, the node is left to Weir's own look (probe.h), which comes the later the longer it
 * lasts, and by chance earlier or later so that gateways do not come in step. What the look must
 * find depends on what failed: where nothing listened, that something does; where the engine took
 * a request and failed, a token. Half-open, one request at a time may try; the first answer closes
 * it, the first failure opens it again.
 */
#pragma once

#include "config/config.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

enum breaker_cause {
    BREAKER_CONNECT,  /* no connection stood */
    BREAKER_GENERATE, /* one stood, and no right answer came */
};

#define BREAKER_SLICES  10 /* of the window */
#define BREAKER_LEAST   10 /* requests in the window that a rate is made of */
#define BREAKER_LONGEST 6  /* times breaker.open */

struct breaker {
    bool near; /* inside: to look at it costs nothing; each second in the first minute */
    enum breaker_state state;
    enum breaker_cause cause; /* of the last failure while it was not closed */
    unsigned failures;        /* in a row */
    unsigned in_vain;         /* looks and trials since it opened */
    int64_t opened_ns, look_ns;
    struct breaker_slice {
        int64_t number;
        uint32_t asked, bad;
    } slices[BREAKER_SLICES];
};

struct breaker_moment {
    int64_t now_ns;
    double chance; /* 0 <= chance < 1 */
};

/* A request failed. Why that opened it; NULL when it did not. */
const char *breaker_failed(struct breaker *b, const struct config_breaker *rules,
                           enum breaker_cause cause, struct breaker_moment at);
/* A request was answered; `first_token_ns` after it began, 0: not known. That closes it, unless
 * slowness opens it: why, or NULL. */
const char *breaker_answered(struct breaker *b, const struct config_breaker *rules,
                             int64_t first_token_ns, struct breaker_moment at);
/* A closed one opens without waiting for requests to fail. */
void breaker_trip(struct breaker *b, const struct config_breaker *rules, enum breaker_cause cause,
                  struct breaker_moment at);

/* A look at an open (or half-open) node was in vain. */
void breaker_looked_in_vain(struct breaker *b, const struct config_breaker *rules,
                            enum breaker_cause cause, struct breaker_moment at);
/* It was not. */
void breaker_half_open(struct breaker *b, const struct config_breaker *rules,
                       struct breaker_moment at);
