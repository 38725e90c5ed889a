/* What the files of the OpenAI chat dialect share; private to llm/. */
#pragma once

#include "llm/dialect.h"
#include "json/reader.h"

/* A model's name that is longer is no name. */
#define LLM_MAX_MODEL 256

static inline struct llm_span llm_span_from(const struct json_reader *r, uint32_t at)
{
    return (struct llm_span){at, json_offset(r) - at};
}

/* Reads a chat request (openai_chat_request.c). */
bool openai_chat_read(struct view body, struct arena *a, struct llm_request *ret_request,
                      struct error *err) MUST_CHECK;
/* The `messages` array (openai_chat_messages.c). False with `err` set, or with `r` failed. */
bool openai_chat_messages(struct json_reader *r, struct arena *a, struct llm_request *req,
                          struct error *err) MUST_CHECK;

/* Refuses the value that comes next. `param` names its field; `want` says what to write. */
bool openai_chat_bad_type(struct json_reader *r, struct view param, const char *want,
                          struct error *err);

/* What to cut so that `member` of the body's outermost object is gone: with the comma before it,
 * or, as long as every member before it is cut too, with the comma behind it. `*lead` is where that
 * run has come to; 0 at first. Members are cut in their order (openai_chat_edit.c). */
struct llm_span openai_chat_cut(struct view body, struct llm_span member, uint32_t *lead);

/* Reads the value of a `usage` member, in the words of chat completions or of responses; what is no
 * object, and counts that are no numbers, are passed over. `*ret_usage` changes only when a count
 * stood there (openai_chat_usage.c). */
void openai_usage(struct json_reader *r, struct llm_usage *ret_usage);

/* What a chunk of a stream, or a plain answer, says (openai_chat_choices.c). */
struct openai_chat_chunk {
    unsigned events; /* bits of enum llm_event, without DONE */
    unsigned n_choices;
    bool has_choices;
    struct llm_usage usage;
    uint64_t text_bytes;
    char finish[24];
    struct llm_span model_value, usage_member;
    struct json_text content; /* of a stream's delta */
    bool more;                /* it says something else than that */
};

/* `part` names the member of a choice that holds its text: "delta" or "message". False when it is
 * not the dialect's JSON: UPSTREAM_PROTOCOL. */
bool openai_chat_chunk_read(struct view data, struct view part, struct openai_chat_chunk *ret_chunk,
                            struct error *err) MUST_CHECK;

/* Whether an event's data is the end mark. */
bool openai_chat_is_done(struct view data);

/* The row (openai_chat_dialect.c). Each as dialect.h says. */
bool openai_chat_request_read(struct view body, struct arena *a, struct llm_neutral *ret,
                              struct error *err);
bool openai_chat_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                               struct buf *out, struct buf *notes, struct error *err);
bool openai_chat_event_read(struct llm_reader *r, struct view name, struct view data,
                            llm_sink *sink, void *arg, struct error *err);
bool openai_chat_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                            struct error *err);
bool openai_chat_event_write(struct llm_writer *w, const struct llm_ev *ev, struct buf *out);
bool openai_chat_event_pass(struct llm_answer *answer, struct view name, struct view data,
                            struct buf *out, unsigned *ret_events, struct error *err);
bool openai_chat_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                            struct llm_body *ret_body, struct error *err);
bool openai_chat_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                              struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                              struct error *err);
void openai_error_write(const struct error *err, int status, struct view request_id,
                        struct buf *out);
void openai_error_event(struct llm_writer *w, const struct error *err, struct buf *out);
