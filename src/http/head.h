/*
 * The head of an HTTP/1.1 message (RFC 9112), read strictly; no I/O.
 *
 * Refused: bare LF or CR, obs-fold, white space before a colon, control characters in values,
 * Content-Length beside Transfer-Encoding, a Content-Length that is no number or stands twice (also
 * as a list or with equal values, which RFC 9112 would let us merge), a transfer coding other than
 * exactly `chunked` (501 in a request) or with HTTP/1.0, a missing, double, empty or malformed
 * Host, a Host that differs from the URL of an absolute-form target, more than HTTP_MAX_HEADERS
 * fields. The same rules hold for answers of upstreams.
 * Views point into the bytes given. Errors name the line, never what stood in it, as it may be a
 * credential; of lengths, codings and expectations they show at most 40 characters.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define HTTP_MAX_HEADERS 128

struct http_header {
    struct view name, value;
};

enum http_framing {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_UNTIL_CLOSE, /* answers only */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

struct http_head {
    /* a request */
    enum http_method method;
    struct view method_text, target; /* target as sent: origin-form, or absolute-form cut to it */
    struct view path, query;         /* query without '?' */
    struct view host;
    bool expect_continue; /* Expect: 100-continue, in HTTP/1.1 and with a body */
    /* an answer */
    int status;
    /* both */
    int minor; /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;
    enum http_framing framing;
    uint64_t length;             /* for HTTP_BODY_LENGTH */
    struct http_header *headers; /* in the arena, as sent, in order */
    unsigned n_headers;
};

/* Where the head ends (behind its empty line), looking from `*scanned` on, which it moves, so that
 * a head that comes in pieces is looked at once. 0: not yet. A bare LF ends an empty line too, for
 * the parser to refuse. Leading empty lines before a request line are the caller's to skip. */
size_t http_head_end(struct view bytes, size_t *scanned);

/* `head` runs up to http_head_end(). Errors carry the status: BAD_HTTP, BAD_CODING, BAD_VERSION,
 * BAD_EXPECTATION, HEAD_TOO_LARGE (too many fields), NO_MEMORY (of the arena). */
bool http_request_parse(struct view head, struct arena *a, struct http_head *ret_head,
                        struct error *err) MUST_CHECK;

/* `to_head`: the answer of a HEAD request, which has no body whatever it says; nor has 304. 1xx and
 * 204 have none and are refused when they announce one, and so is 101, which nobody asked for. All
 * errors are UPSTREAM_PROTOCOL, but NO_MEMORY. */
bool http_answer_parse(struct view head, bool to_head, struct arena *a, struct http_head *ret_head,
                       struct error *err) MUST_CHECK;

/* The first field of that name (compared without case); empty view with p == NULL: not there. */
struct view http_header_get(const struct http_head *head, struct view name);

/* The standard reason phrase of a status, "" when there is none. */
const char *http_reason(int status);
