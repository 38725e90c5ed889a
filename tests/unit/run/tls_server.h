/*
 * For tests: certificates made on the spot, and a TLS server in a thread that uses OpenSSL
 * directly, with blocking sockets, so that it shares no code with what is tested.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- certificates -------------------------------------------------------------------------- */

struct authority {
    EVP_PKEY *key;
    X509 *cert;
    char file[64]; /* PEM, for ca_file */
};

static inline void cert_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* Valid from yesterday until `days` from now. */
static inline X509 *cert_new(EVP_PKEY *key, const char *name, const char *alt, int days,
                             const struct authority *by)
{
    static long serial = 1;
    X509 *cert = X509_new();
    X509_NAME *subject;

    assert_non_null(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_time_adj_ex(X509_getm_notBefore(cert), -10, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL);
    X509_set_pubkey(cert, key);
    subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, by ? X509_get_subject_name(by->cert) : subject);
    cert_extension(cert, by ? by->cert : cert, NID_basic_constraints,
                   by ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (alt)
        cert_extension(cert, by ? by->cert : cert, NID_subject_alt_name, alt);
    assert_true(X509_sign(cert, by ? by->key : key, EVP_sha256()) > 0);
    return cert;
}

static inline void authority_make(struct authority *a, const char *name)
{
    a->key = EVP_EC_gen("P-256");
    assert_non_null(a->key);
    a->cert = cert_new(a->key, name, NULL, 10, NULL);
    snprintf(a->file, sizeof(a->file), "/tmp/weir-test-ca-XXXXXX");
    int fd = mkstemp(a->file);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_int_equal(PEM_write_X509(f, a->cert), 1);
    fclose(f);
}

static inline void authority_done(struct authority *a)
{
    unlink(a->file);
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
}

/* ---- the server ---------------------------------------------------------------------------- */

enum tls_mode {
    TLS_ECHO,    /* until the peer's close_notify */
    TLS_GOODBYE, /* says "hello" and close_notify */
    TLS_CUT,     /* says "hello" and closes the socket only */
    TLS_SILENT,  /* never begins the handshake */
    TLS_PLAIN,   /* speaks no TLS */
    TLS_HTTP,    /* answers each head with "hi" */
};

struct tls_server {
    SSL_CTX *context;
    enum tls_mode mode;
    int listening;
    uint16_t port;
    unsigned accepted;
    bool clean; /* the last connection ended by close_notify */
    pthread_t thread;
};

static inline void tls_http(SSL *ssl)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    char head[4096];
    size_t n = 0;

    for (int got; (got = SSL_read(ssl, head + n, (int)(sizeof(head) - 1 - n))) > 0;) {
        n += (size_t)got;
        head[n] = '\0';
        if (!strstr(head, "\r\n\r\n"))
            continue;
        SSL_write(ssl, answer, sizeof(answer) - 1);
        n = 0;
    }
}

static inline void tls_one(struct tls_server *s, int fd)
{
    static char bytes[100000];
    SSL *ssl = SSL_new(s->context);
    int n;

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        if (s->mode == TLS_HTTP)
            tls_http(ssl);
        else if (s->mode != TLS_ECHO)
            SSL_write(ssl, "hello", 5);
        while (s->mode == TLS_ECHO && (n = SSL_read(ssl, bytes, sizeof(bytes))) > 0)
            if (SSL_write(ssl, bytes, n) != n)
                break;
        s->clean = (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
        if (s->mode != TLS_CUT)
            SSL_shutdown(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
}

static inline void *tls_serve(void *arg)
{
    struct tls_server *s = arg;
    char bytes[4096];

    for (int fd; (fd = accept(s->listening, NULL, NULL)) >= 0; close(fd)) {
        s->accepted++;
        if (s->mode == TLS_PLAIN)
            (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        if (s->mode == TLS_PLAIN)
            shutdown(fd, SHUT_WR);
        if (s->mode == TLS_SILENT || s->mode == TLS_PLAIN)
            while (read(fd, bytes, sizeof(bytes)) > 0)
                ;
        else
            tls_one(s, fd);
    }
    return NULL;
}

/* The certificate is for `alt` ("DNS:api.test,IP:127.0.0.1"). */
static inline void tls_server_start(struct tls_server *s, enum tls_mode mode,
                                    const struct authority *by, const char *alt, int days)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = cert_new(key, "server", alt, days, by);

    *s = (struct tls_server){.mode = mode};
    s->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(s->context);
    assert_int_equal(SSL_CTX_use_certificate(s->context, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->context, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(s->listening, 10), 0);
    assert_int_equal(getsockname(s->listening, (struct sockaddr *)&addr, &len), 0);
    s->port = ntohs(addr.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, tls_serve, s), 0);
}

/* All its connections must have been closed by their other side. */
static inline void tls_server_stop(struct tls_server *s)
{
    shutdown(s->listening, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listening);
    SSL_CTX_free(s->context);
}
