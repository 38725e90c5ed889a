/*
 * A view: bytes that somebody else owns, passed by value.
 *
 * A view never frees anything and never ends in NUL by promise; whoever stores one states whose
 * memory it points into. Functions that search return VIEW_NPOS when nothing is found.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
    const char *p;
    size_t n;
};

#define VIEW_NPOS ((size_t)-1)

/* A view of a string literal, also in static initialisers. */
#define VIEW_LIT(s)           \
    {                         \
        ("" s), sizeof(s) - 1 \
    }
#define VIEW(s)   ((struct view)VIEW_LIT(s))
#define VIEW_NONE ((struct view){NULL, 0})
/* For printf: "%.*s", VIEW_ARG(v) */
#define VIEW_ARG(v) (int)(v).n, (v).p ? (v).p : ""

static inline struct view view_of(const char *p, size_t n)
{
    return (struct view){p, n};
}

static inline struct view view_str(const char *s)
{
    return (struct view){s, s ? strlen(s) : 0};
}

static inline bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The value of a hex digit of either case; -1: it is none. */
static inline int ascii_hex(char c)
{
    char low = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static inline bool view_eq_nocase(struct view a, struct view b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

static inline bool view_starts(struct view v, struct view prefix)
{
    return v.n >= prefix.n && (prefix.n == 0 || memcmp(v.p, prefix.p, prefix.n) == 0);
}

static inline bool view_ends(struct view v, struct view suffix)
{
    return v.n >= suffix.n && memcmp(v.p + v.n - suffix.n, suffix.p, suffix.n) == 0;
}

static inline struct view view_skip(struct view v, size_t n)
{
    return n >= v.n ? view_of(v.p + v.n, 0) : view_of(v.p + n, v.n - n);
}

static inline struct view view_first(struct view v, size_t n)
{
    return view_of(v.p, n < v.n ? n : v.n);
}

static inline struct view view_last(struct view v, size_t n)
{
    return n < v.n ? view_of(v.p + v.n - n, n) : v;
}

static inline size_t view_find_char(struct view v, char c)
{
    const char *hit = v.n ? memchr(v.p, c, v.n) : NULL;
    return hit ? (size_t)(hit - v.p) : VIEW_NPOS;
}

/* Removes blanks and tabs at both ends (HTTP's optional white space). */
static inline struct view view_trim(struct view v)
{
    while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
        v = view_skip(v, 1);
    while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
        v.n--;
    return v;
}

/* Cuts `*v` at the first `sep`: returns what stood before it and leaves the rest in `*v`. Without
 * a separator the whole is returned and `*v` is empty. */
static inline struct view view_cut(struct view *v, char sep)
{
    size_t at = view_find_char(*v, sep);
    struct view head = at == VIEW_NPOS ? *v : view_first(*v, at);
    *v = at == VIEW_NPOS ? view_of(v->p + v->n, 0) : view_skip(*v, at + 1);
    return head;
}

size_t view_find(struct view v, struct view needle);
size_t view_find_nocase(struct view v, struct view needle);

/* Whole view as an unsigned decimal: no sign, no blanks, at least one digit, no overflow. */
bool view_to_u64(struct view v, uint64_t *ret_value);
/* Whole view as a decimal number with optional sign and fraction. */
bool view_to_double(struct view v, double *ret_value);

bool view_matches_whole_glob(struct view v, struct view pattern);

/* `*` stands for any run of characters, also none; all else for itself. Long tables of patterns are
 * walked with this, so most are told apart by their first character. */
static inline bool view_matches_glob(struct view v, struct view pattern)
{
    if (pattern.n > 0 && pattern.p[0] != '*' && (v.n == 0 || v.p[0] != pattern.p[0]))
        return false;
    return view_matches_whole_glob(v, pattern);
}
