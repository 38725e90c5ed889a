/*
 * Engines that are not there: events in the order of their time, nothing sleeps, and one seed gives
 * one run. An engine works on so many requests at a time, first come first served, and tells now
 * and then what runs and what waits there.
 */
#pragma once

#include "base/clock.h"
#include "fleet/pace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIM_WIDTH = 16, SIM_ENGINES = 256 };

struct sim_engine {
    double speed; /* work a second */
    unsigned width;
    double free_at[SIM_WIDTH]; /* when each of its seats is free, s */
    struct pace pace;
    unsigned own; /* of our requests, those that are there */
};

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_draw(struct sim_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Above 0, up to 1. */
static inline double sim_uniform(struct sim_random *r)
{
    return ((double)(sim_draw(r) >> 11) + 1) * 0x1p-53;
}

static inline double sim_exponential(struct sim_random *r, double mean)
{
    return -mean * log(sim_uniform(r));
}

static inline int64_t sim_ns(double s)
{
    return (int64_t)(s * (double)NS_PER_S) + NS_PER_S; /* 0 would be before the clock began */
}

static inline unsigned sim_seat(const struct sim_engine *e)
{
    unsigned first = 0;

    for (unsigned i = 1; i < e->width; i++)
        if (e->free_at[i] < e->free_at[first])
            first = i;
    return first;
}

/* How long a request that comes now would wait. */
static inline double sim_wait(const struct sim_engine *e, double now)
{
    double at = e->free_at[sim_seat(e)];
    return at > now ? at - now : 0;
}

/* It is given the request; when it will be answered. */
static inline double sim_take(struct sim_engine *e, double now, double work)
{
    unsigned seat = sim_seat(e);
    double from = e->free_at[seat] > now ? e->free_at[seat] : now;

    return e->free_at[seat] = from + work / e->speed;
}

/* A request on its way; `ours` are those whose engine the balance chose. */
struct sim_request {
    double came, begins, ends;
    unsigned engine, tag;
    bool ours;
    struct pace_stay stay;
};

enum { SIM_IN_FLIGHT = 4096 };

struct sim {
    struct sim_engine engines[SIM_ENGINES];
    unsigned n_engines;
    struct sim_request flight[SIM_IN_FLIGHT];
    unsigned n_flight;
    struct sim_random random;
    double read_every, next_reading;
};

static inline void sim_send(struct sim *s, unsigned engine, double now, double work, bool ours)
{
    struct sim_engine *e = &s->engines[engine];
    struct sim_request r = {.came = now, .engine = engine, .ours = ours};

    r.begins = now + sim_wait(e, now);
    r.ends = sim_take(e, now, work);
    if (ours)
        r.stay = pace_arrive(&e->pace, e->own++, sim_ns(now));
    assert_true(s->n_flight < SIM_IN_FLIGHT);
    s->flight[s->n_flight++] = r;
}

static inline void sim_end_until(struct sim *s, double now)
{
    for (;;) {
        unsigned first = s->n_flight;
        for (unsigned i = 0; i < s->n_flight; i++)
            if (s->flight[i].ends <= now &&
                (first == s->n_flight || s->flight[i].ends < s->flight[first].ends))
                first = i;
        if (first == s->n_flight)
            return;
        struct sim_request r = s->flight[first];
        s->flight[first] = s->flight[--s->n_flight];
        if (!r.ours)
            continue;
        s->engines[r.engine].own--;
        pace_served(&s->engines[r.engine].pace, &r.stay, sim_ns(r.ends));
    }
}

static inline void sim_read_all(struct sim *s, double now)
{
    for (unsigned i = 0; i < s->n_engines; i++) {
        struct node_load load = LOAD_UNKNOWN;
        load.running = load.queued = 0;
        for (unsigned k = 0; k < s->n_flight; k++) {
            const struct sim_request *r = &s->flight[k];
            if (r->engine == i)
                ++*(r->begins <= now ? &load.running : &load.queued);
        }
        pace_read(&s->engines[i].pace, &load, s->engines[i].own, sim_ns(now),
                  sim_ns(now + 5 * s->read_every));
    }
}

/* All that happens up to now: requests end, engines are read. */
static inline void sim_until(struct sim *s, double now)
{
    while (s->next_reading <= now) {
        sim_end_until(s, s->next_reading);
        sim_read_all(s, s->next_reading);
        s->next_reading += s->read_every;
    }
    sim_end_until(s, now);
}

static inline int sim_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts. */
static inline double sim_percentile(double *values, unsigned n, double part)
{
    qsort(values, n, sizeof(*values), sim_compare);
    return values[(unsigned)((n - 1) * part)];
}
