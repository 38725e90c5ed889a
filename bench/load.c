/*
 * The load of the bench. One thread, one mode a run, one line of JSON at the end.
 *
 *   load --port 8080 --mode closed  --conns 32 --settle-ms 500 --measure-ms 2000 --bytes 4096
 *   load --port 8080 --mode open    --rate 200 --settle-ms 500 --measure-ms 3000 --bytes 4096
 *   load --port 8080 --mode streams --conns 50 --events 600 --interval-us 10000 --measure-ms 4000
 *
 * closed:  each connection sends its next request when the last was answered.
 * open:    requests leave at their times, whatever happened to the ones before; latency counts
 *          from the time at which a request should have left.
 * streams: `conns` streams begin evenly over `ramp-ms`; the run ends when all have ended.
 *
 * Events and CPU count inside the window only: it opens `settle-ms` after the start (streams: after
 * the last stream began) and lasts `measure-ms` (0: all of the run, without CPU). The CPU time is
 * the one of the processes in --cpu-of, read in the moment in which the window opens and closes.
 */
#include "answer.h"
#include "common.h"
#include "prompts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 256 * 1024, PIDS_MAX = 64, DRAIN_MS = 3000 };

struct samples {
    int64_t *p;
    size_t len, cap;
};

struct conn {
    int fd; /* -1: not connected */
    bool busy, wants_write, intruder, counts;
    char *out;
    size_t out_len, out_sent, out_cap;
    int64_t due_ns; /* when the request should have left */
    int64_t first_ns;
    struct answer answer;
    struct conn *next_idle;
};

static struct {
    long port, conns, rate, bytes, events, interval_us, burst, first_us, settle_ms, measure_ms;
    long ramp_ms, core, seed, intruders, intruder_bytes, intruder_pause_ms, limit_ms;
    const char *mode, *model, *cpu_of;
    bool hold;
} opt = {
    .conns = 32,
    .rate = 200,
    .bytes = 4096,
    .interval_us = 10000,
    .burst = 1,
    .settle_ms = 500,
    .measure_ms = 2000,
    .ramp_ms = 500,
    .core = -1,
    .seed = 1,
    .intruder_bytes = 1 << 20,
    .intruder_pause_ms = 100,
    .limit_ms = 60000,
    .mode = "closed",
    .model = "auto",
    .cpu_of = "",
};

static int epoll_fd;
static struct conn *conns; /* conns + intruders; open mode: grows by conn_new() */
static struct conn *idle;
static struct samples latency, first, late;
static uint64_t requests, wrong, events_seen, disordered, lost;
static uint64_t window_requests, window_events;
static long running, begun, ended;
static int64_t start_ns, window_open_ns, window_close_ns;
static bool window_is_open, window_was_open;
static int64_t cpu_ns, window_ns;
static pid_t pids[PIDS_MAX];
static size_t n_pids;
static volatile sig_atomic_t stop;

static void samples_add(struct samples *s, int64_t value)
{
    if (s->len == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4096;
        s->p = must_grow(s->p, s->cap * sizeof *s->p);
    }
    s->p[s->len++] = value;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void samples_print(const char *name, struct samples *s)
{
    if (!s->len)
        return;
    qsort(s->p, s->len, sizeof *s->p, by_size);
    printf(",\"%s_us\":{\"n\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, s->len,
           (double)s->p[s->len / 2] / 1e3, (double)s->p[s->len * 99 / 100] / 1e3,
           (double)s->p[s->len - 1] / 1e3);
}

/* --- the window --- */

/* User and system time of other processes, threads that ended included, to the nanosecond. */
static int64_t cpu_now(void)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n_pids; i++) {
        clockid_t id;
        struct timespec t;
        if (clock_getcpuclockid(pids[i], &id) || clock_gettime(id, &t))
            die("process %d is gone", (int)pids[i]);
        sum += (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
    }
    return sum;
}

