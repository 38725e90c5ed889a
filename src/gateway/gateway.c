#include "gateway/gateway.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/anchor_hook.h"
#include "gateway/connection.h"
#include "gateway/watch.h"
#include "gateway/watchdog.h"
#include "run/task.h"
#include "run/tls.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TRIM_MS = 5000,       /* how often idle upstream connections are looked at */
    HOURS_MS = 60 * 1000, /* how often the nodes' hours are written */
    LAST_MS = 5,          /* how often the last tasks of a loop are looked for */
    ADMIN_CONNECTIONS = 64,
};

struct fleet *gateway_fleet(struct gateway *g)
{
    lock_take(&g->mutex);
    struct fleet *f = fleet_ref(g->fleet);
    lock_release(&g->mutex);
    return f;
}

const char *gateway_health(struct gateway *g, int *ret_status)
{
    struct fleet *f = gateway_fleet(g);
    bool required = fleet_config(f)->ledger_required;

    fleet_unref(f);
    *ret_status = 503;
    if (atomic_load(&g->draining))
        return "draining";
    if (ledger_failing(g->ledger, NULL)) {
        if (required)
            return "ledger_unavailable";
        *ret_status = 200;
        return "ok, but the ledger is not written";
    }
    *ret_status = 200;
    return "ok";
}

/* ---- housekeeping of each loop --------------------------------------------------------------- */

static void flush_ledger(void *arg)
{
    struct gateway *g = arg;
    ledger_flush(g->ledger);
}

static void keep_house(void *arg)
{
    struct gateway *g = arg;

    while (!atomic_load(&g->draining) && task_sleep_ms(TRIM_MS) != WAIT_CANCELLED) {
        for (struct node *n = node_first(); n; n = n->next)
            http_origin_trim(&n->origin, n->origin.idle_ms);
        answers_expire(&g->answers, clock_mono_ns());
    }
    /* The last one on this loop closes what the others gave back. */
    while (loop_tasks(loop_current()) > 1)
        if (task_park(loop_now_ns() + LAST_MS * NS_PER_MS, TASK_UNCANCELLABLE) == WAIT_CANCELLED)
            break;
    for (struct node *n = node_first(); n; n = n->next)
        http_origin_trim(&n->origin, 0);
}

static void write_hours(struct gateway *g)
{
    struct fleet *f = gateway_fleet(g);
    const struct config *c = fleet_config(f);

    for (unsigned i = 0; i < c->n_backends; i++) {
        struct fleet_set *set = fleet_set_ref(f, i);
        for (unsigned k = 0; k < set->n; k++)
            watch_hours(g, &c->backends[i], set->nodes[k].node);
        fleet_set_unref(set);
    }
    fleet_unref(f);
}

static void limit_answers(struct gateway *g, const struct config *c)
{
    bool keep = c->responses_store == RESPONSES_STORE_MEMORY;
    answers_limit(&g->answers, keep ? c->responses_max_bytes : 0, c->responses_keep_ms * NS_PER_MS,
                  clock_mono_ns());
}

/* ---- reload ---------------------------------------------------------------------------------- */

struct reload_job {
    struct offload_job job;
    char *path;
    struct config *config;
    struct error error;
};

static void run_reload(struct offload_job *job)
{
    struct reload_job *j = (struct reload_job *)job;
    j->config = config_load(j->path, VIEW_NONE, &j->error);
}

static void drop_reload(struct offload_job *job)
{
    struct reload_job *j = (struct reload_job *)job;
    config_unref(j->config);
    free(j->path);
    free(j);
}

static bool replace(struct gateway *g, struct config *next, struct error *err)
{
    struct fleet *f, *before = gateway_fleet(g);
    bool ok = config_may_follow(fleet_config(before), next, err);

    fleet_unref(before);
    if (!ok || !(f = fleet_new(next, err)))
        return false;
    fleet_inherit(f, g->fleet);
    if (!watch_begin(g, f, err)) {
        fleet_unref(f);
        return false;
    }
    lock_take(&g->mutex);
    before = g->fleet;
    g->fleet = f;
    lock_release(&g->mutex);
    fleet_unref(before);
    limit_answers(g, next);
    return true;
}

static void reload(struct gateway *g)
{
    struct fleet *f = gateway_fleet(g);
    struct view path = fleet_config(f)->path;
    struct reload_job *j = path.n ? calloc(1, sizeof(*j)) : NULL;

    if (j) {
        j->job = (struct offload_job){.run = run_reload, .drop = drop_reload};
        j->path = strndup(path.p, path.n);
    }
    fleet_unref(f);
    if (!j) {
        log_warn("reload", "there is no configuration file to read again");
        return;
    }
    if (task_offload(OFFLOAD_CPU, &j->job, TIMER_NEVER) != WAIT_READY)
        return;
    if (j->config && replace(g, j->config, &j->error)) {
        atomic_fetch_add(&g->reloads, 1);
        log_info("reload", "file=%s: taken over", j->path);
    } else {
        atomic_fetch_add(&g->reloads_refused, 1);
        log_error("reload_refused", "%s %s (the old configuration stays)", j->error.text,
                  j->error.hint);
    }
    offload_release(&j->job);
}

