/*
 * Which backends overflow, for people: the log, metrics, `weir nodes`.
 *
 * Requests are sent by what is so at that moment (fleet/overflow.h), which may change with each of
 * them. What is told changes seldom: a backend overflows from the first request that found it full
 * until that was three seconds ago and for three seconds no more than half of what it can take was
 * there. One that began again within a minute overflows until none found it full for a minute, and
 * so does one that never is so much at rest. For loop 0.
 */
#pragma once

#include "fleet/fleet.h"

#define SATURATION_MAX 64 /* backends */

struct saturation_state {
    char name[64]; /* the backend's */
    bool overflows;
    int64_t since_ms;             /* Unix time of the last change; 0: there was none */
    int64_t full_ns, strained_ns; /* when it last was full; when more than half was there */
    int64_t ended_ns;             /* when it overflowed last; 0: never */
    bool again;                   /* it began within a minute after that */
};

struct saturation {
    struct saturation_state states[SATURATION_MAX];
    unsigned n;
};

/* One look at the inside backends of the fleet; logs what changed. */
void saturation_look(struct saturation *s, const struct fleet *f, int64_t now_ns);

/* Of the backend; NULL: it never was looked at. */
const struct saturation_state *saturation_of(const struct saturation *s, struct view backend);
