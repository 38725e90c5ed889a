/*
 * A node: one server of a backend, with all that is known of it while the program runs.
 *
 * Nodes are shared by all loops and outlive configurations: a reload finds the node again by its
 * backend's name, address, trust store and networks, so breakers, meters and connections survive
 * it, and so does a node that left its backend and comes back. One that nobody holds may be
 * forgotten (node_retire()). State behind a node's own mutex or in atomics; any thread may call.
 *
 * While its breaker (breaker.h) is open a node is not asked, but for Weir's own look (probe.h).
 * With nothing else to ask it is still tried, one request at a time; and so it is half-open.
 */
#pragma once

#include "config/config.h"
#include "economics/share.h"
#include "fleet/breaker.h"
#include "fleet/latency.h"
#include "fleet/load.h"
#include "fleet/model_names.h"
#include "fleet/pace.h"
#include "fleet/room.h"
#include "http/client.h"
#include "policy/policy.h"

#include "run/lock.h"

/* What a node said it has; immutable, reference-counted. */
struct node_models {
    atomic_int refs;
    struct arena *arena;
    struct policy_model *models; /* loaded ones first, no embedding models */
    unsigned n;
    struct view version; /* the engine's; empty: it does not say */
    uint32_t slots;      /* requests that it works on at a time; 0: it does not say */
};

/* What the operator wants of a node (duties.h). Out of service it is asked nothing, not even when
 * nobody else is left; requests that run there go on. */
enum node_duty {
    DUTY_SERVE,
    DUTY_CORDON, /* no new requests; Weir goes on looking at it */
    DUTY_DRAIN,  /* and nothing else either: it may be switched off when it is drained */
};

enum node_state {
    NODE_UP,
    NODE_WAITING, /* it asked for patience (Retry-After) */
    NODE_LOADING, /* its engine starts, and answers nobody yet */
    NODE_OPEN,    /* its breaker is */
    NODE_TRIAL,   /* its breaker is half-open: one request at a time */
    NODE_REFUSED, /* it refused Weir's key (401) */
    NODE_CORDONED,
    NODE_DRAINING, /* requests run there still */
    NODE_DRAINED,
};
#define NODE_STATES 9

/* "up", "waiting", "loading", "open", "trial", "refused", "cordoned", "draining", "drained" */
const char *node_state_name(enum node_state state);

struct node {
    _Atomic(struct node *) next; /* in the registry */
    unsigned number;             /* of all nodes that ever were, from 0 */
    struct node *next_retired;   /* among those that are about to be freed */
    struct {
        struct loop_message message;
        struct loop *const *loops;
        unsigned n_loops;
    } farewell; /* forget.h */
    struct arena *arena;
    struct view backend, text; /* the backend's name; the address as written in the config */
    enum side side;
    enum engine engine;
    struct config_url url;
    struct http_origin origin;

    atomic_uint refs;             /* who holds it: sets, whoever watches it */
    _Atomic(int64_t) released_ns; /* when the last of them let it go; monotonic */
    /* What a choice among hundreds of nodes looks at, in one line of the cache. */
    _Alignas(64) atomic_uint in_flight;
    atomic_uint members;            /* sets that it stands in of which requests take their nodes */
    atomic_int duty;                /* enum node_duty */
    _Atomic(int64_t) not_before_ns; /* Retry-After; monotonic */
    struct model_names names;       /* of its models */
    atomic_uint least_window;       /* of its models' known windows; UINT_MAX: none is known */
    atomic_bool open, half_open;    /* what the breaker says */
    atomic_bool loading;            /* a look found it so */
    atomic_bool was_up;             /* it answered something since Weir began */
    atomic_bool key_refused;        /* it answered 401, and nothing better since */
    atomic_bool key_told;           /* the log has that */
    atomic_bool trial;              /* somebody tries the node that is not closed right now */
    atomic_bool not_inside_told;    /* the log has it: the node is inside by name only */
    atomic_uint remote_told;        /* remote models that the log has */

    _Alignas(64) struct pace pace; /* written under the mutex; a line too */
    struct room room;
    _Atomic(uint64_t) requests, failures_total, opened_total;

    pthread_mutex_t mutex; /* for what follows */
    struct breaker breaker;
    struct share_meter meter;
    int64_t hours_from_ms, hours_busy_ns; /* up to there the ledger has this node's hours */
    struct node_models *models;           /* NULL: not known yet */
    char last_error[240];  /* in our own words only: operators read it, who may not see prompts */
    struct node_load load; /* through node_load() */
    int64_t load_read_ns, load_until_ns; /* when it was read; when it is too old */
    double latency_ns;                   /* of answers that came, smoothed; 0: not known */
    int64_t loading_since_ns, loads_ns;  /* how long its engine took to start; 0: not known */
    struct latency first_token;          /* of streams, from the attempt's begin */
    int64_t changed_ms;                  /* its last change, Unix time ... */
    char changed_why[80];                /* ... and why, beside last_error */
    double ns_per_token; /* a request's share of the node by tokens, smoothed; 0: not known */
};

/* The node of that backend and address, made if it is new; the caller's to node_unref(). */
struct node *node_get(const struct config_backend *backend, const struct config_url *url,
                      struct error *err) MUST_CHECK;
struct node *node_ref(struct node *n); /* of one that is held already */
void node_unref(struct node *n);
/* Whether node_get() would give this one. */
bool node_is(const struct node *n, const struct config_backend *backend,
             const struct config_url *url);
/* Called with each node that is made from now on, before anybody asks it. NULL: nothing. */
void node_when_new(void (*fn)(struct node *n, void *arg), void *arg);
/* Whether the node of that address, if there is one, cannot be asked: its breaker is open, or it is
 * out of service. */