/* ---- stop ------------------------------------------------------------------------------------ */

/* A message to a loop: end your connections. */
struct cancel_message {
    struct loop_message message;
    struct gateway *gateway;
    bool all;
};

static void cancel_here(struct loop_message *m)
{
    struct cancel_message *c = (struct cancel_message *)m;
    connection_cancel(c->gateway, c->all);
    free(c);
}

static void cancel_connections(struct gateway *g, bool all)
{
    for (unsigned i = 0; i < g->n_loops; i++) {
        struct cancel_message *c = calloc(1, sizeof(*c));
        if (!c)
            continue;
        *c = (struct cancel_message){{.fn = cancel_here}, g, all};
        loop_post(g->loops[i], &c->message);
    }
}

static void drain(struct gateway *g)
{
    struct fleet *f = gateway_fleet(g);
    int64_t until = clock_mono_ns() + fleet_config(f)->drain_ms * NS_PER_MS;

    fleet_unref(f);
    atomic_store(&g->draining, true);
    log_info("drain", "no new connections; %u running ones may end",
             atomic_load(&g->listener.connections));
    listener_stop(&g->listener);
    close(g->listener.fd); /* with the parent's copy gone too, the port refuses */
    cancel_connections(g, false);
    while (atomic_load(&g->listener.connections) > 0 && clock_mono_ns() < until) {
        task_sleep_ms(10);
        cancel_connections(g, false); /* those that became idle meanwhile */
    }
    if (atomic_load(&g->listener.connections) > 0)
        log_warn("drain", "%u connections did not end in time and are cut",
                 atomic_load(&g->listener.connections));
    cancel_connections(g, true);
    listener_stop(&g->admin_listener);
    watch_end(g);
    anchor_hook_stop(g->anchor_hook);
    for (unsigned i = 0; i < g->n_loops; i++)
        loop_stop(g->loops[i]);
}

/* Loop 0: signals, and what is to be done now and then. */
static void attend(void *arg)
{
    struct gateway *g = arg;
    struct signalfd_siginfo info;
    struct io signals;
    struct error err;
    sigset_t set;
    int64_t hours_at = clock_mono_ns() + HOURS_MS * NS_PER_MS;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (!io_open(&signals, signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), &err)) {
        log_error("signals", "%s", err.text);
        drain(g);
        return;
    }
    for (;;) {
        enum wait_result w = io_wait_readable(&signals, hours_at);
        if (w == WAIT_TIMEOUT) {
            write_hours(g);
            hours_at = clock_mono_ns() + HOURS_MS * NS_PER_MS;
            continue;
        }
        if (read(signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
            signals.can_read = false;
            continue;
        }
        if (info.ssi_signo != SIGHUP)
            break;
        reload(g);
    }
    io_close(&signals);
    drain(g);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static bool start_thread(pthread_t *thread, void *(*fn)(void *), void *arg, size_t stack_bytes,
                         struct error *err)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, stack_bytes);
    int failure = pthread_create(thread, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    return failure == 0 ||
           error_set(err, ERROR_NO_MEMORY, "cannot start a thread: %s", strerror(failure));
}

static unsigned count_loops(const struct config *c)
{
    long n = c->loops ? (long)c->loops : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > HTTP_MAX_LOOPS ? HTTP_MAX_LOOPS : (unsigned)n;
}

/* Reads trust stores now, off the loops, so that the first TLS request need not. */
static void preload_trust(const struct config *c)
{
    for (unsigned i = 0; i < c->n_backends; i++) {
        const struct config_backend *b = &c->backends[i];
        bool tls = b->discover.url.tls;
        for (unsigned k = 0; k < b->n_nodes; k++)
            tls |= b->nodes[k].url.tls;
        if (tls)
            tls_preload(b->ca_file);
    }
}

static bool open_duties(struct gateway *g, struct view ledger_path, struct error *err)
{
    struct buf path = BUF_MAX(8192);

    buf_printf(&path, "%.*s.nodes", VIEW_ARG(ledger_path));
    g->duties = duties_open(buf_view(&path), err);
    buf_done(&path);
    if (g->duties)
        node_when_new(duties_apply, g->duties);
    return g->duties != NULL;
}

