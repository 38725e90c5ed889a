/*
 * The other side of the wire, for tests of http/ that use real sockets: plays a script of steps on
 * a stream. All of it runs on one loop.
 */
#pragma once

#include "http/head.h"
#include "run/listener.h"
#include "run/stream.h"

#include "../run/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire_step {
    enum {
        WIRE_END,    /* of the script: the connection is closed */
        WIRE_HEAD,   /* reads up to and with the next empty line */
        WIRE_TAKE,   /* reads `n` bytes */
        WIRE_SEND,   /* `text`, or `n` bytes of it when n is not 0 */
        WIRE_FILL,   /* sends `n` times 'x' */
        WIRE_PAUSE,  /* `n` ms */
        WIRE_RESET,  /* closes so that the peer sees a reset */
        WIRE_CLOSED, /* reads until the peer closes: there must be no further byte */
        WIRE_DRAIN,  /* reads into `got` until the peer closes */
        WIRE_FIN,    /* no more from here */
    } kind;
    const char *text;
    size_t n;
};

#define HEAD_              \
    {                      \
        WIRE_HEAD, NULL, 0 \
    }
#define TAKE_(n)             \
    {                        \
        WIRE_TAKE, NULL, (n) \
    }
#define SEND_(s)                      \
    {                                 \
        WIRE_SEND, (s), sizeof(s) - 1 \
    }
#define FILL_(n)             \
    {                        \
        WIRE_FILL, NULL, (n) \
    }
#define PAUSE_(ms)             \
    {                          \
        WIRE_PAUSE, NULL, (ms) \
    }
#define RESET_              \
    {                       \
        WIRE_RESET, NULL, 0 \
    }
#define CLOSED_              \
    {                        \
        WIRE_CLOSED, NULL, 0 \
    }
#define DRAIN_              \
    {                       \
        WIRE_DRAIN, NULL, 0 \
    }
#define FIN_              \
    {                     \
        WIRE_FIN, NULL, 0 \
    }
#define END_              \
    {                     \
        WIRE_END, NULL, 0 \
    }

static inline int64_t wire_soon(void)
{
    return clock_mono_ns() + 5 * NS_PER_S;
}

static inline bool wire_send(struct stream *s, const char *text, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)text, n};
    return stream_writev(s, &iov, 1, wire_soon(), 0) == STREAM_OK;
}

/* One byte at a time: the script stays exactly where it says. */
static inline bool wire_byte(struct stream *s, struct buf *got)
{
    char c;
    ssize_t n = stream_read(s, &c, 1, wire_soon());
    if (n == 1)
        buf_append_char(got, c);
    return n == 1;
}

static inline void wire_drain(struct stream *s, struct buf *got)
{
    char bytes[8192];
    ssize_t n;
    while ((n = stream_read(s, bytes, sizeof(bytes), wire_soon())) > 0)
        buf_append(got, view_of(bytes, (size_t)n));
}

/* Plays the script and closes. What was read is in `got`. */
static inline void wire_play(struct stream *s, const struct wire_step *steps, struct buf *got)
{
    size_t from = got->len;

    for (; steps->kind != WIRE_END; steps++) {
        switch (steps->kind) {
        case WIRE_HEAD:
            from = got->len;
            do
                assert_true(wire_byte(s, got));
            while (view_find(view_skip(buf_view(got), from), VIEW("\r\n\r\n")) == VIEW_NPOS);
            break;
        case WIRE_TAKE:
            for (size_t i = 0; i < steps->n; i++)
                assert_true(wire_byte(s, got));
            break;
        case WIRE_SEND:
            (void)wire_send(s, steps->text, steps->n);
            break;
        case WIRE_FILL: {
            static char xs[64 * 1024];
            memset(xs, 'x', sizeof(xs));
            for (size_t left = steps->n; left > 0;) {
                size_t n = left < sizeof(xs) ? left : sizeof(xs);
                if (!wire_send(s, xs, n))
                    break;
                left -= n;
            }
            break;
        }
        case WIRE_PAUSE:
            task_sleep_ms((int64_t)steps->n);
            break;
        case WIRE_RESET:
            stream_abort(s);
            return;
        case WIRE_CLOSED: {
            char c;
            ssize_t n = stream_read(s, &c, 1, wire_soon());
            assert_true(n == STREAM_END || n == STREAM_BROKEN);
            break;
        }
        case WIRE_DRAIN:
            wire_drain(s, got);
            break;
        case WIRE_FIN:
            shutdown(s->io.fd, SHUT_WR);
            break;
        case WIRE_END:
            break;
        }
    }
    stream_close(s);
}

/* ---- a scripted server --------------------------------------------------------------------- */

/* Connection i plays scripts[i]; one more connection than there are scripts fails the test. */
struct wire_server {
    const struct wire_step *const *scripts;
    unsigned n_scripts, accepted, ended;
    struct buf got; /* everything that came, of all connections */
    struct loop *loops[1];
    struct listener listener;
    uint16_t port;
};

static inline void wire_serve(int fd, void *arg)
{
    struct wire_server *w = arg;
    struct stream s;
    struct error err;

    assert_true(w->accepted < w->n_scripts);
    const struct wire_step *script = w->scripts[w->accepted++];
    assert_true(stream_accept(&s, fd, &err));
    wire_play(&s, script, &w->got);
    w->ended++;
}

static inline void wire_listen(struct wire_server *w, listener_serve_fn *serve, void *arg)
{
    struct error err;
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);

    w->got = BUF_MAX(64 << 20);
    w->loops[0] = loop_current();
    w->listener = (struct listener){.fd = listener_open(VIEW("127.0.0.1"), 0, &err),
                                    .loops = w->loops,
                                    .n_loops = 1,
                                    .max_connections = 100,
                                    .serve = serve,
                                    .arg = arg};
    assert_true(w->listener.fd >= 0);
    assert_true(listener_start(&w->listener, &err));
    assert_int_equal(getsockname(w->listener.fd, (struct sockaddr *)&addr, &len), 0);
    w->port = ntohs(addr.sin_port);
}

static inline void wire_start(struct wire_server *w, const struct wire_step *const *scripts,
                              unsigned n)
{
    *w = (struct wire_server){.scripts = scripts, .n_scripts = n};
    wire_listen(w, wire_serve, w);
}

/* Waits for all connections to end. */
static inline void wire_stop(struct wire_server *w)
{
    listener_stop(&w->listener);
    for (int i = 0; i < 5000 && (w->listener.task || atomic_load(&w->listener.connections)); i++)
        task_sleep_ms(1);
    assert_null(w->listener.task);
    assert_int_equal(atomic_load(&w->listener.connections), 0);
    close(w->listener.fd);
    buf_done(&w->got);
}

static inline void wire_connect(struct stream *s, uint16_t port)
{
    static struct resolver_answer answer;
    struct error err;
    assert_true(resolver_lookup(VIEW("127.0.0.1"), port, TIMER_NEVER, &answer, &err));
    assert_true(stream_connect(s, &answer, wire_soon(), &err));
}
