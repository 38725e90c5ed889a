/*
 * A JSON reader that walks its source once and copies nothing.
 *
 * The caller pulls: it asks for the type of what comes next and reads it, or skips it. What is
 * skipped is checked just as strictly (RFC 8259: grammar, UTF-8 of strings, escapes). All views
 * point into the source, which must outlive them. Nesting is bounded, nothing recurses.
 *
 *     struct json_object o;
 *     json_begin(&r, source);
 *     json_object_begin(&r, &o);
 *     while (json_object_next(&r, &o)) {
 *         if (json_key_is(&o, "model"))
 *             json_string(&r, &model);
 *         else
 *             json_skip(&r);
 *     }
 *     if (!json_end(&r))
 *         return json_error(&r, err);
 *
 * A failure is kept: all later calls return false, so a caller may ask once at the end.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

#define JSON_MAX_DEPTH 64
/* Members of one object that is read; a skipped one may have any number. */
#define JSON_MAX_KEYS   64
#define JSON_MAX_SOURCE UINT32_MAX

enum json_type {
    JSON_NONE, /* the end, or a byte that begins no value */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_reader {
    const char *start, *at, *end;
    unsigned depth;
    enum error_code code; /* ERROR_NONE while all is well */
    const char *problem;  /* what was wrong at `at`: "a comma is missing" */
};

/* A string as it stands between its quotes. */
struct json_text {
    struct view raw;
    bool escaped; /* false: `raw` is the text itself */
};

/* An object that is being read. A key that stands twice fails with DUPLICATE_KEY, also when one
 * of the two is written with escapes. */
struct json_object {
    /* The current member. An escaped key is decoded when it is short; a longer one stays as
     * written, with its backslashes. Valid until the next json_object_next(). */
    struct view key;
    uint32_t key_at; /* offset of the key's opening quote */
    unsigned n;      /* keys so far */
    bool any_escaped;
    uint64_t seen; /* one bit a class of keys: a clear one proves that a key is new */
    struct {
        uint32_t at, n;
    } keys[JSON_MAX_KEYS];
    char decoded[128];
};

struct json_array {
    bool begun;
};

void json_begin(struct json_reader *r, struct view source);

/* White space is passed over; nothing else is consumed. JSON_NONE does not yet fail. */
enum json_type json_peek(struct json_reader *r);
/* "a string", "null", ...: for sentences. */
const char *json_type_name(enum json_type type);

bool json_object_begin(struct json_reader *r, struct json_object *o);
/* Moves to the next member: its key is in `o`, its value comes next. False at the end of the
 * object and on failure. */
bool json_object_next(struct json_reader *r, struct json_object *o);
#define json_key_is(o, lit) \
    ((o)->key.n == sizeof(lit) - 1 && memcmp((o)->key.p, (lit), sizeof(lit) - 1) == 0)

bool json_array_begin(struct json_reader *r, struct json_array *array);
/* True: a value comes next. False at the end of the array and on failure. */
bool json_array_next(struct json_reader *r, struct json_array *array);

/* Each fails when something else comes. */
bool json_string(struct json_reader *r, struct json_text *ret_text);
bool json_number(struct json_reader *r, struct view *ret_raw);
bool json_bool(struct json_reader *r, bool *ret_value);
/* Any value; it is checked and passed over. */
bool json_skip(struct json_reader *r);
/* The same, and its bytes. */
bool json_value(struct json_reader *r, struct view *ret_raw);
/* Consumes `null` when it comes next. */
bool json_take_null(struct json_reader *r);

/* True when nothing failed and only white space is left. */
bool json_end(struct json_reader *r);

static inline bool json_failed(const struct json_reader *r)
{
    return r->code != ERROR_NONE;
}

static inline uint32_t json_offset(const struct json_reader *r)
{
    return (uint32_t)(r->at - r->start);
}

/* Says what failed and where. Always returns false. */
bool json_error(const struct json_reader *r, struct error *err);

/* The text without escapes: `raw` itself when there are none, else a copy in the arena. Half a
 * surrogate pair becomes U+FFFD. Empty, and the arena failed, without memory. */
struct view json_decode(struct json_text text, struct arena *a);
/* The same into `to`, which has room for `text.raw.n` bytes; returns how many were written. */
size_t json_decode_to(char *to, struct json_text text);
/* As much of it as fits, in whole characters. */
size_t json_decode_prefix(char *to, size_t room, struct json_text text);
bool json_text_eq(struct json_text text, struct view plain);
