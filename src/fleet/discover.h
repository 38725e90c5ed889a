/*
 * Looks for the nodes of backends that do not have them in the config, again and again, and gives
 * the fleet what was found. A look that fails changes nothing. One task a backend, on the loop that
 * called discover_start().
 *
 * The DNS is asked each `discover.interval`, up to a tenth earlier so that many gateways do not ask
 * in step. A file is looked at each second: unlike a watch by inotify that also sees what another
 * machine writes to a shared disk, and the exchange of a whole folder by which Kubernetes renews a
 * ConfigMap.
 */
#pragma once

#include "fleet/fleet.h"

struct discover;

/* What is told, on that loop. */
struct discover_ears {
    /* After the first look, when the nodes are others, and when a look succeeded after one that
     * failed. `before`: NULL where the nodes stayed. */
    void (*found)(const struct config_backend *b, const struct fleet_set *before,
                  const struct fleet_set *now, bool more, void *arg);
    /* After the first of several looks that failed, when another reason stands in the way, and then
     * each ten minutes. */
    void (*failed)(const struct config_backend *b, const struct error *why, int64_t since_ms,
                   void *arg);
    void *arg;
};

/* Holds a reference to the fleet until it stopped. NULL without memory. */
struct discover *discover_start(struct fleet *f, const struct discover_ears *ears);
/* Ends its tasks; returns at once, they finish by themselves. Accepts NULL. */
void discover_stop(struct discover *d);

/* One look for the backend's nodes, for the fleet. In a task. */
bool discover_now(struct fleet *f, unsigned backend, struct error *err) MUST_CHECK;
