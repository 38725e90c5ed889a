/*
 * Parent and child (after Varnish's manager): the parent opens the sockets, starts the child that
 * serves, and starts it again when it crashes. A crash costs the streams in flight, never the port.
 * The child dies with its parent.
 */
#include "cli/serve.h"

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/common.h"
#include "run/resident.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LEFTOVER_MS = 1000,      /* for jobs that were left behind */
    QUICK_MS = 2000,         /* a child that lived shorter than this failed at once */
    FIRST_PAUSE_MS = 100,    /* before the next one, doubled each time ... */
    LONGEST_PAUSE_MS = 5000, /* ... up to this */
    START_TRIES = 12
};

static const char usage[] =
    "usage: weir serve [--config FILE]\n"
    "\n"
    "Serves OpenAI's, Anthropic's and Ollama's APIs on `listen` (127.0.0.1:8484) and answers each\n"
    "request from a self-hosted engine (inside) or a managed API (outside). Metrics and health on\n"
    "`admin` (127.0.0.1:8485). SIGTERM drains and ends, SIGHUP reads the config again.\n"
    "\n"
    "  -c, --config FILE   default: weir.yaml here, /etc/weir/weir.yaml, else what is found on\n"
    "                      this machine (Ollama, vLLM, llama-server, OPENAI_API_KEY)\n";

/* ---- what will be done, for the screen ------------------------------------------------------- */

static void say_backend(const struct config_backend *b)
{
    fprintf(stderr, "  %-8s %-12s %-9s", side_name(b->side), b->name.p, engine_name(b->engine));
    for (unsigned i = 0; i < b->n_nodes; i++)
        fprintf(stderr, "%s%.*s", i ? ", " : " ", VIEW_ARG(b->nodes[i].url.text));
    if (b->discover.from != DISCOVER_NOTHING)
        fprintf(
            stderr, " looked up: %.*s",
            VIEW_ARG(b->discover.from == DISCOVER_FILE ? b->discover.file : b->discover.url.text));
    fprintf(stderr, "  models: ");
    for (unsigned i = 0; i < b->n_models; i++)
        fprintf(stderr, "%s%.*s", i ? ", " : "", VIEW_ARG(b->models[i].name));
    fprintf(stderr, "%s\n", b->n_models ? "" : "the engine's own list");
}

static void say_matrix(const struct config *c)
{
    for (unsigned side = 0; side < 3; side++) {
        static const char *const where[] = {"goes inside: ", "goes outside:", "by complexity:"};
        bool any = false;
        for (unsigned i = 0; i < TASK_COUNT; i++) {
            enum placement p = c->policy.matrix[i].placement;
            unsigned group = p == PLACE_INSIDE || p == PLACE_INSIDE_ONLY     ? 0
                             : p == PLACE_OUTSIDE || p == PLACE_OUTSIDE_ONLY ? 1
                                                                             : 2;
            if (group != side)
                continue;
            fprintf(stderr, "%s%s", any ? ", " : "  ", any ? "" : where[side]);
            fprintf(stderr, "%s%s", any ? "" : " ", task_name((enum task_kind)i));
            any = true;
        }
        fprintf(stderr, "%s", any ? "\n" : "");
    }
}

static void say_plan(const struct config *c)
{
    fprintf(stderr, "backends\n");
    for (unsigned i = 0; i < c->n_backends; i++)
        say_backend(&c->backends[i]);
    fprintf(stderr, "model `auto`\n");
    say_matrix(c);
    fprintf(stderr,
            "ledger   %.*s (%s%s)\n"
            "serving  http://%.*s/v1   admin http://%.*s/metrics\n",
            VIEW_ARG(c->ledger_path),
            c->ledger_sync == LEDGER_SYNC_FULL ? "survives power loss" : "survives a crash",
            c->ledger_required ? "" : "; not required", VIEW_ARG(c->listen.text),
            VIEW_ARG(c->admin.text));
}

/* ---- parent ---------------------------------------------------------------------------------- */

struct parent {
    struct config *config;
    struct gateway_sockets sockets;
    pid_t child;
    int64_t child_began_ns;
    int64_t pause_ms;
    sigset_t signals; /* those that the parent waits for; blocked */
};

static pid_t start_child(struct parent *p)
{
    pid_t parent = getpid(), pid = fork();

    if (pid != 0) {
        p->child_began_ns = clock_mono_ns();
        resident_give_back_code(); /* from here on it waits for signals */
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); /* the parent died before it could be watched */
    prctl(PR_SET_NAME, "weir-serve");
    int status = gateway_run(p->config, &p->sockets, admin_serve);
    if (!offload_idle_within(LEFTOVER_MS))
        _exit(status); /* a name server that hangs keeps nobody from ending */
    exit(status);
}

