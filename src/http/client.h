/*
 * The client's side of HTTP/1.1: calls to upstreams over pooled keep-alive connections.
 *
 * An origin is one upstream server. It keeps idle connections in one pool for each loop, so a
 * connection never changes threads. Requests are always built anew; answers are read strictly.
 *
 * A pooled connection may have been closed by the upstream in the very moment that it is used. When
 * it breaks before a single byte of the answer came, the call is made once more on a new one.
 */
#pragma once

#include "http/chunked.h"
#include "http/head.h"
#include "run/stream.h"

enum { HTTP_MAX_LOOPS = 64 };

/* A CONNECT proxy on the way to an origin. */
struct http_proxy {
    struct view host; /* empty: none */
    uint16_t port;
    struct view authorization; /* "Basic ..." or empty; secret */
};

struct http_origin {
    struct view host;
    struct view address; /* in numbers: connections go there, and `host` is only what it is called;
                            empty: `host` is looked up for each */
    uint16_t port;
    bool tls;
    struct view ca_file;
    struct http_proxy proxy;
    /* In one of them the peer of each connection must lie (a proxy's, where there is one); none:
     * the peer may be anywhere. Asked of the socket, before a byte is sent: what a name stands for
     * may change at any time. */
    const struct network *networks;
    unsigned n_networks;
    _Atomic(uint64_t) strangers; /* connections that were dropped for it */
    int64_t idle_ms;             /* a pooled connection older than this is closed */
    struct http_pool {
        struct list idle; /* newest first */
        unsigned n;
    } pools[HTTP_MAX_LOOPS];
};

/* The views must live as long as the origin. */
void http_origin_init(struct http_origin *o);
/* Closes this loop's idle connections that are older than `older_than_ms` or were closed by the
 * upstream; 0: all. */
void http_origin_trim(struct http_origin *o, int64_t older_than_ms);

struct http_deadlines {
    int64_t connect_ns; /* connected (name, TCP, TLS, proxy) by then; only for new connections */
    int64_t head_ns;    /* the answer's head is there by then */
};

struct http_request_out {
    struct view head; /* from the request line to the empty line, complete */
    const struct view *body;
    unsigned n_body;
    bool is_head; /* a HEAD request: its answer has no body */
};

struct http_connection;

/* One call. Made by http_call_start(), ended by http_call_end() in every case. */
struct http_call {
    struct http_origin *origin;
    struct http_connection *connection;
    struct http_head head;       /* the answer's, in the arena of http_call_start() */
    struct network_address peer; /* whom it went to; a proxy where there is one */
    bool reused;                 /* the connection was a pooled one */
    bool sent;                   /* the whole request left */
    bool ended;                  /* the answer's body was read to its proper end */
    struct http_chunks chunks;
    uint64_t left;
};

/* Connects or reuses, sends, and reads the answer's head (interim answers are skipped). */
bool http_call_start(struct http_call *call, struct http_origin *origin,
                     const struct http_request_out *request, const struct http_deadlines *deadlines,
                     struct arena *a, struct error *err) MUST_CHECK;

enum http_body_result {
    HTTP_BODY_DATA,
    HTTP_BODY_END,
    HTTP_BODY_FAILED, /* err: UPSTREAM_CUT, UPSTREAM_PROTOCOL, UPSTREAM_TIMEOUT, CANCELLED */
};

/* The next bytes of the body, all that one read brought, decoded; they are valid until the
 * caller's next wait. */
enum http_body_result http_call_read(struct http_call *call, int64_t deadline_ns,
                                     struct view *ret_bytes, struct error *err) MUST_CHECK;

/* The connection goes back to the pool when the answer was read to its end and may be kept, else
 * it is closed: the upstream sees at once that nobody wants the rest. Harmless when nothing was
 * started. */
void http_call_end(struct http_call *call);
