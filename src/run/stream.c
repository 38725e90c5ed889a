#include "run/stream.h"

#include "base/clock.h"
#include "run/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

enum { TLS_RECORD_BYTES = 16 * 1024 };

static enum stream_result from_wait(enum wait_result w)
{
    return w == WAIT_READY ? STREAM_OK : w == WAIT_TIMEOUT ? STREAM_TIMEOUT : STREAM_CANCELLED;
}

/* TLS has records of its own (session tickets), which are no input. */
static bool tls_has_input(struct stream *s)
{
    char byte;

    ERR_clear_error();
    int got = SSL_peek(s->ssl, &byte, 1);
    if (got > 0 || SSL_get_error(s->ssl, got) != SSL_ERROR_WANT_READ)
        return true;
    s->io.can_read = false;
    return false;
}

bool stream_has_input(struct stream *s)
{
    char byte;

    if (s->io.peer_closed || (s->ssl && SSL_pending(s->ssl) > 0))
        return true;
    if (!s->io.can_read)
        return false;
    if (s->ssl)
        return tls_has_input(s);
    if (recv(s->io.fd, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN)
        return true;
    s->io.can_read = false;
    return false;
}

static bool adopt(struct stream *s, int fd, struct error *err)
{
    int one = 1;

    s->ssl = NULL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (io_open(&s->io, fd, err))
        return true;
    close(fd);
    s->io.fd = -1;
    return false;
}

bool stream_accept(struct stream *s, int fd, struct error *err)
{
    /* What waits in the kernel for a client that does not read is bounded: past this the relay
     * stops and with it the upstream. */
    int unsent = 64 * 1024;
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    if (!adopt(s, fd, err))
        return false;
    s->io.can_write = true;
    return true;
}

/* ---- connecting --------------------------------------------------------------------------- */

static enum stream_result connect_one(struct stream *s, const struct resolver_address *to,
                                      int64_t deadline_ns, int *ret_errno, struct error *err)
{
    int window = 256 * 1024; /* what an upstream may send ahead of a client that does not read */
    int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        *ret_errno = errno;
        return STREAM_BROKEN;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    if (connect(fd, (const struct sockaddr *)&to->addr, to->len) != 0 && errno != EINPROGRESS) {
        *ret_errno = errno;
        close(fd);
        return STREAM_BROKEN;
    }
    if (!adopt(s, fd, err)) {
        *ret_errno = EIO;
        return STREAM_BROKEN;
    }
    enum stream_result result = from_wait(io_wait_writable(&s->io, deadline_ns));
    socklen_t size = sizeof(*ret_errno);
    *ret_errno = 0;
    if (result == STREAM_OK)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, ret_errno, &size);
    if (result == STREAM_OK && *ret_errno == 0)
        return STREAM_OK;
    io_close(&s->io);
    return result == STREAM_OK ? STREAM_BROKEN : result;
}

bool stream_connect(struct stream *s, const struct resolver_answer *addresses, int64_t deadline_ns,
                    struct error *err)
{
    enum stream_result result = STREAM_BROKEN;
    int why = 0;

    for (unsigned i = 0; i < addresses->n; i++) {
        /* An address that does not answer must not eat the time of those behind it. */
        int64_t now = clock_mono_ns();
        int64_t slice = (deadline_ns - now) / (addresses->n - i);
        result = connect_one(s, &addresses->addresses[i], now + slice, &why, err);
        if (result == STREAM_OK)
            return true;
        if (result == STREAM_CANCELLED)
            return error_set(err, ERROR_CANCELLED, "cancelled while connecting");
    }
    if (result == STREAM_TIMEOUT)
        return error_set(err, ERROR_UPSTREAM_TIMEOUT, "no connection in time");
    return error_set(err, ERROR_UPSTREAM_REFUSED, "cannot connect: %s", strerror(why));
}

bool stream_peer(const struct stream *s, struct network_address *ret_peer)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof(peer);

    if (getpeername(s->io.fd, &peer.any, &size) != 0 ||
        (peer.any.sa_family != AF_INET && peer.any.sa_family != AF_INET6))
        return false;
    bool v4 = peer.any.sa_family == AF_INET;
    *ret_peer = network_address_of(v4 ? (const unsigned char *)&peer.v4.sin_addr
                                      : (const unsigned char *)&peer.v6.sin6_addr,
                                   v4 ? 4 : 16);
    return true;
}

/* ---- TLS ---------------------------------------------------------------------------------- */

/* Waits for what OpenSSL asks for; STREAM_OK: try again. `ret` is what the failed call returned. */
static enum stream_result tls_wait(struct stream *s, int ret, int64_t deadline_ns)
{
    switch (SSL_get_error(s->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        s->io.can_read = false;
        return from_wait(io_wait_readable(&s->io, deadline_ns));
    case SSL_ERROR_WANT_WRITE:
        s->io.can_write = false;
        return from_wait(io_wait_writable(&s->io, deadline_ns));
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_END;
    default:
        return STREAM_BROKEN;
    }
}

/* What can be done about a certificate depends on what is wrong with it. */
static const char *verify_hint(long verify)
{
    switch (verify) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "Write the URL with a name that the certificate was made for.";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "Renew the server's certificate, or set this machine's clock right.";
    default:
        return "Set ca_file to the PEM bundle that signs it.";
    }
}

static bool tls_failed(struct stream *s, struct view host, enum stream_result result,
                       struct error *err)
{
    char text[120];

