/*
 * Counters of the exchanges, by side and backend, for /metrics. Relaxed atomics: any thread adds,
 * readers see each number whole but not all of the same instant.
 */
#pragma once

#include "config/config.h"
#include "ledger/record.h"
#include "policy/policy.h"

#include <stdatomic.h>

/* Upper bounds in seconds, as OpenTelemetry's GenAI conventions advise; the last is +Inf. */
#define STATS_BUCKETS 15
extern const double stats_bounds[STATS_BUCKETS - 1];

struct stats_histogram {
    _Atomic(uint64_t) buckets[STATS_BUCKETS];
    _Atomic(uint64_t) sum_us, count;
};

/* Why a request was asked again where it was asked before. */
enum stats_retry {
    RETRY_FAILED, /* otherwise: by another node of the same backend */
    RETRY_REFUSED,
    RETRY_CUT,
    RETRY_UNAVAILABLE,  /* 502, 503, 529 */
    RETRY_RATE_LIMITED, /* 429 without a Retry-After */
    RETRY_PATIENCE,     /* after the time that a node asked for */
    RETRY_LOADING,      /* after an engine's load */
};
#define STATS_RETRIES 7
/* "failed", "refused", "cut", "unavailable", "rate_limited", "retry_after", "loading" */
const char *stats_retry_name(enum stats_retry reason);

#define STATS_MAX_BACKENDS 64

struct stats_backend {
    char name[64];
    enum side side;
    _Atomic(uint64_t) ok, errors;
    _Atomic(uint64_t) tokens_in, tokens_out, tokens_cached;
    _Atomic(uint64_t) cost_nano, unpriced;
    struct stats_histogram duration, first_token;
};

/* How a second attempt of hedge.h ended. */
enum hedge_outcome {
    HEDGE_WON,    /* it answered */
    HEDGE_LOST,   /* the first one was faster after all */
    HEDGE_FAILED, /* neither: it failed itself, or the client left both */
};
#define HEDGE_OUTCOMES 3

struct stats {
    struct stats_backend backends[STATS_MAX_BACKENDS];
    atomic_uint n_backends;
    _Atomic(uint64_t) exchanges, refused, cancelled, failovers, cut_streams, continued, ledger_lost,
        anchor_hook_failures;
    _Atomic(uint64_t) retries[STATS_RETRIES], retry_exhausted;
    _Atomic(int64_t) exhausted_told_ns; /* when the log was told last */
    _Atomic(uint64_t) prompts_cut;      /* answers whose prompt filled the window to the brim */
    _Atomic(uint64_t) hedges[HEDGE_OUTCOMES];
    _Atomic(uint64_t) by_task[TASK_COUNT];
    _Atomic(uint64_t) by_scan[PLAN_SCANS];    /* requests that were looked through, by outcome */
    _Atomic(uint64_t) by_class[DATA_CLASSES]; /* requests that hold data of the class */
};

/* Books a finished exchange. */
void stats_record(struct stats *s, const struct ledger_record *r);
/* Books a failed attempt. */
void stats_attempt_failed(struct stats *s, struct view backend, enum side side);
/* Books a second attempt. */
void stats_hedged(struct stats *s, enum hedge_outcome outcome);
/* Books what a scan came to; `classes`: a bit for each class that was found. */
void stats_screened(struct stats *s, enum plan_scan scan, uint32_t classes);