bool node_is_down(const struct config_backend *backend, const struct config_url *url);
/* Some fleet has it among its nodes; else it has left, and may come back. */
static inline bool node_is_member(const struct node *n)
{
    return atomic_load_explicit(&n->members, memory_order_relaxed) > 0;
}
/* All nodes that are not forgotten, newest first; walk by `next`, without a wait in between. */
struct node *node_first(void);
/* How many of them nobody holds. */
unsigned node_count_released(void);
/* Where more than `keep` nodes are held by nobody: the one that was released first, which nobody
 * finds any more. It may be freed when each loop has closed its connections and taken one turn.
 * NULL: there is none. By one thread at a time, as node_free() too. */
struct node *node_retire(unsigned keep);
void node_free(struct node *n);
/* At the end of the program, when no loop runs any more. */
void node_free_all(void);

/* A node with this number, or with one that is the same modulo NODE_NUMBERS; NULL: there is none.
 * Only to be compared with nodes that are held: it may be freed at any time. */
#define NODE_NUMBERS 4096
struct node *node_numbered(unsigned number);

/* What one attempt holds of a node. */
struct node_use {
    struct node *node;
    double share_begin;
    struct pace_stay stay;
    bool trial;
};

/* Counts the attempt in. False: the node is not closed and somebody else tries it, or it was
 * taken out of service in this moment. */
bool node_begin(struct node *n, struct node_use *ret_use) MUST_CHECK;
/* Counts it out; returns the request's share of the node, ns. `tokens`: prompt and completion of
 * an answer that came, 0 when none did. Harmless for a use that has ended. */
int64_t node_end(struct node_use *use, uint64_t tokens);
/* What a request of so many tokens would take of the node, ns; -1: nothing is known yet. */
int64_t node_estimate_share_ns(struct node *n, uint64_t tokens);

/* A stream's first token came so long after its attempt began, or did not come for so long. */
void node_first_token(struct node *n, int64_t took_ns);
/* The time within which 95 of 100 first tokens came lately, ns; -1: too few came to say so. */
int64_t node_first_token_p95(struct node *n);

/* ---- how it goes (node_health.c) ------------------------------------------------------------ */

/* An answer came; `first_token_ns` after it was asked, 0: not known. True when its slowness opened
 * the breaker. */
bool node_answered(struct node *n, const struct config_breaker *rules, int64_t first_token_ns);
/* `retry_after_ms` 0: the node said nothing. True when this failure opened the breaker. */
bool node_failed(struct node *n, const struct error *why, const struct config_breaker *rules,
                 int64_t retry_after_ms);
/* A failure that speaks of Weir's configuration and not of the node: kept as its last error. With
 * `refused` the node is passed over until a look finds its key taken, or a request in despair. */
void node_wrong_key(struct node *n, const struct error *why, bool refused);

/* What a look found. */
bool node_seen(struct node *n);      /* it lists its models; true: it was loading until now */
bool node_key_taken(struct node *n); /* it takes Weir's key; true: it had refused it */
/* It was there, or began to be, and is not now: open at once. False: it was. */
bool node_gone(struct node *n, const struct error *why, const struct config_breaker *rules);
void node_looked_in_vain(struct node *n, const struct error *why,
                         const struct config_breaker *rules);
/* True when it was open until now. */
bool node_set_half_open(struct node *n, const struct config_breaker *rules);
/* Whether its engine starts. True when that is news. */
bool node_set_loading(struct node *n, bool loading);
/* How long its engine will yet load, by what earlier loads took; -1: it loads nothing. */
int64_t node_loading_rest_ns(struct node *n, int64_t now_ns);
/* When Weir looks at it next; 0: its breaker is closed. `ret_cause` is why it is not. */
int64_t node_look_ns(struct node *n, enum breaker_cause *ret_cause);

/* What has become of a node so far. */
struct node_history {
    unsigned failures;  /* in a row */
    int64_t latency_ms; /* of its answers, smoothed; -1: none came yet */
    int64_t first_token_p50_ms, first_token_p95_ms; /* of its streams lately; -1: there was none */
    int64_t changed_ms;                             /* Unix time of its last change */
    char why[80], last_error[240];
};
struct node_history node_history(struct node *n);

/* For the history; the caller has the lock. */
void node_note_change(struct node *n, const char *why);

void node_set_duty(struct node *n, enum node_duty duty);
/* Not taken out of service. */
bool node_serves(const struct node *n);

enum node_state node_state(const struct node *n, int64_t now_ns);
/* It may be asked now: it is up, or half-open and nobody tries it. */
bool node_available(const struct node *n, int64_t now_ns);

struct node_models *node_models_ref(struct node *n); /* NULL: not known */
void node_models_unref(struct node_models *m);       /* accepts NULL */
/* Takes `models` over. True when they differ from what was known. */
bool node_set_models(struct node *n, struct node_models *models);

/* What its engine says of its load now; it counts for `keep_ms`. */
void node_set_load(struct node *n, const struct node_load *load, int64_t keep_ms);
/* False: the engine has said nothing, or nothing for too long. Then all of it is unknown. */
bool node_load(struct node *n, int64_t now_ns, struct node_load *ret_load, int64_t *ret_age_ms);

/* Models of an inside node that somebody else serves. */
unsigned node_count_remote(struct node *n);

/* The hours since this was last asked, for the ledger; `ret_busy_ms` is what requests used. */
void node_take_hours(struct node *n, int64_t *ret_from_ms, int64_t *ret_to_ms,
                     int64_t *ret_busy_ms);
