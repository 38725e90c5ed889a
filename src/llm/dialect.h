/*
 * A dialect: how requests and answers are read from it and written in it. One row of functions a
 * dialect; translation takes the reader of one and the writer of another.
 *
 * No I/O, no state beyond the structs. Events are handed to a sink as they are found; their views
 * live until the sink returns.
 */
#pragma once

#include "base/buf.h"
#include "llm/neutral.h"

typedef bool llm_sink(void *arg, const struct llm_ev *ev); /* false: stop reading */

/* Calls of one answer that are told apart; later ones must come one after the other. */
#define LLM_READ_CALLS 64

/* Reads an upstream's answer in its dialect. Zero it, set `dialect`, then feed it. */
struct llm_reader {
    enum llm_dialect dialect;
    struct arena *arena; /* for what must be decoded; the caller may reset it between events */
    /* the dialect's own */
    bool started, ended;
    unsigned n_calls;
    unsigned open_index; /* the block or item that is being streamed */
    unsigned open_kind;
    struct llm_usage usage;
    struct llm_call_read { /* Responses: calls may be streamed side by side */
        uint32_t key;      /* of the item that holds the call */
        bool said;         /* its arguments came */
    } calls[LLM_READ_CALLS];
};

/* Writes an answer in the client's dialect, streamed or plain. Zero it, set the first members. */
struct llm_writer {
    enum llm_dialect dialect;
    bool plain;          /* everything is kept until LLM_EV_END, then written whole */
    bool include_usage;  /* OpenAI chat: the client asked for the usage chunk */
    struct view model;   /* the name the client asked for */
    struct arena *arena; /* of the exchange: what is kept lives there */
    /* Responses echo parts of it, embeddings are told as it wants them; NULL for a stream. */
    const struct llm_neutral *request;
    struct buf text; /* kept text, for plain answers and for dialects that repeat it at the end */
    struct buf thinking, arguments, refusal; /* so too; BUF_MAX set by llm_writer_init() */
    char id[80];
    int64_t created_s;
    /* Ollama tells times with each line: when the request came, and the wall clock now, which the
     * caller sets before each event. 0: not known, created_s is told and no duration. */
    int64_t since_ns, now_ns;
    bool started, finished;
    int open_kind;     /* enum llm_part_kind of the block that is open, -1: none */
    unsigned n_blocks; /* blocks or output items begun */
    unsigned sequence; /* Responses' sequence_number */
    struct llm_call_kept {
        char id[80], name[128];
        size_t from, n; /* in `arguments`; where they are streamed, n is what was said of them */
        bool wrapped;   /* Anthropic, streamed: they are no object, and told as a text in one */
    } * calls;          /* in the arena */
    unsigned n_calls, cap_calls;
    enum llm_finish finish;
    struct view stop;
    struct llm_usage usage;
    void *own; /* the dialect's own, in the arena */
};

struct llm_dialect_ops {
    const char *name; /* "openai-chat", "openai-responses", "anthropic", "ollama" */

    /* Body -> neutral. Refuses what the dialect itself refuses, with err.param. */
    bool (*request_read)(struct view body, struct arena *a, struct llm_neutral *ret,
                         struct error *err);
    /* Neutral -> body for `model`. What cannot be said: harmless fields are appended to `notes`
     * ("logit_bias dropped, "), a fatal one returns false with BAD_VALUE and err.param = the field.
     * What is fatal is found even when `out` keeps nothing (BUF_MAX(0)); without such a field it
     * answers NO_MEMORY then.
     * `rewrite` as for llm_request_write(): add_usage, and what the model refuses. */
    bool (*request_write)(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                          struct buf *out, struct buf *notes, struct error *err);

    /* One event of a stream: `name` is the SSE event field (may be empty), `data` its data; for
     * NDJSON one line. An error inside the stream returns false with err (UPSTREAM_STATUS). */
    bool (*event_read)(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                       void *arg, struct error *err);
    /* A plain answer. */
    bool (*plain_read)(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                       struct error *err);

    /* Writes what one event becomes for the client (nothing at all for some), framed for the wire:
     * SSE events whole, or NDJSON lines; in plain mode only LLM_EV_END writes: the whole body. */
    bool (*event_write)(struct llm_writer *w, const struct llm_ev *ev, struct buf *out);

    /* Errors as the client's dialect has them: before the first byte, and inside a stream. */
    void (*error_write)(const struct error *err, int status, struct view request_id,
                        struct buf *out);
    void (*error_event)(struct llm_writer *w, const struct error *err, struct buf *out);

    /* Same dialect in and out: the event (framed) with only the model's name replaced. `ret_kinds`
     * are bits of enum llm_event; usage, finish and text_bytes go to `answer`. */
    bool (*event_pass)(struct llm_answer *answer, struct view name, struct view data,
                       struct buf *out, unsigned *ret_kinds, struct error *err);
    /* The body of a plain answer in pieces with the model's name replaced. */
    bool (*plain_pass)(struct llm_answer *answer, struct view body, struct arena *a,
                       struct llm_body *ret_body, struct error *err);
    /* The request's body in pieces with the model's name replaced (and, for OpenAI chat, the edits
     * of llm_rewrite). */
    bool (*request_pass)(const struct llm_request *request, const struct llm_rewrite *rewrite,
                         struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                         struct error *err);
    struct view (*content_type)(bool stream); /* of an answer */
    struct view path;                         /* where an upstream of this dialect is asked */
};

/* In which dialect a backend is asked for what a client says in its own. False: backends of that
 * dialect have no endpoint for it. */
bool llm_asked_in(enum llm_dialect client, enum llm_dialect backend, enum engine engine,
                  enum llm_dialect *ret_asked) MUST_CHECK;

/* NULL for a dialect that this build does not know. */
const struct llm_dialect_ops *llm_dialect(enum llm_dialect dialect);

/*
 * For request_write(): a field that its dialect (`target`, as sentences name it) cannot say.
 * llm_lose() notes a harmless one and refuses a fatal one (see llm_loss_of()); llm_cannot_say()
 * always refuses, and so does llm_foreign_tool() for a tool of the provider's own; llm_note() only
 * notes ("top_k dropped, "). llm_lose_extras() does so for all that
 * the reader found and no neutral member holds.
 */
bool llm_lose(const char *target, struct view field, struct buf *notes,
              struct error *err) MUST_CHECK;
bool llm_lose_extras(const char *target, const struct llm_neutral *request, struct buf *notes,
                     struct error *err) MUST_CHECK;
bool llm_cannot_say(const char *target, struct view field, struct error *err);
bool llm_foreign_tool(const char *target, unsigned index, struct view tool, struct error *err);
void llm_note(struct buf *notes, struct view field);

/* `created_s` is the time of the call until LLM_EV_START tells another one; `id` may be set by the
 * caller for answers that bring none. */
void llm_writer_init(struct llm_writer *w, enum llm_dialect dialect, bool plain, struct view model,
                     struct arena *a);
void llm_writer_done(struct llm_writer *w);

/* The facts that inspection and policy need, of a request that was read into the neutral form
 * (dialects without a quick reader of their own). An empty `model` stands for the request's own. */
bool llm_request_from_neutral(enum llm_dialect dialect, struct view body,
                              const struct llm_neutral *neutral, struct view model, struct arena *a,
                              struct llm_request *ret, struct error *err);
