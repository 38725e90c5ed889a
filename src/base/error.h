/*
 * Errors: what happened, where, what to do.
 *
 * A function that may fail returns bool (or a pointer) and fills the `struct error` it was given;
 * outputs stay untouched then. Library folders return errors and never log; the program logs each
 * once. The table of codes is errors.def. `err` may never be NULL.
 */
#pragma once

#include "base/view.h"

#define MUST_CHECK __attribute__((warn_unused_result))

enum error_code {
    ERROR_NONE = 0,
#define ERROR(name, status, type, code, failover) ERROR_##name,
#include "base/errors.def"
#undef ERROR
    ERROR_COUNT
};

struct error {
    enum error_code code;
    char text[240]; /* what happened and where, one sentence */
    size_t own;     /* of its bytes, those that are Weir's words: see error_quote() */
    char hint[240]; /* what to do about it; may be empty */
    char param[64]; /* the field of the request that is meant; may be empty */
};

struct error_info {
    const char *name; /* "BAD_JSON" */
    int http_status;  /* what the client gets when nothing better can be done */
    const char *type; /* OpenAI's error.type */
    const char *wire; /* OpenAI's error.code; also the name in the ledger and in metrics */
    bool may_fail_over;
};

const struct error_info *error_info(enum error_code code);

/* Sets code and text, empties hint and param. Always returns false: `return error_set(...)`. */
bool error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets code and text with somebody else's words behind it ("...: WORDS"), which may repeat a
 * prompt: they are for the client and for nobody else. Returns false too. */
bool error_quote(struct error *err, enum error_code code, const char *text, struct view words);
/* The text without such words, for logs and the ledger. */
struct view error_own_words(const struct error *err);
/* Adds what to do. Returns false too. */
bool error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Names the field. Returns false too. */
bool error_param(struct error *err, struct view param);
