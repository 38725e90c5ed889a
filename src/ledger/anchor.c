#include "ledger/anchor.h"

#include "ledger/checkpoint.h"
#include "ledger/row_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

enum { STOP_SECONDS = 2 };

struct anchor {
    char *file; /* NULL: none */
    bool syslog;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop, idle;
    struct buf next, line; /* the newest that waits; the thread's own */
    _Atomic uint64_t failures;
    atomic_int users; /* the owner and the thread: the last one frees */
};

void anchor_line(const struct row *checkpoint, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_key(&w, VIEW("anchor"));
    row_put_json(&w, checkpoint);
    json_put_close(&w);
}

static void let_go(struct anchor *a)
{
    if (atomic_fetch_sub(&a->users, 1) != 1)
        return;
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    buf_done(&a->next);
    buf_done(&a->line);
    free(a->file);
    free(a);
}

/* Opened for each line: the storage may have been away, or the file rotated. */
static bool append(const char *path, struct view line)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = write(fd, line.p, line.n) == (ssize_t)line.n && fsync(fd) == 0;
    return (close(fd) == 0) & ok;
}

static void tell(struct anchor *a)
{
    struct view line = buf_view(&a->line);

    if (a->syslog)
        syslog(LOG_NOTICE | LOG_DAEMON, "weir %.*s", VIEW_ARG(line));
    buf_append_char(&a->line, '\n');
    if (a->file && !append(a->file, buf_view(&a->line)))
        atomic_fetch_add(&a->failures, 1);
}

/* False at the end. The line to tell is in a->line then. */
static bool take_next(struct anchor *a)
{
    pthread_mutex_lock(&a->lock);
    a->idle = true;
    pthread_cond_broadcast(&a->changed);
    while (a->next.len == 0 && !a->stop)
        pthread_cond_wait(&a->changed, &a->lock);
    bool more = a->next.len != 0;
    struct buf line = a->line;
    a->line = a->next;
    a->next = line;
    buf_reset(&a->next);
    a->idle = !more;
    pthread_mutex_unlock(&a->lock);
    return more;
}

static void *anchor_main(void *arg)
{
    struct anchor *a = arg;

    while (take_next(a))
        tell(a);
    let_go(a);
    return NULL;
}

static bool may_append(const char *path, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return true;
    }
    error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger.anchor_file %s cannot be opened: %s", path,
              strerror(errno));
    return error_hint(err, "see that its storage is there and that Weir's user may append");
}

static struct anchor *anchor_new(const struct anchor_options *options)
{
    struct anchor *a = calloc(1, sizeof(*a));
    pthread_condattr_t attr;

    if (!a)
        return NULL;
    a->syslog = options->syslog;
    a->users = 1;
    a->next = a->line = BUF_MAX(ANCHOR_LINE_BYTES);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &attr);
    pthread_condattr_destroy(&attr);
    a->file = options->file.n ? strndup(options->file.p, options->file.n) : NULL;
    if (a->file || !options->file.n)
        return a;
    let_go(a);
    return NULL;
}

bool anchor_start(const struct anchor_options *options, struct anchor **ret_anchor,
                  struct error *err)
{
    if (!options->file.n && !options->syslog) {
        *ret_anchor = NULL;
        return true;
    }
    struct anchor *a = anchor_new(options);
    if (!a)
        return error_set(err, ERROR_NO_MEMORY, "no memory for the ledger's anchors");
    if (a->syslog)
        openlog("weir", LOG_PID, LOG_DAEMON);
    a->users = 2;
    if ((!a->file || may_append(a->file, err)) &&
        ledger_thread(&a->thread, anchor_main, a, "weir-anchor", err)) {
        *ret_anchor = a;
        return true;
    }
    a->users = 1;
    let_go(a);
    return false;
}

void anchor_stop(struct anchor *a)
{
    struct timespec end;

    if (!a)
        return;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += STOP_SECONDS;
    pthread_detach(a->thread);
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_broadcast(&a->changed);
    while (!(a->idle && a->next.len == 0) &&
           pthread_cond_timedwait(&a->changed, &a->lock, &end) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&a->lock);
    let_go(a);
}

void anchor_tell(struct anchor *a, const struct row *checkpoint)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    buf_reset(&a->next);
    anchor_line(checkpoint, &a->next);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

uint64_t anchor_failures(struct anchor *a)
{
    return a ? atomic_load(&a->failures) : 0;
}
