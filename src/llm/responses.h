/* What the files of the OpenAI Responses dialect share; private to llm/. */
#pragma once

#include "llm/dialect.h"
#include "json/reader.h"
#include "json/writer.h"

/* Bytes of text, reasoning and arguments that one answer may keep for its last event. */
#define RESPONSES_MAX_KEPT ((size_t)32 << 20)

/* ---- requests -------------------------------------------------------------------------------- */

bool responses_request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                            struct error *err);
bool responses_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                             struct buf *out, struct buf *notes, struct error *err);
bool responses_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                            struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                            struct error *err);

/* Turns are appended to `n` as the items come. */
struct responses_input {
    struct arena *a;
    struct error *err;
    struct llm_neutral *n;
    unsigned room_turns, room_parts; /* of the turns, and of the last turn's parts */
    unsigned index;                  /* of the item, for sentences */
};

/* The turn and the part that come next; NULL, with `err` set, without memory. */
struct llm_turn *responses_add_turn(struct responses_input *x, enum llm_role role);
struct llm_part *responses_add_part(struct responses_input *x, enum llm_part_kind kind);
/* The value of `input` (responses_input.c). */
bool responses_input_read(struct responses_input *x, struct json_reader *r);

bool responses_no_memory(struct error *err);
/* A wrong value of the request; always false. */
bool responses_bad(struct error *err, struct view param, const char *text, const char *hint);
/* The string that comes next, decoded; null is an empty view. */
bool responses_string(struct json_reader *r, struct arena *a, struct view param,
                      struct view *ret_text, struct error *err);

/* The `tools`, `tool_choice`, `text` and `reasoning` as an answer echoes and a request asks them.
 */
void responses_put_tools(struct json_writer *w, const struct llm_neutral *n);
void responses_put_choice(struct json_writer *w, const struct llm_neutral *n);
void responses_put_format(struct json_writer *w, const struct llm_neutral *n);
/* Raw JSON on one line: a stream's events may hold no line ends. */
void responses_put_raw(struct json_writer *w, struct view raw);

/* ---- answers --------------------------------------------------------------------------------- */

/* What a response object says, wherever it stands. */
struct responses_object {
    struct json_text id, model, status, reason;
    struct view model_raw; /* as it stands, with its quotes */
    int64_t created_s;
    struct view output; /* raw; empty: not there */
    struct view error;  /* raw; empty: none */
    uint32_t max_output_tokens;
    struct llm_usage usage;
    bool is_response; /* `object` says so */
};

/* One event of a stream: its outermost members. */
struct responses_event {
    struct json_text type, delta, text, item_id, message;
    bool has_delta, has_text;
    bool has_error; /* a non-null `error` member */
    struct view item, response, logprobs;
    uint32_t output_index, summary_index;
    bool has_output_index;
};

bool responses_object_read(struct json_reader *r, struct responses_object *ret);
/* False when it is not JSON of the dialect: UPSTREAM_PROTOCOL. */
bool responses_event_parse(struct view data, struct view name, struct responses_event *ret,
                           struct error *err);
enum llm_finish responses_finish(const struct responses_object *o, bool calls);
bool responses_failed(const struct responses_object *o);
bool responses_protocol(const struct json_reader *r, struct error *err);

bool responses_event_read(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                          void *arg, struct error *err);
bool responses_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                          struct error *err);
bool responses_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out);
void responses_error_write(const struct error *err, int status, struct view request_id,
                           struct buf *out);
void responses_error_event(struct llm_writer *w, const struct error *err, struct buf *out);
bool responses_event_pass(struct llm_answer *answer, struct view name, struct view data,
                          struct buf *out, unsigned *ret_kinds, struct error *err);
bool responses_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                          struct llm_body *ret_body, struct error *err);

/* An output item that an answer is written into. */
struct responses_item {
    enum llm_part_kind kind;
    unsigned index; /* output_index */
    unsigned call;  /* CALL: index of the call */
    bool open;
    char id[96];
    struct view call_id, name;
    struct buf text, logprobs, signature;
    struct responses_item *next;
};

/* What a writer of this dialect keeps (llm_writer.own). */
struct responses_kept {
    struct view echo; /* members of the request that every response object repeats */
    struct responses_item *first, *first_open, *last, *last_call;
    size_t bytes;
};

/* The response object; with all items when it is done (responses_object.c). */
void responses_put_object(struct json_writer *j, const struct llm_writer *w, struct view status);
void responses_put_item(struct json_writer *j, const struct responses_item *item,
                        struct view status);
void responses_put_part(struct json_writer *j, const struct responses_item *item, bool whole);
/* Tokens of a logprobs array, without its brackets, each with the members that the dialect has:
 * the answer's parts tell their bytes, the stream's deltas do not (an empty `no_bytes`). Else
 * `no_bytes` is what stands for bytes that are not known. */
bool responses_put_logprobs(struct buf *out, struct view array, struct view no_bytes);
struct view responses_echo(const struct llm_neutral *request, struct arena *a);
