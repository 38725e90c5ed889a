/* What the files of the Anthropic messages dialect share; private to llm/. */
#pragma once

#include "llm/dialects.h"
#include "json/reader.h"

#define ANTHROPIC_MAX_TOKENS 4096 /* what is asked for when the client says nothing */

/* ---- requests -------------------------------------------------------------------------------- */

struct anthropic_request_reader {
    struct json_reader r;
    struct arena *a;
    struct error *err;
    struct llm_neutral n;
    bool has_messages, has_max_tokens;
    unsigned room; /* in n.turns; its first place is kept for `system` */
    unsigned message;
    struct llm_turn system;
};

/* Each refuses by `err`, or leaves `r` failed (anthropic_request_read.c). */
bool anthropic_take_string(struct anthropic_request_reader *x, struct view param,
                           struct view *ret_text) MUST_CHECK;
bool anthropic_take_flag(struct anthropic_request_reader *x, struct view param,
                         int *ret_flag) MUST_CHECK;
/* The raw value; null is "not said". */
bool anthropic_take_raw(struct anthropic_request_reader *x, struct view *ret_raw) MUST_CHECK;
bool anthropic_missing(struct anthropic_request_reader *x, struct view param, const char *hint);
bool anthropic_no_memory(struct error *err);

/* `messages`, and `system` (anthropic_messages_read.c). */
bool anthropic_read_messages(struct anthropic_request_reader *x) MUST_CHECK;
bool anthropic_read_system(struct anthropic_request_reader *x) MUST_CHECK;
/* `tools` and `tool_choice` (anthropic_tools_read.c). */
bool anthropic_read_tools(struct anthropic_request_reader *x) MUST_CHECK;
bool anthropic_read_choice(struct anthropic_request_reader *x) MUST_CHECK;

struct anthropic_request_writer {
    const struct llm_neutral *n;
    struct buf *out, *notes;
    struct error *err;
    unsigned unnamed;       /* calls without an id so far */
    unsigned group_unnamed; /* the first of them in the assistant's last turn */
    unsigned results;       /* results without an id since then */
    bool noted_reasoning, noted_detail, noted_name, noted_arguments;
};

/* Refuses; `param` is the field, `why` says what this dialect lacks. */
bool anthropic_cannot_say(struct anthropic_request_writer *x, const char *param, const char *why);
/* `"system":...,"messages":[...]` (anthropic_messages_write.c). */
bool anthropic_write_messages(struct anthropic_request_writer *x) MUST_CHECK;
/* A call's arguments as the object that `input` must be: what is none is wrapped in
 * {"arguments":...} (anthropic_messages_write.c). Returns false when it was wrapped. */
bool anthropic_put_input(struct buf *out, struct view arguments);

/* ---- answers --------------------------------------------------------------------------------- */

/* An event of a stream, or a plain answer, or one block of its content. */
enum anthropic_type {
    ANTHROPIC_UNKNOWN,
    ANTHROPIC_MESSAGE_START,
    ANTHROPIC_BLOCK_START,
    ANTHROPIC_BLOCK_DELTA,
    ANTHROPIC_BLOCK_STOP,
    ANTHROPIC_MESSAGE_DELTA,
    ANTHROPIC_MESSAGE_STOP,
    ANTHROPIC_PING,
    ANTHROPIC_ERROR,
    ANTHROPIC_MESSAGE, /* a plain answer */
};

/* Views point into the source, undecoded. */
struct anthropic_block {
    struct json_text type, text, id, name, signature;
    struct view input; /* raw */
};
struct anthropic_event {
    enum anthropic_type type;
    bool has_error;
    uint32_t index;
    struct anthropic_block block; /* of a block's start, or a delta: `text` is what came */
    struct json_text id, model, stop_reason, stop_sequence, explanation;
    bool has_stop_reason, has_stop_sequence, has_content;
    struct view content;         /* raw, of a plain answer */
    struct llm_span model_value; /* to be replaced */
    struct anthropic_usage {
        bool any, has_input, has_cached, has_written, has_output, has_reasoning;
        uint32_t input, cached, written, output, reasoning;
    } usage;
};

/* False: not JSON of the dialect, UPSTREAM_PROTOCOL (anthropic_event.c). */
bool anthropic_event_parse(struct view name, struct view data, struct anthropic_event *ret,
                           struct error *err) MUST_CHECK;
/* One block of a content array. */
void anthropic_block_parse(struct json_reader *r, struct anthropic_block *b);
/* A signature that is all there is of its block has this name in its LLM_EV_SIGNATURE. */
#define ANTHROPIC_REDACTED "redacted_thinking"
/* Later counts are totals too: each replaces its own part only. */
void anthropic_usage_merge(const struct anthropic_usage *from, struct llm_usage *usage);

bool anthropic_event_read(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                          void *arg, struct error *err);
bool anthropic_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                          struct error *err);
bool anthropic_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out);
/* What both kinds of answers share (anthropic_plain_write.c). */
bool anthropic_plain_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out);
bool anthropic_keep_call(struct llm_writer *w, const struct llm_ev *ev);
void anthropic_put_usage(const struct llm_usage *usage, struct buf *out);
/* The event that ends a stream. */
struct view anthropic_end_mark(void);
void anthropic_put_stop(const struct llm_writer *w, struct buf *out);

void anthropic_error_write(const struct error *err, int status, struct view request_id,
                           struct buf *out);
void anthropic_error_event(struct llm_writer *w, const struct error *err, struct buf *out);

bool anthropic_event_pass(struct llm_answer *answer, struct view name, struct view data,
                          struct buf *out, unsigned *ret_kinds, struct error *err);
bool anthropic_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                          struct llm_body *ret_body, struct error *err);
bool anthropic_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                            struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                            struct error *err);

bool anthropic_request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                            struct error *err);
bool anthropic_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                             struct buf *out, struct buf *notes, struct error *err);