static bool prepare(struct gateway *g, struct config *c, const struct gateway_sockets *sockets,
                    listener_serve_fn *admin_serve, struct error *err)
{
    struct ledger_options options = {
        .path = c->ledger_path,
        .sync = c->ledger_sync,
        .key = c->ledger_key,
        .anchor = {.file = c->ledger_anchor_file, .syslog = c->ledger_anchor_syslog},
    };

    g->n_loops = count_loops(c);
    g->started_wall_ms = clock_wall_ms();
    pthread_mutex_init(&g->mutex, NULL);
    for (unsigned i = 0; i < g->n_loops; i++) {
        list_init(&g->connections[i]);
        g->memories[i] = inspect_memory_new();
        g->loops[i] = loop_new(i, err);
        if (!g->loops[i] || !task_spawn(g->loops[i], "house", keep_house, g))
            return false;
    }
    g->ledger = ledger_open(&options, err);
    if (!g->ledger)
        return false;
    if (!open_duties(g, c->ledger_path, err))
        return false;
    g->fleet = fleet_new(c, err);
    if (!g->fleet || !anchor_hook_start(g, c, g->loops[0], &g->anchor_hook, err))
        return false;
    for (unsigned i = 0; i < g->n_loops; i++)
        loop_on_turn(g->loops[i], flush_ledger, g);
    g->affinity = affinity_new();
    if (!g->affinity)
        return error_set(err, ERROR_NO_MEMORY, "no memory for the table of prompts");
    answers_init(&g->answers);
    limit_answers(g, c);
    g->listener = (struct listener){.fd = sockets->listen,
                                    .loops = g->loops,
                                    .n_loops = g->n_loops,
                                    .max_connections = c->max_connections,
                                    .serve = connection_serve,
                                    .arg = g};
    g->admin_listener = (struct listener){.fd = sockets->admin,
                                          .loops = g->loops,
                                          .n_loops = 1,
                                          .max_connections = ADMIN_CONNECTIONS,
                                          .serve = admin_serve,
                                          .arg = g};
    return true;
}

/* The first task of loop 0: everything that needs a running loop. */
static void begin(void *arg)
{
    struct gateway *g = arg;
    struct error err;

    if (!listener_start(&g->listener, &err) || !listener_start(&g->admin_listener, &err)) {
        log_error("start", "%s", err.text);
        drain(g);
        return;
    }
    if (!watch_begin(g, g->fleet, &err)) {
        log_error("start", "%s", err.text);
        drain(g);
        return;
    }
    if (!task_spawn(loop_current(), "room", watch_room, g))
        log_error("start", "no memory to watch the nodes' room");
    preload_trust(fleet_config(g->fleet));
    attend(g);
}

static void close_all(struct gateway *g)
{
    write_hours(g);
    ledger_close(g->ledger);
    anchor_hook_free(g->anchor_hook);
    answers_done(&g->answers);
    affinity_free(g->affinity);
    fleet_unref(g->fleet);
    node_when_new(NULL, NULL);
    duties_close(g->duties);
    node_free_all();
    for (unsigned i = 0; i < g->n_loops; i++) {
        inspect_memory_free(g->memories[i]);
        loop_free(g->loops[i]);
    }
    pthread_mutex_destroy(&g->mutex);
}

/* Bodies come and go by the hundred kilobytes: giving that memory back to the kernel each time
 * costs a page fault for every 4 KiB of the next one. */
static void keep_freed_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

int gateway_run(struct config *config, const struct gateway_sockets *sockets,
                listener_serve_fn *admin_serve)
{
    static struct gateway gateway;
    struct gateway *g = &gateway;
    pthread_t threads[HTTP_MAX_LOOPS] = {pthread_self()}, watchdog;
    struct watchdog dog = {.loops = g->loops};
    struct error err;

    keep_freed_memory();
    if (!prepare(g, config, sockets, admin_serve, &err) ||
        !task_spawn(g->loops[0], "main", begin, g)) {
        log_error("start", "%s %s", err.text, err.hint);
        return 1;
    }
    for (unsigned i = 1; i < g->n_loops; i++)
        if (!start_thread(&threads[i], run_loop, g->loops[i], 256 * 1024, &err)) {
            log_error("start", "%s", err.text);
            return 1;
        }
    for (unsigned i = 0; i < g->n_loops; i++)
        watchdog_add(&dog, threads[i]);
    if (!start_thread(&watchdog, watchdog_run, &dog, 64 * 1024, &err)) {
        log_error("start", "%s", err.text);
        return 1;
    }
    loop_run(g->loops[0]);
    for (unsigned i = 1; i < g->n_loops; i++)
        pthread_join(threads[i], NULL);
    pthread_cancel(watchdog);
    pthread_join(watchdog, NULL);
    close_all(g);
    log_info("stopped", "all answers have ended");
    return 0;
}