static void window_turn(int64_t now)
{
    if (window_is_open && now >= window_close_ns) {
        cpu_ns += cpu_now();
        window_ns = now - window_open_ns;
        window_is_open = false;
    } else if (opt.measure_ms && !window_was_open && window_open_ns && now >= window_open_ns) {
        window_is_open = window_was_open = true;
        window_open_ns = now;
        window_close_ns = now + opt.measure_ms * NS_PER_MS;
        cpu_ns = -cpu_now();
    }
}

static bool counting(void)
{
    return window_is_open || !opt.measure_ms;
}

/* --- connections --- */

static void on_event(void *context, int64_t stamp_ns, int64_t now_ns)
{
    struct conn *c = context;
    events_seen++;
    if (!c->first_ns)
        c->first_ns = now_ns;
    if (!counting())
        return;
    window_events++;
    samples_add(&late, now_ns - stamp_ns);
}

static void conn_watch(struct conn *c, bool wants_write, int operation)
{
    c->wants_write = wants_write;
    struct epoll_event e = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll_fd, operation, c->fd, &e);
}

static void conn_init(struct conn *c, bool intruder)
{
    c->fd = -1;
    c->intruder = intruder;
    c->answer.on_event = on_event;
    c->answer.context = c;
}

static bool conn_open(struct conn *c)
{
    c->fd = socket_connect(opt.port);
    if (c->fd >= 0)
        conn_watch(c, false, EPOLL_CTL_ADD);
    return c->fd >= 0;
}

static void conn_close(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void request_build(struct conn *c)
{
    char user[160];
    bool stream = opt.events && !c->intruder;
    if (stream)
        snprintf(user, sizeof user, "events=%ld;interval_us=%ld;burst=%ld;first_us=%ld", opt.events,
                 opt.interval_us, opt.burst, opt.first_us);
    else
        snprintf(user, sizeof user, "app-%d", (int)(requests % 8));
    struct prompt_spec spec = {.model = opt.model,
                               .user = user,
                               .stream = stream,
                               .bytes = (size_t)(c->intruder ? opt.intruder_bytes : opt.bytes)};
    static char *body;
    static size_t body_cap;
    size_t room = prompt_room(&spec);
    if (body_cap < room)
        body = must_grow(body, body_cap = room);
    size_t n = prompt_write(body, &spec);
    if (c->out_cap < n + 1024)
        c->out = must_grow(c->out, c->out_cap = n + 1024);
    int head = snprintf(c->out, 1024,
                        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n"
                        "User-Agent: OpenAI/Python 1.99.0\r\nAccept: application/json\r\n"
                        "Accept-Encoding: gzip, deflate\r\nAuthorization: Bearer sk-application\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        opt.port, n);
    memcpy(c->out + head, body, n);
    c->out_len = (size_t)head + n;
    c->out_sent = 0;
}

static void request_fail(struct conn *c);

static void request_flush(struct conn *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            request_fail(c);
            return;
        }
        if (n < 0) {
            if (!c->wants_write)
                conn_watch(c, true, EPOLL_CTL_MOD);
            return;
        }
        c->out_sent += (size_t)n;
    }
    if (c->wants_write)
        conn_watch(c, false, EPOLL_CTL_MOD);
}

static void request_begin(struct conn *c, int64_t due_ns)
{
    c->busy = true;
    c->counts = counting() && !c->intruder;
    c->due_ns = due_ns;
    c->first_ns = 0;
    running++;
    answer_reset(&c->answer);
    request_build(c);
    if (c->fd < 0 && !conn_open(c))
        request_fail(c);
    else
        request_flush(c);
}

/* The request is over; what the mode wants next is decided by the loop. */
static void request_done(struct conn *c)
{
    c->busy = false;
    running--;
    ended++;
    requests++;
    if (c->answer.close)
        conn_close(c);
    c->next_idle = idle;
    idle = c;
}

static void request_fail(struct conn *c)
{
    wrong++;
    lost += opt.events && !c->intruder ? (uint64_t)opt.events - c->answer.events : 0;
    conn_close(c);
    request_done(c);
}

