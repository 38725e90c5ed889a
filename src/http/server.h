/*
 * The server's side of an HTTP/1.1 connection: requests in, answers out, one after the other.
 *
 * A connection belongs to one task. Between requests it holds no buffer. Views of a request point
 * into the arena that http_server_head() was given, so they live as long as that request.
 */
#pragma once

#include "http/head.h"
#include "run/stream.h"

struct http_limits {
    size_t max_head, max_body;
    int64_t head_ms, body_ms, keepalive_ms, stall_ms;
};

struct http_server {
    struct stream stream;
    struct buf in;         /* bytes that came and were not taken yet */
    char *early;           /* the body's buffer, where some of it came together with the head */
    size_t n_early;        /* how much of it */
    bool answered_interim; /* 100 Continue was sent for this request */
    bool body_taken;       /* the request's body was read (or there is none) */
    bool failed;           /* writing failed: nothing more can be said */
};

enum http_server_result {
    HTTP_SERVER_OK,
    HTTP_SERVER_CLOSED, /* the client left, or was idle too long: nothing to answer */
    HTTP_SERVER_BAD,    /* `err` is to be answered, then the connection is to be closed */
};

bool http_server_open(struct http_server *c, int fd, const struct http_limits *limits,
                      struct error *err) MUST_CHECK;
void http_server_close(struct http_server *c);

/* Waits for the next request and reads its head. `first`: no request came before on this
 * connection, so the head's own time-out counts and not keep-alive's. */
enum http_server_result http_server_head(struct http_server *c, const struct http_limits *limits,
                                         bool first, struct arena *a, struct http_head *ret_head,
                                         struct error *err) MUST_CHECK;

/* Reads the body that the head announced, sends 100 Continue where it is expected, and undoes gzip.
 * Errors: BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_CODING, BAD_HTTP, CLIENT_GONE. */
enum http_server_result http_server_body(struct http_server *c, const struct http_limits *limits,
                                         const struct http_head *head, struct arena *a,
                                         struct view *ret_body, struct error *err) MUST_CHECK;

/* Writes all pieces; false: the client is gone or did not read for stall_ms. */
bool http_server_write(struct http_server *c, const struct http_limits *limits,
                       const struct view *pieces, unsigned n) MUST_CHECK;

/* One chunk of a chunked answer. */
bool http_server_write_chunk(struct http_server *c, const struct http_limits *limits,
                             struct view bytes) MUST_CHECK;

#define HTTP_LAST_CHUNK VIEW("0\r\n\r\n")

/* "HTTP/1.1 200 OK\r\n" */
void http_status_line(struct buf *out, int status);
/* "name: value\r\n"; a value with control characters is left out whole. */
void http_header_line(struct buf *out, struct view name, struct view value);
