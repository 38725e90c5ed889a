/*
 * A byte stream: TCP, or TLS over it. Belongs to the loop that opened it, one task at a time.
 *
 * Reads and writes wait for the socket until their deadline and obey the task's cancel. Results
 * other than success are told by enum stream_result, so that a caller knows a time-out from a cut.
 */
#pragma once

#include "base/network.h"
#include "run/resolver.h"

#include <sys/uio.h>

typedef struct ssl_st SSL;

enum stream_result {
    STREAM_OK = 0,
    STREAM_END = -1, /* the peer ended properly: FIN, with TLS also close_notify */
    STREAM_TIMEOUT = -2,
    STREAM_CANCELLED = -3,
    STREAM_BROKEN = -4, /* reset, TLS alert, FIN without close_notify */
};

struct stream {
    struct io io;
    SSL *ssl; /* NULL: plain TCP */
};

/* Wraps an accepted socket. */
bool stream_accept(struct stream *s, int fd, struct error *err) MUST_CHECK;

/* Connects to the first address that answers. Errors: UPSTREAM_REFUSED, UPSTREAM_TIMEOUT,
 * CANCELLED. */
bool stream_connect(struct stream *s, const struct resolver_answer *addresses, int64_t deadline_ns,
                    struct error *err) MUST_CHECK;

/* Whom a connected stream is connected to. False: it is no longer, or not by IP. */
bool stream_peer(const struct stream *s, struct network_address *ret_peer) MUST_CHECK;

/* Turns a connected stream into TLS: SNI and verification for `host`, certificates by the trust
 * store of `ca_file` (empty: the system's). Errors: UPSTREAM_TLS, UPSTREAM_TIMEOUT, CANCELLED. */
bool stream_start_tls(struct stream *s, struct view host, struct view ca_file, int64_t deadline_ns,
                      struct error *err) MUST_CHECK;

/* At least one byte into `to`; the number of bytes, or a negative stream_result. Waits before it
 * reads, never after: `to` may be memory that the tasks of a loop share. */
ssize_t stream_read(struct stream *s, char *to, size_t n, int64_t deadline_ns) MUST_CHECK;

/* All of it, or a negative stream_result. The deadline is moved on by `stall_ns` with each progress
 * when that is not 0, so that a slow but living reader is not cut. `iov` is used up. */
enum stream_result stream_writev(struct stream *s, struct iovec *iov, unsigned n,
                                 int64_t deadline_ns, int64_t stall_ns) MUST_CHECK;

/* True when a read would not wait: bytes, an end or an error are there. Asks the socket where the
 * last read left that open (one that filled its buffer, any with TLS). For idle connections. */
bool stream_has_input(struct stream *s);

/* Closes; with TLS a close_notify is tried, without waiting. Harmless on a closed stream. */
void stream_close(struct stream *s);
/* Closes with a reset, so that the peer sees a cut and not an end. */
void stream_abort(struct stream *s);
