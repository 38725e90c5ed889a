/* What the files of Ollama's native dialect share; private to llm/. */
#pragma once

#include "llm/dialect.h"
#include "llm/openai_chat.h"
#include "json/reader.h"
#include "json/writer.h"

/* ---- requests -------------------------------------------------------------------------------- */

struct ollama_in {
    struct json_reader r;
    struct arena *a;
    struct error *err;
    struct llm_neutral n;
};

/* All return false with `err` set, or with `r` failed. */

/* A string, or null for an empty one. */
bool ollama_take_string(struct ollama_in *x, struct view param, struct view *ret_text);
/* An array of base64 strings, or null, as image parts behind those in `*parts`. */
bool ollama_take_images(struct ollama_in *x, struct view param, struct llm_part **ret_parts,
                        unsigned *ret_n);
bool ollama_read_messages(struct ollama_in *x);
bool ollama_read_tools(struct ollama_in *x);
/* The members that /api/chat and /api/generate share; others are noted as extras. */
bool ollama_read_member(struct ollama_in *x, const struct json_object *o);
/* Checks what is left to check at the body's end and hands the request out. */
bool ollama_read_finish(struct ollama_in *x, bool ok, struct llm_neutral *ret, struct error *err);
bool ollama_no_memory(struct error *err);

/* `items`, or a copy with twice the room when `n` of them fill it. NULL without memory. */
void *ollama_grow(struct arena *a, void *items, unsigned n, size_t size);

bool ollama_chat_read(struct view body, struct arena *a, struct llm_neutral *ret,
                      struct error *err);
bool ollama_generate_read(struct view body, struct arena *a, struct llm_neutral *ret,
                          struct error *err);
bool ollama_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                          struct buf *out, struct buf *notes, struct error *err);

/* Arguments of a call as the object that the dialect wants, on one line. Text that is no object
 * is kept as a string under "arguments". */
void ollama_put_arguments(struct buf *out, struct view json);
/* Any JSON value on one line. */
void ollama_put_line(struct buf *out, struct view json);

/* ---- answers --------------------------------------------------------------------------------- */

/* One line, or a plain answer, as it was found. */
struct ollama_line {
    struct json_text model, created, content, thinking, done_reason;
    struct view calls, logprobs; /* raw arrays; empty when they hold nothing */
    struct llm_usage usage;
    struct llm_span model_value;
    bool has_text; /* `message` or `response` stood there */
    bool done, failed;
};

/* False with UPSTREAM_PROTOCOL when it is not the dialect's. */
bool ollama_line_read(struct view data, struct ollama_line *ret_line, struct error *err);
/* A string, where one stands; all else is passed over. */
void ollama_take_text(struct json_reader *r, struct json_text *ret_text);
/* Returns false. */
bool ollama_protocol(struct error *err, const char *what);

bool ollama_event_read(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                       void *arg, struct error *err);
bool ollama_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                       struct error *err);
bool ollama_event_pass(struct llm_answer *answer, struct view name, struct view data,
                       struct buf *out, unsigned *ret_kinds, struct error *err);
bool ollama_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                       struct llm_body *ret_body, struct error *err);
/* `body` with the name that stands at `span` replaced; without a span it stays as it is. */
bool ollama_replace(struct view body, struct llm_span span, struct view model, struct arena *a,
                    struct llm_body *ret_body, struct error *err);
bool ollama_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                         struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                         struct error *err);

/* What keeps Ollama from cutting a prompt: a longer one is refused then. */
#define OLLAMA_WHOLE_PROMPT "\"truncate\":false,\"shift\":false"
/* The same with that in it, where the client says nothing of it. */
bool ollama_chat_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                      struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                      struct error *err);

/* "2026-11-24T06:17:28.46841796Z"; returns the length, `to` has room for 40 bytes. */
size_t ollama_time(char *to, int64_t wall_ns);
/* The Unix time that such a text says; 0 when it is none. */
int64_t ollama_time_read(struct view text);
