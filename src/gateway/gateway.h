/*
 * The gateway: everything that serves, in one process.
 *
 * Loop 0 accepts connections, takes signals, probes nodes and serves the admin address; all loops
 * serve exchanges. The current fleet (and with it the configuration) is replaced whole by a reload.
 */
#pragma once

#include "fleet/discover.h"
#include "fleet/duties.h"
#include "fleet/probe.h"
#include "fleet/unable.h"
#include "gateway/answers.h"
#include "gateway/hedge_budget.h"
#include "gateway/saturation.h"
#include "gateway/stats.h"
#include "inspect/inspect.h"
#include "ledger/ledger.h"
#include "run/listener.h"

struct gateway_sockets {
    int listen, admin;
};

struct gateway {
    struct loop *loops[HTTP_MAX_LOOPS];
    unsigned n_loops;
    struct list connections[HTTP_MAX_LOOPS];         /* of each loop, touched by that loop only */
    struct inspect_memory *memories[HTTP_MAX_LOOPS]; /* so too */
    struct listener listener, admin_listener;
    struct ledger *ledger;
    struct prober *prober;
    struct discover *discover;
    struct duties *duties;           /* loop 0 only */
    struct saturation saturation;    /* so too */
    struct anchor_hook *anchor_hook; /* NULL: none */
    struct stats stats;
    struct hedge_budget hedge_budget;
    struct unable unable; /* models that do not go on with a text */
    struct answers answers;
    struct affinity *affinity;
    atomic_bool draining;
    int64_t started_wall_ms;
    _Atomic(uint64_t) reloads, reloads_refused;
    uint64_t differences_told; /* of the nodes' models; loop 0 only */
    atomic_bool ledger_failed; /* it was said in the log, and its recovery was not yet */

    pthread_mutex_t mutex; /* for `fleet` */
    struct fleet *fleet;
};

/* Serves on the sockets until SIGTERM or SIGINT and then drains; the exit status of the process.
 * `admin_serve` handles connections to the admin address (admin/ stands above this folder). */
int gateway_run(struct config *config, const struct gateway_sockets *sockets,
                listener_serve_fn *admin_serve);

/* The current fleet with a reference for the caller. Any thread. */
struct fleet *gateway_fleet(struct gateway *g);

/* "ok", "draining", "ledger_unavailable", ...: what /healthz says, with the HTTP status. */
const char *gateway_health(struct gateway *g, int *ret_status);
