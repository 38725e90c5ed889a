#include "fleet/duties.h"

#include "run/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 256 * 1024, PATH_BYTES = 4096 };

struct duties {
    char path[PATH_BYTES];
    struct buf text; /* as the file has it */
};

static _Atomic(uint64_t) changes; /* of all files: the newest is the highest */

struct line {
    enum node_duty duty;
    struct view backend, node;
};

static const struct {
    struct view word;
    enum node_duty duty;
} words[] = {{VIEW_LIT("drain"), DUTY_DRAIN}, {VIEW_LIT("cordon"), DUTY_CORDON}};

static bool read_line(struct view text, struct line *out)
{
    struct view word = view_cut(&text, ' ');

    out->backend = view_cut(&text, ' ');
    out->node = text;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (view_eq(words[i].word, word)) {
            out->duty = words[i].duty;
            return out->backend.n > 0 && out->node.n > 0;
        }
    return false;
}

static bool read_file(struct duties *d, struct error *err)
{
    int fd = open(d->path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (fd < 0)
        return errno == ENOENT ||
               error_set(err, ERROR_IO, "cannot read %.200s: %s", d->path, strerror(errno));
    for (char *to; (to = buf_reserve(&d->text, 4096)) && (got = read(fd, to, 4096)) > 0;)
        d->text.len += (size_t)got;
    close(fd);
    return (got == 0 && buf_ok(&d->text)) ||
           error_set(err, ERROR_IO, "cannot read all of %.200s", d->path);
}

static bool check_lines(const struct duties *d, struct error *err)
{
    struct view rest = buf_view(&d->text);
    struct line line;

    for (unsigned at = 1; rest.n > 0; at++) {
        struct view text = view_cut(&rest, '\n');
        if (text.n && !read_line(text, &line)) {
            error_set(err, ERROR_BAD_CONFIG, "%.200s:%u is no node that rests", d->path, at);
            return error_hint(err, "Write `drain BACKEND URL` or `cordon BACKEND URL`, or remove "
                                   "the line.");
        }
    }
    return true;
}

struct duties *duties_open(struct view path, struct error *err)
{
    struct duties *d = calloc(1, sizeof(*d));

    if (!d) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the nodes' duties");
        return NULL;
    }
    d->text = BUF_MAX(FILE_MAX);
    bool fits = path.n + sizeof(".new") <= PATH_BYTES;
    if (fits)
        memcpy(d->path, path.p, path.n);
    else
        error_set(err, ERROR_BAD_CONFIG, "ledger.path is too long");
    if (!fits || !read_file(d, err) || !check_lines(d, err)) {
        duties_close(d);
        return NULL;
    }
    return d;
}

void duties_close(struct duties *d)
{
    if (!d)
        return;
    buf_done(&d->text);
    free(d);
}

static bool is_of(const struct line *line, const struct node *n)
{
    return view_eq(line->backend, n->backend) && view_eq(line->node, n->text);
}

static enum node_duty duty_of(const struct duties *d, const struct node *n)
{
    struct view rest = buf_view(&d->text);
    struct line line;

    while (rest.n > 0)
        if (read_line(view_cut(&rest, '\n'), &line) && is_of(&line, n))
            return line.duty;
    return DUTY_SERVE;
}

void duties_apply(struct node *n, void *duties)
{
    node_set_duty(n, duty_of(duties, n));
}

bool duties_set(struct duties *d, struct node *n, enum node_duty duty)
{
    struct buf text = BUF_MAX(FILE_MAX);
    struct view rest = buf_view(&d->text);
    struct line line;

    while (rest.n > 0) {
        struct view written = view_cut(&rest, '\n');
        if (!read_line(written, &line) || is_of(&line, n))
            continue;
        buf_append(&text, written);
        buf_append_char(&text, '\n');
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].duty == duty)
            buf_printf(&text, "%.*s %.*s %.*s\n", VIEW_ARG(words[i].word), VIEW_ARG(n->backend),
                       VIEW_ARG(n->text));
    if (!buf_ok(&text)) {
        buf_done(&text);
        return false;
    }
    buf_done(&d->text);
    d->text = text;
    node_set_duty(n, duty);
    return true;
}

/* ---- the file ---------------------------------------------------------------------------------
 */

struct save_job {
    struct offload_job job;
    char path[PATH_BYTES];
    struct buf text;
    uint64_t change;
    int failure; /* errno */
};

static int write_whole(const char *path, struct view text)
{
    char fresh[PATH_BYTES + sizeof(".new")];

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return errno;
    int failure = 0;
    while (text.n > 0 && failure == 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n > 0)
            text = view_skip(text, (size_t)n);
        else if (errno != EINTR)
            failure = errno;
    }
    if (failure == 0 && fsync(fd) != 0)
        failure = errno;
    close(fd);
    if (failure == 0 && rename(fresh, path) != 0)
        failure = errno;
    return failure;
}

/* Two changes may be on their way at the same time: what is older never overwrites. */
static void run_save(struct offload_job *job)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t written;
    struct save_job *j = (struct save_job *)job;

    pthread_mutex_lock(&one_at_a_time);
    if (j->change >= written) {
        j->failure = write_whole(j->path, buf_view(&j->text));
        written = j->change;
    }
    pthread_mutex_unlock(&one_at_a_time);
}

static void drop_save(struct offload_job *job)
{
    struct save_job *j = (struct save_job *)job;
    buf_done(&j->text);
    free(j);
}

bool duties_save(struct duties *d, struct error *err)
{
    struct save_job *j = calloc(1, sizeof(*j));

    if (!j)
        return error_set(err, ERROR_NO_MEMORY, "no memory to write %.200s", d->path);
    j->job = (struct offload_job){.run = run_save, .drop = drop_save};
    memcpy(j->path, d->path, sizeof(j->path));
    j->text = BUF_MAX(FILE_MAX);
    buf_append(&j->text, buf_view(&d->text));
    j->change = atomic_fetch_add(&changes, 1);
    if (task_offload(OFFLOAD_CPU, &j->job, TIMER_NEVER) != WAIT_READY)
        return error_set(err, ERROR_CANCELLED, "Weir ended before %.200s was written", d->path);
    int failure = j->failure;
    offload_release(&j->job);
    return failure == 0 ||
           error_set(err, ERROR_IO, "cannot write %.200s: %s", d->path, strerror(failure));
}
