/*
 * The pace of a node: what one more request would meet there, from what is measured and told.
 *
 * Our own requests are counted as they come and go; those of others are in the engine's readings,
 * which are up to a second old. A reading holds ours as well, so what is kept of it is only what
 * was not ours: each request counts once. Of ours at least those are there that have not ended,
 * however late the engine is in saying so.
 *
 * How many it works on at a time, its width, llama.cpp tells. Of others it is learnt: as many as
 * ran while others waited, at two readings in a row, since one alone may have met a request on its
 * way in. When as many run and nobody waits it is wider than was thought, and the width grows by a
 * quarter a reading.
 *
 * How long an answer takes is kept as the time of a request that does not wait: where the engine
 * worked on all that it had at once that is the whole time, else the part that is left when those
 * before it are taken off.
 *
 * All of it is atomic and read without a lock; whoever writes holds the node's lock. Times are of
 * the caller's clock.
 */
#pragma once

#include "fleet/load.h"

#include <stdatomic.h>

/* A reading in one word, so that it is seen whole. */
struct pace_reading {
    uint32_t others;      /* requests that were not ours */
    uint16_t queued, own; /* those that waited; ours at that moment */
};

struct pace {
    _Atomic(int64_t) service_ns;    /* of one request that does not wait; 0: not known */
    _Atomic(int64_t) served_ns;     /* when that was measured last */
    _Atomic(int64_t) loading_ns;    /* to bring a model into memory; 0: not known */
    _Atomic(int64_t) since_ns;      /* first seen, or back in service */
    _Atomic(int64_t) read_until_ns; /* when the reading is too old */
    _Atomic(struct pace_reading) reading;
    atomic_uint measures; /* that are in service_ns */
    atomic_uint width;    /* requests that it works on at a time; 0: not known */
    atomic_bool told;     /* the engine says its width, there is nothing to learn */
    atomic_bool loads;    /* the next request has to wait for its model */
};

/* It is new, or back: its share grows from here on. */
void pace_start(struct pace *p, int64_t now_ns);

/* The engine says how many it works on at a time; 0: it does not say. */
void pace_tell_width(struct pace *p, unsigned width);
/* It does not say, and this is what it does by default: good enough to compare nodes. */
void pace_guess_width(struct pace *p, unsigned width);

/* A reading came, when `own` of our requests were there; it counts until `until_ns`. From one
 * thread at a time. */
void pace_read(struct pace *p, const struct node_load *load, unsigned own, int64_t now_ns,
               int64_t until_ns);

/* Requests there, ours and others'. */
unsigned pace_jobs(const struct pace *p, unsigned own, int64_t now_ns);
/* How many it works on at a time, by all that was ever told, learnt or guessed; 0: not known. */
unsigned pace_width(const struct pace *p);

/* What is known to be there, for who must not be wrong. */
struct pace_crowd {
    unsigned jobs;   /* requests, ours and others' */
    unsigned queued; /* those that waited at the last reading */
    unsigned unread; /* ours that came since then, beyond those that ended */
    unsigned width; /* as it was told, or learnt and readings still come that could mend it; or 0 */
};
struct pace_crowd pace_crowd(const struct pace *p, unsigned own, int64_t now_ns);

/* The time of a request that does not wait; 0: not known, as there are too few measures, or for a
 * minute there was none. */
int64_t pace_service_ns(const struct pace *p, int64_t now_ns);

/* Until a model is loaded: as measured, or 10 s. */
int64_t pace_loading_ns(const struct pace *p);

/* How much of its weight a node has that came `slow_start_ns` ago or less: a tenth at first, then
 * more and more of it up to 1. */
double pace_warmth(const struct pace *p, int64_t slow_start_ns, int64_t now_ns);

/* The next request there waits for its model to be loaded, and will say how long that took. */
void pace_expect_load(struct pace *p);

/* One request's stay at the node. */
struct pace_stay {
    int64_t began_ns;
    unsigned before; /* requests that were there already */
    bool loads;
};
struct pace_stay pace_arrive(struct pace *p, unsigned own_before, int64_t now_ns);
/* It was answered. */
void pace_served(struct pace *p, const struct pace_stay *stay, int64_t now_ns);
