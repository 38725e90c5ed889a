/*
 * Text in one plain form, with the way back to the bytes that it was made of.
 *
 * What Unicode and the web offer for writing the same thing in another way is undone: compatibility
 * forms, other scripts' digits, look-alike letters, invisible characters, entities, percent and
 * backslash escapes; one level deep. A mapped text never holds more bytes than its source.
 */
#pragma once

#include "base/arena.h"

/* From byte `at` of the text on, bytes stand at `raw` and behind, until the next run. */
struct plain_run {
    uint32_t at, raw;
};

struct plain {
    struct arena *a;
    char *p; /* NUL behind `n`, and a line feed before p[0] */
    uint32_t n, cap;
    struct plain_run *runs; /* empty: byte i stands at `raw` + i */
    unsigned n_runs, cap_runs;
    uint32_t raw;
};

/* Room for `cap` bytes. False without memory. */
bool plain_init(struct plain *t, uint32_t cap, struct arena *a);
/* A text that stands at `raw` as it is. */
struct plain plain_of(struct view text, uint32_t raw);

/* Each appends bytes `from` to `to` of `in`: as they are; without JSON's escapes; normalised. */
bool plain_copy(struct plain *out, const struct plain *in, uint32_t from, uint32_t to);
bool plain_unescape(struct plain *out, const struct plain *in, uint32_t from, uint32_t to);
bool plain_normalize(struct plain *out, const struct plain *in, uint32_t from, uint32_t to);
/* Appends bytes of nobody: what stands between two strings. */
bool plain_glue(struct plain *out, struct view glue, uint32_t raw);

/* Where byte `at` stands; and where what ends before byte `at` ends. */
uint32_t plain_raw(const struct plain *t, uint32_t at);
uint32_t plain_raw_end(const struct plain *t, uint32_t at);

/* The plain form of a character in up to 4 bytes: 0 bytes for an invisible one; SIZE_MAX when it
 * is plain already. */
size_t plain_fold(uint32_t c, char to[4]);
/* The Latin letter that a Cyrillic or Greek one looks like; 0: none. */
char plain_look_alike(uint32_t c);
/* A letter with marks as the ASCII letter below them, lower case; 0: no such letter. */
char plain_base_letter(uint32_t c);
