#include "cli/common.h"

#include "cli/discover.h"
#include "fleet/discover.h"
#include "fleet/load_read.h"
#include "fleet/probe.h"
#include "run/task.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cli_fail(const struct error *err)
{
    fprintf(stderr, "weir: %s\n", err->text);
    if (err->hint[0])
        fprintf(stderr, "      %s\n", err->hint);
    return 1;
}

int cli_misuse(const char *command, const char *format, ...)
{
    va_list args;

    fputs("weir: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n      see `weir %s --help`\n", command);
    return 2;
}

bool cli_takes_no_more(const char *command, int argc, char **argv)
{
    if (optind == argc)
        return true;
    cli_misuse(command, "`weir %s` cannot do anything with '%s'", command, argv[optind]);
    return false;
}

static const char *usual_file(void)
{
    static const char *const places[] = {"weir.yaml", "/etc/weir/weir.yaml"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return NULL;
}

struct config *cli_load(const char *path)
{
    struct error err;
    struct config *c;

    if (!path)
        path = usual_file();
    if (path) {
        c = config_load(path, VIEW_NONE, &err);
        fprintf(stderr, "config: %s\n", path);
    } else {
        fprintf(stderr, "config: no file; looking for engines on this machine\n");
        c = discover(&err);
    }
    if (!c) {
        cli_fail(&err);
        return NULL;
    }
    fprintf(stderr, "%.*s", VIEW_ARG(config_warnings(c)));
    return c;
}

enum { READ_BYTES = 64 * 1024 };

bool cli_read_file(const char *path, size_t max, const char *what, struct buf *ret_text,
                   struct error *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t got = 0;

    *ret_text = BUF_MAX(max + READ_BYTES);
    if (!f)
        return error_set(err, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
    for (char *to;
         (to = buf_reserve(ret_text, READ_BYTES)) && (got = fread(to, 1, READ_BYTES, f)) > 0;)
        ret_text->len += got;
    bool failed = ferror(f);
    if (f != stdin)
        fclose(f);
    if (failed)
        return error_set(err, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
    return (buf_ok(ret_text) && ret_text->len <= max) ||
           error_set(err, ERROR_BODY_TOO_LARGE, "%s is longer than %s", path, what);
}

struct on_loop {
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

static void run(void *arg)
{
    struct on_loop *o = arg;
    o->fn(o->arg);
    loop_stop(o->loop);
}

bool cli_on_loop(void (*fn)(void *arg), void *arg, struct error *err)
{
    struct on_loop o = {.loop = loop_new(0, err), .fn = fn, .arg = arg};

    if (!o.loop)
        return false;
    signal(SIGPIPE, SIG_IGN); /* a TLS server that goes away while we write is an error, no end */
    bool ok = task_spawn(o.loop, "command", run, &o) != NULL;
    if (ok)
        loop_run(o.loop);
    else
        error_set(err, ERROR_NO_MEMORY, "no memory for a task");
    loop_free(o.loop);
    return ok;
}

/* ---- asking all nodes ------------------------------------------------------------------------ */

enum { LOAD_COUNTS_MS = 60 * 1000 }; /* for as long as a command needs it */

struct round {
    struct fleet *fleet;
    int64_t timeout_ms;
    cli_report_fn *report;
    void *arg;
    unsigned running;
    struct task *waiter;
};

struct ask {
    struct round *round;
    struct node *node;
    const struct config_backend *backend;
};

/* What it does not say stays unknown. */
static void read_load(const struct ask *k)
{
    struct load_reader reader = {0};
    struct node_load load;
    struct error ignored;

    if (load_can_be_read(k->node) &&
        load_read(&reader, k->round->fleet, k->node, k->backend, &load, &ignored))
        node_set_load(k->node, &load, LOAD_COUNTS_MS);
}

static void ask_node(void *arg)
{
    struct ask *k = arg;
    struct round *r = k->round;
    struct error err = {.code = ERROR_NONE};

    struct node_models *m = probe_models(r->fleet, k->node, k->backend, r->timeout_ms, &err);
    if (r->report)
        r->report(k->backend, k->node, m, &err, r->arg);
    if (m) {
        node_set_models(k->node, m);
        read_load(k);
    }
    http_origin_trim(&k->node->origin, 0);
    free(k);
    if (--r->running == 0)
        task_wake(r->waiter);
}

/* Nodes that are not in the config: one look. */
static void find_nodes(const struct round *r, unsigned backend)
{
    const struct config_backend *b = &fleet_config(r->fleet)->backends[backend];
    struct error err;

    if (b->discover.from != DISCOVER_NOTHING && !discover_now(r->fleet, backend, &err) && r->report)
        r->report(b, NULL, NULL, &err, r->arg);
}

void cli_probe_fleet(struct fleet *f, int64_t timeout_ms, cli_report_fn *report, void *arg)
{
    const struct config *c = fleet_config(f);
    struct round r = {.fleet = f,
                      .timeout_ms = timeout_ms,
                      .report = report,
                      .arg = arg,
                      .waiter = task_current()};

    for (unsigned i = 0; i < c->n_backends; i++) {
        find_nodes(&r, i);
        struct fleet_set *set = fleet_set_ref(f, i);
        for (unsigned k = 0; k < set->n; k++) {
            struct ask *ask = malloc(sizeof(*ask));
            if (!ask)
                continue;
            *ask = (struct ask){&r, set->nodes[k].node, &c->backends[i]};
            if (task_spawn(loop_current(), "ask", ask_node, ask))
                r.running++;
            else
                free(ask);
        }
        fleet_set_unref(set);
    }
    while (r.running > 0)
        if (task_park(TIMER_NEVER, TASK_UNCANCELLABLE) != WAIT_READY)
            break;
    fleet_refresh(f);
    fleet_set_known(f);
}