/* A bad file never reaches the child: it is read here first, and what was read is also what the
 * next child starts with. */
static void reload(struct parent *p)
{
    struct error err;
    struct config *next;

    if (p->config->path.n == 0) {
        log_warn("reload", "there is no configuration file to read again");
        return;
    }
    next = config_load(p->config->path.p, VIEW_NONE, &err);
    if (!next || !config_may_follow(p->config, next, &err)) {
        log_error("reload_refused", "%s %s (the old configuration stays)", err.text, err.hint);
        config_unref(next);
        return;
    }
    config_unref(p->config);
    p->config = next;
    kill(p->child, SIGHUP);
}

/* A machine short of memory or processes may have some again in a moment. False: it has not, and
 * there is no child. */
static bool start_patiently(struct parent *p)
{
    for (int i = 0; i < START_TRIES; i++) {
        p->child = start_child(p);
        if (p->child > 0)
            return true;
        log_error("fork", "%s", strerror(errno));
        usleep(LONGEST_PAUSE_MS * 1000);
    }
    return false;
}

static void log_end(pid_t pid, int status)
{
    if (WIFSIGNALED(status))
        log_error("child_died", "pid=%d signal=%d", (int)pid, WTERMSIG(status));
    else
        log_error("child_died", "pid=%d exit=%d", (int)pid, WEXITSTATUS(status));
}

/* The child ended by itself: pause when it was quick to, then start the next. */
static bool restart(struct parent *p)
{
    int64_t lived_ms = (clock_mono_ns() - p->child_began_ns) / NS_PER_MS;

    p->pause_ms = lived_ms > QUICK_MS ? 0 : p->pause_ms ? p->pause_ms * 2 : FIRST_PAUSE_MS;
    if (p->pause_ms > LONGEST_PAUSE_MS)
        p->pause_ms = LONGEST_PAUSE_MS;
    if (p->pause_ms > 0)
        usleep((useconds_t)p->pause_ms * 1000);
    if (!start_patiently(p))
        return false;
    log_info("child_started", "pid=%d", (int)p->child);
    return true;
}

static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Until a signal to stop, or a child that cannot start at all. */
static int keep_alive(struct parent *p)
{
    bool stopping = false, ever_served = false;
    int status, signal;

    for (;;) {
        if (sigwait(&p->signals, &signal) != 0)
            continue;
        if (signal == SIGHUP) {
            reload(p);
        } else if (signal != SIGCHLD && !stopping) {
            stopping = true;
            close(p->sockets.listen);
            close(p->sockets.admin);
            kill(p->child, SIGTERM);
        }
        if (waitpid(p->child, &status, WNOHANG) != p->child)
            continue;
        if (stopping)
            return status_of(status);
        log_end(p->child, status);
        ever_served |= clock_mono_ns() - p->child_began_ns > QUICK_MS * NS_PER_MS;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && !ever_served)
            return 1; /* it said why it cannot serve */
        if (!restart(p))
            return 1;
    }
}

/* One descriptor a client and one an upstream. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool open_sockets(struct parent *p, struct error *err)
{
    p->sockets.listen = listener_open(p->config->listen.host, p->config->listen.port, err);
    if (p->sockets.listen < 0)
        return false;
    p->sockets.admin = listener_open(p->config->admin.host, p->config->admin.port, err);
    return p->sockets.admin >= 0;
}

static void block_signals(struct parent *p)
{
    sigemptyset(&p->signals);
    sigaddset(&p->signals, SIGTERM);
    sigaddset(&p->signals, SIGINT);
    sigaddset(&p->signals, SIGHUP);
    sigaddset(&p->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &p->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int cli_serve(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct parent p = {0};
    const char *path = NULL;
    struct error err;

    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else {
            fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (!cli_takes_no_more("serve", argc, argv))
        return 2;
    p.config = cli_load(path);
    if (!p.config)
        return 1;
    block_signals(&p);
    raise_descriptor_limit();
    if (!open_sockets(&p, &err)) {
        config_unref(p.config);
        return cli_fail(&err);
    }
    say_plan(p.config);
    p.child = start_child(&p);
    if (p.child < 0) {
        error_set(&err, ERROR_IO, "cannot start the serving process: %s", strerror(errno));
        return cli_fail(&err);
    }
    int status = keep_alive(&p);
    config_unref(p.config);
    return status;
}
