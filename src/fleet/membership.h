/*
 * Which nodes a backend has: sets that never change, one after the other.
 *
 * A backend whose nodes stand in the config has one set for the fleet's life. One whose nodes are
 * looked up (discover.h) gets another set whenever something else was found; whoever works with the
 * old one goes on with it. Any thread may call.
 */
#pragma once

#include "fleet/node.h"

/* A node as this fleet's configuration has it: where it stands and what it is given may change with
 * a reload, the node stays. */
struct fleet_node {
    struct node *node;
    struct view zone; /* empty: in none */
    unsigned weight;  /* 1 to 1000 */
    bool near;        /* in the zone of this gateway, or the gateway is in none */
};

/* Whoever holds it reads it and nothing else. */
struct fleet_set {
    atomic_uint refs;
    bool fixed; /* lives as long as its fleet: nobody counts */
    struct arena *arena;
    struct fleet_node *nodes;
    unsigned n;
};

/* Of one backend. */
struct membership {
    pthread_mutex_t mutex; /* for `now`, where it is not fixed */
    struct fleet_set *now;
    bool fixed;
};

/* The nodes that stand in the config, which are none where they are looked up. `zone`: where this
 * gateway stands. */
bool membership_init(struct membership *m, const struct config_backend *b, struct view zone,
                     struct error *err) MUST_CHECK;
/* Harmless for zeroes. */
void membership_done(struct membership *m);

/* Puts a set of the nodes that were found in place of the one before; by one thread at a time.
 * `*ret_before`: the set before, the caller's to unref; NULL: these are the nodes already. */
bool membership_change(struct membership *m, const struct config_backend *b, struct view zone,
                       const struct config_node *found, unsigned n, struct fleet_set **ret_before,
                       struct error *err) MUST_CHECK;

struct fleet_set *membership_ref(struct membership *m);
/* Accepts NULL. */
void fleet_set_unref(struct fleet_set *set);
/* Holds the set, in place of the caller, for as long as the arena lives. */
void fleet_set_leave(struct fleet_set *set, struct arena *a);
