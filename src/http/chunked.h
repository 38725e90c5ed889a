/*
 * The chunked transfer coding (RFC 9112, 7.1), decoded without copying; no I/O. Extensions are
 * skipped (bounded), trailers are read and dropped (bounded), bare LF and bad sizes are refused.
 */
#pragma once

#include "base/error.h"

struct http_chunks {
    uint64_t left; /* bytes of the current chunk that did not come yet */
    unsigned state;
    unsigned line;     /* bytes of the current size, extension or trailer line */
    unsigned trailers; /* bytes of trailers so far */
};

enum http_chunks_result {
    HTTP_CHUNKS_MORE, /* `*input` is used up */
    HTTP_CHUNKS_DATA, /* `*ret_data` is a piece of the body inside the input */
    HTTP_CHUNKS_END,  /* the last chunk and the trailers are read; `*input` is what stands behind */
    HTTP_CHUNKS_BAD,  /* err: BAD_HTTP */
};

#define HTTP_CHUNKS_START ((struct http_chunks){0})

enum http_chunks_result http_chunks_next(struct http_chunks *c, struct view *input,
                                         struct view *ret_data, struct error *err) MUST_CHECK;
