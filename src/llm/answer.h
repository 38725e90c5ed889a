/*
 * The neutral exchange, answer half: an upstream's answer, plain or streamed, read for what Weir
 * must know (usage, whether it has content yet, whether it is an error) and rewritten for the
 * client (the model's name; the usage chunk that only Weir asked for).
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "llm/request.h"

/* Tokens as OpenAI counts them: `input` includes `cached` and `written`, `output` includes
 * `reasoning`. */
struct llm_usage {
    bool reported; /* false: nothing came, the numbers are zero */
    uint32_t input, cached, output, reasoning;
    uint32_t written; /* put into the provider's cache (Anthropic's cache_creation) */
};

/* What one streamed event holds; bits. */
enum llm_event {
    LLM_EVENT_CONTENT = 1 << 0, /* text, a refusal, reasoning or a tool call */
    LLM_EVENT_FINISH = 1 << 1,  /* a finish_reason */
    LLM_EVENT_USAGE = 1 << 2,
    LLM_EVENT_ERROR = 1 << 3, /* an error object inside the stream */
    LLM_EVENT_DONE = 1 << 4,  /* the dialect's end mark */
};

struct llm_said; /* llm/said.h */

struct llm_answer {
    enum llm_dialect dialect;
    struct view model; /* the name the client asked for */
    struct view id;    /* Responses: stands instead of the upstream's; empty: that one stays */
    bool hide_usage;   /* the client did not ask for the usage chunk: drop it */
    struct llm_usage usage;
    uint64_t text_bytes;   /* of completion text so far: the estimate's base when no usage comes */
    char finish[24];       /* the last finish_reason; "" before */
    struct llm_said *said; /* what a stream says is kept there; NULL: nothing is */
};

/* Reads one event of a stream, its `name` (may be empty) and its data, and appends the event,
 * framed for the client ("data: " before, blank line behind), to `out`: byte for byte but for the
 * model's name. Nothing is appended for an event that the client must not see, nor for an error
 * (its message goes to `err`) and nor for the end mark: the caller decides when those leave. False:
 * the event is not JSON of the dialect (`err`), a failed attempt. */
bool llm_answer_event(struct llm_answer *answer, struct view name, struct view data,
                      struct buf *out, unsigned *ret_events, struct error *err) MUST_CHECK;

/* Reads a plain answer. `ret_body` are the bytes for the client. False with UPSTREAM_PROTOCOL when
 * it is not the dialect's JSON, UPSTREAM_STATUS when it is an error object inside a 200. */
bool llm_answer_plain(struct llm_answer *answer, struct view body, struct arena *a,
                      struct llm_body *ret_body, struct error *err) MUST_CHECK;

/* The message of an upstream's error body (object, string or plain text, as engines send them),
 * bounded and without control characters; `fallback` when there is none. */
struct view llm_error_message(struct view body, struct arena *a, struct view fallback);

/* The error that an upstream tells in a body or an event, in its own words. Returns false. */
bool llm_upstream_error(struct view body, struct error *err);

/* Whether an upstream's error body says that the prompt does not fit into its model's window. */
bool llm_error_is_too_long(struct view body);

/* The client dialect's error object (with a newline behind it). */
void llm_error_write(enum llm_dialect dialect, const struct error *err, struct buf *out);
/* The client dialect's error event; no end mark follows it. */
void llm_error_event(enum llm_dialect dialect, const struct error *err, struct buf *out);
/* The client dialect's end mark of a stream: "data: [DONE]\n\n". Empty where the last event, which
 * llm_answer_event() appends with LLM_EVENT_DONE, is that mark. */
struct view llm_end_mark(enum llm_dialect dialect);
