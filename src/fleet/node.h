/*
 * A node: one server of a backend, with all that is known of it while the program runs.
 *
 * Nodes are shared by all loops and outlive configurations: a reload finds the node again by its
 * backend's name, address, trust store and networks, so breakers, meters and connections survive
 * it. They are never freed before the program ends. State behind a node's own mutex or in atomics;
 * any thread may call.
 *
 * The breaker: after `breaker.failures` failures in a row the node is open and is not asked any
 * more, but for Weir's own probe (probe.h), whose success closes it. With nothing else to ask an
 * open node is still tried, one request at a time.
 */
#pragma once

#include "config/config.h"
#include "economics/share.h"
#include "http/client.h"
#include "policy/policy.h"

#include "run/lock.h"

/* What a node said it has; immutable, reference-counted. */
struct node_models {
    atomic_int refs;
    struct arena *arena;
    struct policy_model *models; /* loaded ones first, no embedding models */
    unsigned n;
};

struct node {
    struct node *next; /* in the registry */
    struct arena *arena;
    struct view backend, text; /* the backend's name; the address as written in the config */
    enum side side;
    enum engine engine;
    struct config_url url;
    struct http_origin origin;

    atomic_uint in_flight;
    atomic_bool open;               /* the breaker */
    atomic_bool trial;              /* somebody tries the open node right now */
    atomic_bool not_inside_told;    /* the log has it: the node is inside by name only */
    atomic_uint remote_told;        /* remote models that the log has */
    _Atomic(int64_t) not_before_ns; /* Retry-After; monotonic */
    _Atomic(uint64_t) requests, failures_total, opened_total;

    pthread_mutex_t mutex; /* for what follows */
    unsigned failures;     /* in a row */
    struct share_meter meter;
    int64_t hours_from_ms, hours_busy_ns; /* up to there the ledger has this node's hours */
    struct node_models *models;           /* NULL: not known yet */
    double ns_per_token; /* a request's share of the node by tokens, smoothed; 0: not known */
};

/* The node of that backend and address, made if it is new. */
struct node *node_get(const struct config_backend *backend, const struct config_url *url,
                      struct error *err) MUST_CHECK;
/* All nodes that ever were, newest first; walk by `next`. */
struct node *node_first(void);
/* At the end of the program, when no loop runs any more. */
void node_free_all(void);

/* What one attempt holds of a node. */
struct node_use {
    struct node *node;
    double share_begin;
    bool trial;
};

/* Counts the attempt in. False: the node is open and somebody else tries it already. */
bool node_begin(struct node *n, struct node_use *ret_use) MUST_CHECK;
/* Counts it out; returns the request's share of the node, ns. `tokens`: prompt and completion of
 * an answer that came, 0 when none did. Harmless for a use that has ended. */
int64_t node_end(struct node_use *use, uint64_t tokens);
/* What a request of so many tokens would take of the node, ns; -1: nothing is known yet. */
int64_t node_estimate_share_ns(struct node *n, uint64_t tokens);

void node_succeeded(struct node *n);
/* `retry_after_ms` 0: the node said nothing. True when this failure opened the breaker. */
bool node_failed(struct node *n, unsigned breaker_failures, int64_t retry_after_ms);

/* Neither open nor told to wait. */
bool node_available(const struct node *n, int64_t now_ns);

struct node_models *node_models_ref(struct node *n); /* NULL: not known */
void node_models_unref(struct node_models *m);       /* accepts NULL */
/* Takes `models` over. True when they differ from what was known. */
bool node_set_models(struct node *n, struct node_models *models);

/* Models of an inside node that somebody else serves. */
unsigned node_count_remote(struct node *n);

/* The hours since this was last asked, for the ledger; `ret_busy_ms` is what requests used. */
void node_take_hours(struct node *n, int64_t *ret_from_ms, int64_t *ret_to_ms,
                     int64_t *ret_busy_ms);
