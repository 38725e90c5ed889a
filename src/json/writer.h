/*
 * A JSON writer: appends to a buffer, and places commas and colons by itself.
 *
 *     struct json_writer w = JSON_WRITER(&buf);
 *     json_put_object(&w);
 *     json_put_key(&w, VIEW("model"));
 *     json_put_string(&w, name);
 *     json_put_close(&w);
 *
 * Whether all of it had room is the buffer's answer (buf_ok()). Nesting is bounded as the
 * reader's is; past the bound the buffer fails.
 */
#pragma once

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    uint64_t objects; /* a bit for each open level, the innermost lowest: 1 for an object */
    unsigned depth;
    bool comma; /* something stands before what comes next on this level */
};

#define JSON_WRITER(buf) ((struct json_writer){.out = (buf)})

void json_put_object(struct json_writer *w);
void json_put_array(struct json_writer *w);
/* Closes the innermost object or array. */
void json_put_close(struct json_writer *w);
void json_put_key(struct json_writer *w, struct view key);

void json_put_string(struct json_writer *w, struct view text);
void json_put_i64(struct json_writer *w, int64_t value);
void json_put_u64(struct json_writer *w, uint64_t value);
/* Short, and reads back as the same number; null for what JSON has no number for. */
void json_put_double(struct json_writer *w, double value);
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
/* `json` is a whole value already. */
void json_put_raw(struct json_writer *w, struct view json);

/* A key and its value in one line. */
void json_put_member_string(struct json_writer *w, struct view key, struct view text);
void json_put_member_i64(struct json_writer *w, struct view key, int64_t value);
void json_put_member_u64(struct json_writer *w, struct view key, uint64_t value);
void json_put_member_double(struct json_writer *w, struct view key, double value);
void json_put_member_bool(struct json_writer *w, struct view key, bool value);

/* `text` in quotes, escaped where it must be; bytes that are not UTF-8 become U+FFFD. Needs no
 * writer: for values that are put into other texts. */
void json_quote(struct buf *out, struct view text);
