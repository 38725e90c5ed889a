/*
 * A request as rows of the weight table: words and, near its beginning, pairs of words of the last
 * user message (its first and last words once more under their own seeds), words of the system
 * message, and the shape of the whole. Training and serving share this code, so that they cannot
 * drift apart; a change here needs new weights (train/inspect/README.md).
 */
#pragma once

#include "llm/request.h"

#define FEATURES_TABLE_BITS 15
#define FEATURES_MAX        1024

/* Of the text that is looked at, at most 512 bytes of the last user message. */
struct features_shape {
    size_t bytes;        /* of the whole last user message */
    unsigned lines;      /* of what is looked at, as all below */
    unsigned digits;     /* bytes */
    unsigned high;       /* bytes above ASCII */
    unsigned marks;      /* punctuation */
    unsigned code_marks; /* braces, semicolons, angle brackets and their like */
    unsigned math_marks; /* $ \ ^ = + */
    unsigned options;    /* lines that begin like "A)", "(b)" or "C." */
    unsigned bullets;    /* lines that begin with "-", "*" or a number */
    unsigned repeats;    /* lines whose label before a colon stood on an earlier line: few-shot */
    unsigned fences;     /* ``` */
    unsigned questions;  /* question marks */
    unsigned first_line, last_line; /* bytes */
    unsigned char last;             /* last visible byte; 0: none */
    bool json;                      /* holds something like {"name": */
};

struct features {
    unsigned n;
    uint16_t rows[FEATURES_MAX]; /* what stands twice counts twice */
};

void features_of_user(const struct llm_request *request, struct features_shape *ret_shape,
                      struct features *ret_features);
void features_of_system(struct view text, struct features *ret_features);

/* The last message of a user; the last message when no user speaks; NULL without messages. */
const struct llm_message *features_user(const struct llm_request *request);
/* The first system message that says something, or NULL. */
const struct llm_message *features_system(const struct llm_request *request);
