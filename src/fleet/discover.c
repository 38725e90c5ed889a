#include "fleet/discover.h"

#include "base/clock.h"
#include "base/hash.h"
#include "fleet/found.h"
#include "run/task.h"

#include <stdlib.h>

enum {
    FILE_INTERVAL_MS = 1000,
    AT_FIRST_MS = 1000, /* between looks while none has found anything */
    TELL_AGAIN_MS = 10 * 60 * 1000,
};

/* One backend. */
struct seeker {
    struct discover *discover;
    unsigned backend;
    struct task *task;
    struct found_stamp seen;
    bool looked; /* the first look is over */
    int64_t failing_since_ns, told_ns;
    uint64_t reason; /* of the failure that was told */
};

struct discover {
    struct fleet *fleet;
    struct discover_ears ears;
    struct seeker *seekers;
    unsigned n, running;
    bool stopping;
};

static void discover_done(struct discover *d)
{
    fleet_unref(d->fleet);
    free(d->seekers);
    free(d);
}

static const struct config_backend *backend_of(const struct seeker *s)
{
    return &fleet_config(s->discover->fleet)->backends[s->backend];
}

/* Gives the fleet what was found. `*ret_before`: NULL where nothing changed. */
static bool look(struct fleet *f, unsigned backend, struct found_stamp *seen,
                 struct fleet_set **ret_before, bool *ret_more, struct error *err)
{
    struct fleet_lookups *told = fleet_lookups(f, backend);
    struct config *c = fleet_config(f);
    struct found found;

    *ret_before = NULL;
    bool ok = found_look(c, &c->backends[backend], seen, &found, err);
    if (ok) {
        *ret_more = found.more;
        ok = found.same || fleet_found(f, backend, found.nodes, found.n, ret_before, err);
        found_done(&found);
    }
    if (ok)
        atomic_store(&told->good_ms, clock_wall_ms());
    else if (err->code != ERROR_CANCELLED)
        atomic_fetch_add(&told->failures, 1);
    return ok;
}

bool discover_now(struct fleet *f, unsigned backend, struct error *err)
{
    struct found_stamp seen = {0};
    struct fleet_set *before;
    bool more;

    bool ok = look(f, backend, &seen, &before, &more, err);
    fleet_set_unref(before);
    atomic_store(&fleet_lookups(f, backend)->looked, true);
    return ok;
}

static void succeeded(struct seeker *s, struct fleet_set *before, bool more)
{
    struct discover *d = s->discover;
    struct fleet_set *now = fleet_set_ref(d->fleet, s->backend);

    if (before || !s->looked || s->failing_since_ns) {
        s->failing_since_ns = 0;
        d->ears.found(backend_of(s), before, now, more, d->ears.arg);
    }
    fleet_set_unref(now);
}

static void failed(struct seeker *s, const struct error *why)
{
    struct discover *d = s->discover;
    uint64_t reason = hash_bytes(view_str(why->text));
    int64_t now = clock_mono_ns();
    bool first = s->failing_since_ns == 0;

    if (first)
        s->failing_since_ns = now;
    if (!first && reason == s->reason && now - s->told_ns < TELL_AGAIN_MS * NS_PER_MS)
        return;
    s->reason = reason;
    s->told_ns = now;
    d->ears.failed(backend_of(s), why, (now - s->failing_since_ns) / NS_PER_MS, d->ears.arg);
}

static int64_t pause_ms(const struct seeker *s, const struct fleet_lookups *told)
{
    const struct config_discover *c = &backend_of(s)->discover;
    int64_t ms = c->from == DISCOVER_FILE ? FILE_INTERVAL_MS : c->interval_ms;

    if (atomic_load(&told->good_ms) == 0 && ms > AT_FIRST_MS)
        ms = AT_FIRST_MS;
    return ms - (int64_t)(hash_mix((uint64_t)clock_mono_ns()) % (uint64_t)(ms / 10 + 1));
}

static void seek(void *arg)
{
    struct seeker *s = arg;
    struct discover *d = s->discover;
    struct fleet_lookups *told = fleet_lookups(d->fleet, s->backend);

    while (!d->stopping && !task_cancelled()) {
        struct fleet_set *before;
        struct error err;
        bool more = false;
        bool ok = look(d->fleet, s->backend, &s->seen, &before, &more, &err);
        if (!d->stopping && !task_cancelled()) {
            atomic_store(&told->looked, true);
            if (ok)
                succeeded(s, before, more);
            else
                failed(s, &err);
            s->looked = true;
        }
        fleet_set_unref(before);
        if (task_sleep_ms(pause_ms(s, told)) == WAIT_CANCELLED)
            break;
    }
    s->task = NULL;
    if (--d->running == 0 && d->stopping)
        discover_done(d);
}

struct discover *discover_start(struct fleet *f, const struct discover_ears *ears)
{
    const struct config *c = fleet_config(f);
    struct discover *d = calloc(1, sizeof(*d));

    if (d)
        d->seekers = calloc(c->n_backends + 1, sizeof(*d->seekers));
    if (!d || !d->seekers) {
        free(d);
        return NULL;
    }
    d->fleet = fleet_ref(f);
    d->ears = *ears;
    for (unsigned i = 0; i < c->n_backends; i++) {
        if (c->backends[i].discover.from == DISCOVER_NOTHING)
            continue;
        struct seeker *s = &d->seekers[d->n++];
        *s = (struct seeker){.discover = d, .backend = i};
        s->task = task_spawn(loop_current(), "discover", seek, s);
        d->running += s->task != NULL;
    }
    return d;
}

void discover_stop(struct discover *d)
{
    if (!d)
        return;
    d->stopping = true;
    if (d->running == 0) {
        discover_done(d);
        return;
    }
    for (unsigned i = 0; i < d->n; i++)
        if (d->seekers[i].task)
            task_cancel(d->seekers[i].task);
}
