/*
 * Reads one answer as it arrives: the head, the body by its length or in chunks, and the events of
 * a stream. It checks what the bench promises: each event once, in order, and an end mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum answer_state {
    ANSWER_HEAD,
    ANSWER_BODY, /* by length */
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK,
    ANSWER_CHUNK_END,
    ANSWER_TRAILER,
    ANSWER_DONE,
    ANSWER_BROKEN,
};

struct answer {
    enum answer_state state;
    int status;
    bool close; /* the server will close the connection */
    bool chunked;
    uint64_t left;
    uint64_t body_bytes;
    bool is_stream;
    unsigned events;     /* with content, so far */
    unsigned disordered; /* of these, not the one that was due */
    bool finished;       /* [DONE] was seen */
    char line[4096];     /* of the head or of the chunked coding */
    size_t line_len;
    char event[2048]; /* a line of the stream */
    size_t event_len;
    /* Called for each event with content; `stamp_ns` is when the upstream wrote it. */
    void (*on_event)(void *context, int64_t stamp_ns, int64_t now_ns);
    void *context;
};

/* Ready for the next answer; callback and context stay. */
void answer_reset(struct answer *a);
/* `now_ns` is when these bytes arrived. False when they are no HTTP. */
bool answer_feed(struct answer *a, const char *p, size_t n, int64_t now_ns);
/* Whether a finished answer is what was asked for; `events` is 0 for a plain one. */
bool answer_is_right(const struct answer *a, unsigned events);
