/*
 * Regular expressions of the organisation, matched in time that is linear in the text: a simulation
 * of the expression's states, without going back. So what needs going back is refused: references
 * to groups and looks around. There are: . [] [^] \d \w \s \D \W \S \b \B ^ $ | () (?:) * + ? {m,n}
 * and (?i) at the beginning. Matches are the leftmost ones, and of those the longest.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

#define PATTERN_MAX        1024 /* bytes of an expression */
#define PATTERN_MAX_STATES 4096

/* Immutable, any thread. */
struct pattern;
/* NULL, and `err` says what is wrong and where. */
struct pattern *pattern_new(struct view expression, struct error *err);
void pattern_free(struct pattern *pattern); /* accepts NULL */

/* Room for one search at a time; NULL without memory. */
struct pattern_search;
struct pattern_search *pattern_search_new(const struct pattern *pattern, struct arena *a);
/* The first match from `from` on. */
bool pattern_find(struct pattern_search *search, struct view text, size_t from, size_t *ret_start,
                  size_t *ret_end);
