#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static long number_of(const char *name, const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end)
        die("%s wants a number, not \"%s\"", name, text);
    return value;
}

void options_read(int argc, char **argv, const struct option_row *rows, size_t n_rows)
{
    for (int i = 1; i < argc; i++) {
        const struct option_row *row = NULL;
        for (size_t k = 0; k < n_rows; k++)
            if (!strcmp(rows[k].name, argv[i]))
                row = &rows[k];
        if (!row)
            die("unknown option %s", argv[i]);
        if (row->flag) {
            *row->flag = true;
            continue;
        }
        if (++i == argc)
            die("%s wants a value", row->name);
        if (row->text)
            *row->text = argv[i];
        else
            *row->number = number_of(row->name, argv[i]);
    }
}

void process_setup(long core)
{
    if (core >= 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET((size_t)core, &cores);
        if (sched_setaffinity(0, sizeof cores, &cores))
            die("cannot run on core %ld: %s", core, strerror(errno));
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

void *must_alloc(size_t n)
{
    void *p = calloc(1, n);
    if (!p)
        die("no memory for %zu bytes", n);
    return p;
}

void *must_grow(void *p, size_t n)
{
    p = realloc(p, n);
    if (!p)
        die("no memory for %zu bytes", n);
    return p;
}

void socket_tune(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static struct sockaddr_in loopback(long port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int socket_listen(long port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
        die("cannot listen on 127.0.0.1:%ld: %s", port, strerror(errno));
    return fd;
}

int socket_connect(long port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    socket_tune(fd);
    return fd;
}

int epoll_wait_until(int epoll_fd, struct epoll_event *events, int max, int64_t until_ns)
{
    if (!until_ns)
        return epoll_wait(epoll_fd, events, max, -1);
    int64_t left = until_ns - clock_mono_ns();
    if (left <= 0)
        return epoll_wait(epoll_fd, events, max, 0);
    struct timespec wait = {.tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S};
    return epoll_pwait2(epoll_fd, events, max, &wait, NULL);
}
