/*
 * Between the client's dialect and the backend's: the same for all pairs. Where both speak the same
 * the bytes pass, but for the model's name; else one dialect's reader feeds the other's writer. So
 * too the answer of a masked exchange, whatever the dialects: its texts are restored in between.
 */
#pragma once

#include "gateway/exchange.h"
#include "gateway/restore.h"
#include "llm/dialect.h"

struct translation {
    struct llm_answer *answer; /* what the ledger needs to know is collected there */
    const struct llm_dialect_ops *client, *upstream;
    bool same; /* bytes pass */
    bool lines;
    struct llm_reader reader;
    struct llm_writer writer;
    struct restore *restore;                 /* of a masked exchange, between the two; else NULL */
    const struct continuation *continuation; /* of a stream that may be gone on with; else NULL */
    llm_sink *sink; /* of the reader: the writer's, or that of `restore` before it */
    void *sink_arg;
    /* of the event that is being read */
    struct buf *out, *end;
    unsigned kinds;
    uint64_t thinking_bytes; /* of the thinking that is going on and has no proof yet */
};

/* What changes on the way to that backend's model. */
struct llm_rewrite translate_rewrite(const struct llm_request *request,
                                     const struct config_backend *backend, struct view model);

/* The request's body for a backend that is asked in that dialect, which sayable_sift() has let
 * stand. */
bool translate_request(struct exchange *x, struct llm_request *request, enum llm_dialect asked,
                       const struct llm_rewrite *rewrite, struct arena *attempt,
                       struct llm_body *ret_body) MUST_CHECK;

/* Whether a dialect is one of Ollama's: lines of JSON instead of server-sent events, and times. */
bool translate_by_lines(enum llm_dialect dialect);

/* Whether the upstream's bytes are the client's: nothing is decoded. */
bool translate_passes(const struct exchange *x, enum llm_dialect asked);

/* False: no memory (x->error). */
bool translate_begin(struct translation *t, struct exchange *x, enum llm_dialect asked, bool plain,
                     struct arena *attempt) MUST_CHECK;
/* Another upstream goes on with the stream that this one began. */
void translate_resume(struct translation *t, struct exchange *x, enum llm_dialect asked,
                      struct arena *attempt);
void translate_done(struct translation *t);

/* One event of the upstream's stream; what the client gets is appended to `out`, and what may leave
 * only when the record is written (its end mark) to `end`. Errors as llm_answer_event(). */
bool translate_event(struct translation *t, struct view name, struct view data, struct buf *out,
                     struct buf *end, unsigned *ret_kinds, struct error *err) MUST_CHECK;

/* A plain answer. */
bool translate_plain(struct translation *t, struct view body, struct arena *attempt,
                     struct llm_body *ret_body, struct error *err) MUST_CHECK;
