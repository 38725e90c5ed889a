/*
 * Reading another gateway's config into one for Weir.
 *
 * Nothing is guessed silently: what has no counterpart, or one that works in another way, is a note
 * with the line where it stands. No secret is copied: the config names variables of the environment
 * instead, and notes never repeat a value.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct import_result {
    struct buf config;    /* YAML, with comments on what was carried */
    struct buf notes;     /* what was not, and why: "name:line:column: what: why", one a line */
    struct buf variables; /* what the config takes from the environment: NAME=STAND-IN, one a line;
                             with these set it can be loaded before the real ones exist */
    unsigned n_backends, n_aliases, n_notes;
};

/* LiteLLM's proxy config; `name` is used in notes, errors and comments. False when the text cannot
 * be read, or when no model of it can be served; `notes` says why then as well. */
bool import_litellm(struct view text, const char *name, struct import_result *ret,
                    struct error *err) MUST_CHECK;

/* Of either outcome. */
void import_done(struct import_result *r);