    if (result == STREAM_TIMEOUT)
        return error_set(err, ERROR_UPSTREAM_TIMEOUT, "no TLS handshake in time");
    if (result == STREAM_CANCELLED)
        return error_set(err, ERROR_CANCELLED, "cancelled in the TLS handshake");
    long verify = SSL_get_verify_result(s->ssl);
    if (verify != X509_V_OK) {
        error_set(err, ERROR_UPSTREAM_TLS, "the certificate of %.*s is not trusted: %s",
                  VIEW_ARG(view_first(host, 80)), X509_verify_cert_error_string(verify));
        return error_hint(err, "%s", verify_hint(verify));
    }
    tls_error_text(text, sizeof(text));
    return error_set(err, ERROR_UPSTREAM_TLS, "TLS handshake failed: %s", text);
}

bool stream_start_tls(struct stream *s, struct view host, struct view ca_file, int64_t deadline_ns,
                      struct error *err)
{
    char name[256];
    enum stream_result result = STREAM_OK;

    SSL_CTX *context = tls_client_context(ca_file, deadline_ns, err);
    if (!context)
        return false;
    snprintf(name, sizeof(name), "%.*s", VIEW_ARG(host));
    ERR_clear_error();
    s->ssl = SSL_new(context);
    if (!s->ssl || SSL_set_fd(s->ssl, s->io.fd) != 1)
        return error_set(err, ERROR_NO_MEMORY, "no memory for TLS");
    if (resolver_is_address(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), name);
    } else {
        SSL_set_tlsext_host_name(s->ssl, name);
        SSL_set1_host(s->ssl, name);
    }
    for (;;) {
        ERR_clear_error();
        int ret = SSL_connect(s->ssl);
        if (ret == 1)
            return true;
        result = tls_wait(s, ret, deadline_ns);
        if (result != STREAM_OK)
            return tls_failed(s, host, result, err);
    }
}

/* ---- reading and writing ------------------------------------------------------------------ */

static ssize_t tls_read(struct stream *s, char *to, size_t n, int64_t deadline_ns)
{
    for (;;) {
        ERR_clear_error();
        int got = SSL_read(s->ssl, to, n > INT32_MAX ? INT32_MAX : (int)n);
        if (got > 0)
            return got;
        enum stream_result result = tls_wait(s, got, deadline_ns);
        if (result != STREAM_OK)
            return result;
    }
}

ssize_t stream_read(struct stream *s, char *to, size_t n, int64_t deadline_ns)
{
    /* Only before the read: the bytes may lie where the next task writes. */
    if (s->io.can_read)
        task_fair();
    if (s->ssl)
        return tls_read(s, to, n, deadline_ns);
    for (;;) {
        enum stream_result result = from_wait(io_wait_readable(&s->io, deadline_ns));
        if (result != STREAM_OK)
            return result;
        ssize_t got = recv(s->io.fd, to, n, 0);
        if (got > 0) {
            /* A short read emptied the socket: the next edge tells when there is more. But no edge
             * follows a FIN that has been told already. */
            if ((size_t)got < n && !s->io.peer_closed)
                s->io.can_read = false;
            return got;
        }
        if (got == 0)
            return STREAM_END;
        if (errno == EAGAIN)
            s->io.can_read = false;
        else if (errno != EINTR)
            return STREAM_BROKEN;
    }
}

/* One attempt; bytes written, or a negative stream_result after the wait that it asked for, 0 when
 * it is to be tried again. */
static ssize_t write_some(struct stream *s, struct iovec *iov, unsigned n, int64_t deadline_ns)
{
    if (s->ssl) {
        size_t len = iov[0].iov_len < TLS_RECORD_BYTES ? iov[0].iov_len : TLS_RECORD_BYTES;
        ERR_clear_error();
        int put = SSL_write(s->ssl, iov[0].iov_base, (int)len);
        return put > 0 ? put : tls_wait(s, put, deadline_ns);
    }
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
    ssize_t put = sendmsg(s->io.fd, &m, MSG_NOSIGNAL);
    if (put >= 0)
        return put;
    if (errno == EINTR)
        return 0;
    if (errno != EAGAIN)
        return STREAM_BROKEN;
    s->io.can_write = false;
    return from_wait(io_wait_writable(&s->io, deadline_ns));
}

enum stream_result stream_writev(struct stream *s, struct iovec *iov, unsigned n,
                                 int64_t deadline_ns, int64_t stall_ns)
{
    while (n > 0) {
        if (iov[0].iov_len == 0) {
            iov++;
            n--;
            continue;
        }
        ssize_t put = write_some(s, iov, n, deadline_ns);
        if (put < 0)
            return (enum stream_result)put;
        if (put > 0 && stall_ns > 0)
            deadline_ns = loop_now_ns() + stall_ns;
        while (put > 0) {
            size_t part = (size_t)put < iov[0].iov_len ? (size_t)put : iov[0].iov_len;
            iov[0].iov_base = (char *)iov[0].iov_base + part;
            iov[0].iov_len -= part;
            put -= (ssize_t)part;
            if (iov[0].iov_len == 0) {
                iov++;
                n--;
            }
        }
    }
    return STREAM_OK;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void drop_tls(struct stream *s, bool say_goodbye)
{
    if (!s->ssl)
        return;
    ERR_clear_error();
    if (say_goodbye)
        SSL_shutdown(s->ssl);
    SSL_free(s->ssl);
    s->ssl = NULL;
    ERR_clear_error();
}

void stream_close(struct stream *s)
{
    if (s->io.fd < 0)
        return;
    drop_tls(s, true);
    io_close(&s->io);
}

void stream_abort(struct stream *s)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (s->io.fd < 0)
        return;
    setsockopt(s->io.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    drop_tls(s, false);
    io_close(&s->io);
}