static void request_answered(struct conn *c, int64_t now)
{
    unsigned events = c->intruder ? 0 : (unsigned)opt.events;
    disordered += c->answer.disordered;
    if (!answer_is_right(&c->answer, events)) {
        if (wrong < 3)
            fprintf(stderr, "bench: wrong answer: status %d, %u of %u events, end mark %s\n",
                    c->answer.status, c->answer.events, events,
                    c->answer.finished ? "seen" : "missing");
        request_fail(c);
        return;
    }
    /* Closed: what is answered inside the window. Open: what was due inside the window. */
    if (!c->intruder && (opt.mode[0] == 'c' ? counting() : c->counts)) {
        window_requests++;
        samples_add(&latency, now - c->due_ns);
        if (c->first_ns)
            samples_add(&first, c->first_ns - c->due_ns);
    }
    request_done(c);
}

static void on_ready(struct conn *c, uint32_t ready)
{
    static char bytes[READ_MAX];
    if (c->fd >= 0 && c->busy && (ready & EPOLLOUT))
        request_flush(c);
    if (c->fd < 0 || !(ready & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    int64_t now = clock_mono_ns();
    if (!c->busy) /* closed while idle, or bytes that nobody asked for */
        conn_close(c);
    else if (n <= 0 || !answer_feed(&c->answer, bytes, (size_t)n, now))
        request_fail(c);
    else if (c->answer.state == ANSWER_DONE)
        request_answered(c, now);
}

/* --- modes: each sends what is due and says when it wants to be asked again (0: never) --- */

static struct conn *idle_take(void)
{
    struct conn *c = idle;
    if (c) {
        idle = c->next_idle;
        return c;
    }
    c = must_alloc(sizeof *c);
    conn_init(c, false);
    return c;
}

static int64_t mode_closed(int64_t now)
{
    bool over = window_was_open && !window_is_open;
    struct conn *c = idle;
    idle = NULL;
    for (struct conn *next; c && !over; c = next) {
        next = c->next_idle;
        request_begin(c, now);
    }
    return over ? now : window_was_open ? window_close_ns : window_open_ns;
}

static int64_t mode_open(int64_t now)
{
    for (;;) {
        int64_t due = start_ns + begun * NS_PER_S / opt.rate;
        if (window_was_open && !window_is_open)
            return now;
        if (due > now)
            return due;
        begun++;
        request_begin(idle_take(), due);
    }
}

static int64_t mode_streams(int64_t now)
{
    static struct conn *paused; /* intruders between two requests */
    static int64_t intruders_due;
    static bool told;
    for (struct conn *c = idle, *next; c; c = next) {
        next = c->next_idle;
        if (c->intruder) {
            c->next_idle = paused;
            paused = c;
        }
    }
    idle = NULL;
    while (begun < opt.conns) {
        int64_t due = start_ns + begun * opt.ramp_ms * NS_PER_MS / opt.conns;
        if (due > now)
            return due;
        request_begin(&conns[begun++], due);
        if (begun == opt.conns)
            window_open_ns = now + opt.settle_ms * NS_PER_MS;
    }
    if (!told && now >= window_open_ns) {
        told = true;
        printf("{\"ready\":%ld}\n", running);
        fflush(stdout);
    }
    bool streams_run = false;
    for (long i = 0; i < opt.conns && !streams_run; i++)
        streams_run = conns[i].busy;
    if (paused && streams_run && now >= intruders_due) {
        struct conn *c = paused;
        paused = c->next_idle;
        intruders_due = now + opt.intruder_pause_ms * NS_PER_MS;
        request_begin(c, now);
    }
    if (!streams_run && !opt.hold)
        return now;
    int64_t next = window_is_open ? window_close_ns : now + 100 * NS_PER_MS;
    if (!told && window_open_ns < next)
        next = window_open_ns;
    return paused && intruders_due < next ? intruders_due : next;
}

/* True when the mode has nothing more to send. */
static bool mode_over(void)
{
    if (opt.mode[0] == 's')
        return begun == opt.conns && !opt.hold;
    return window_was_open && !window_is_open;
}

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void options(int argc, char **argv)
{
    const struct option_row rows[] = {
        {"--port", .number = &opt.port},
        {"--mode", .text = &opt.mode},
        {"--conns", .number = &opt.conns},
        {"--rate", .number = &opt.rate},
        {"--bytes", .number = &opt.bytes},
        {"--events", .number = &opt.events},
        {"--interval-us", .number = &opt.interval_us},
        {"--burst", .number = &opt.burst},
        {"--first-us", .number = &opt.first_us},
        {"--settle-ms", .number = &opt.settle_ms},
        {"--measure-ms", .number = &opt.measure_ms},
        {"--ramp-ms", .number = &opt.ramp_ms},
        {"--core", .number = &opt.core},
        {"--seed", .number = &opt.seed},
        {"--model", .text = &opt.model},
        {"--cpu-of", .text = &opt.cpu_of},
        {"--intruders", .number = &opt.intruders},
        {"--intruder-bytes", .number = &opt.intruder_bytes},
        {"--intruder-pause-ms", .number = &opt.intruder_pause_ms},
        {"--limit-ms", .number = &opt.limit_ms},
        {"--hold", .flag = &opt.hold},
    };
    options_read(argc, argv, rows, sizeof rows / sizeof *rows);
    if (strcmp(opt.mode, "closed") && strcmp(opt.mode, "open") && strcmp(opt.mode, "streams"))
        die("--mode is closed, open or streams");
    if (opt.mode[0] == 's' && !opt.events)
        die("--mode streams wants --events");
    if (opt.mode[0] != 's' && !opt.measure_ms)
        die("--mode %s wants --measure-ms", opt.mode);
    for (const char *p = opt.cpu_of; *p && n_pids < PIDS_MAX;) {
        char *end;
        pids[n_pids++] = (pid_t)strtol(p, &end, 10);
        p = *end ? end + 1 : end;
    }
}

static void setup(void)
{
    long n = opt.conns + opt.intruders;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    prompts_init((uint64_t)opt.seed);
    conns = must_alloc((size_t)n * sizeof *conns);
    for (long i = 0; i < n; i++) {
        conn_init(&conns[i], i >= opt.conns);
        if (!conn_open(&conns[i]))
            die("nobody listens on 127.0.0.1:%ld", opt.port);
        conns[i].next_idle = idle;
        idle = &conns[i];
    }
    start_ns = clock_mono_ns();
    if (opt.mode[0] != 's')
        window_open_ns = start_ns + opt.settle_ms * NS_PER_MS;
}

static void report(void)
{
    printf("{\"mode\":\"%s\",\"requests\":%lu,\"wrong\":%lu,\"unfinished\":%ld,\"events\":%lu,"
           "\"disordered\":%lu,\"lost\":%lu",
           opt.mode, requests, wrong, running, events_seen, disordered, lost);
    if (window_ns)
        printf(",\"window\":{\"seconds\":%.4f,\"cpu_us\":%.1f,\"requests\":%lu,\"events\":%lu,"
               "\"rate\":%.1f}",
               (double)window_ns / 1e9, (double)cpu_ns / 1e3, window_requests, window_events,
               (double)window_requests * 1e9 / (double)window_ns);
    samples_print("latency", &latency);
    samples_print("first", &first);
    samples_print("late", &late);
    puts("}");
}

int main(int argc, char **argv)
{
    options(argc, argv);
    process_setup(opt.core);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    setup();
    int64_t (*mode)(int64_t) = opt.mode[0] == 'c'   ? mode_closed
                               : opt.mode[0] == 'o' ? mode_open
                                                    : mode_streams;
    int64_t limit = start_ns + opt.limit_ms * NS_PER_MS, drain = 0;
    while (!stop) {
        int64_t now = clock_mono_ns();
        window_turn(now);
        int64_t next = mode(now);
        if (mode_over()) {
            drain = drain ? drain : opt.mode[0] == 's' ? limit : now + DRAIN_MS * NS_PER_MS;
            if (!running || now >= drain)
                break;
            next = next > now ? next : now + 10 * NS_PER_MS;
        }
        if (now >= limit)
            break;
        struct epoll_event events[64];
        int n = epoll_wait_until(epoll_fd, events, 64, next < limit ? next : limit);
        for (int i = 0; i < n; i++)
            on_ready(events[i].data.ptr, events[i].events);
    }
    report();
    return 0;
}
