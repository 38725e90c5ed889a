/*
 * What a streamed answer has said so far, so that another backend can go on from there when the
 * stream breaks: its text, and whether it is nothing but text.
 *
 * Where the bytes of a stream pass, the text is kept as it stands between the quotes of its events
 * and decoded only when it is wanted; else it is the decoded text.
 */
#pragma once

#include "llm/dialect.h"
#include "json/reader.h"

#define LLM_SAID_MAX       (256 * 1024)
#define LLM_SAID_FIRST_MAX (16 * 1024)

struct llm_said {
    struct buf text;
    struct buf first; /* of a stream whose bytes pass: its first event, which names it */
    bool escaped;     /* `text` has JSON's escapes still */
    bool more;        /* something else was said too: reasoning, a refusal, a call, an image */
    bool closed;      /* Anthropic, bytes that pass: the block of the text has ended */
    unsigned pieces;  /* events with text: engines that tell each token by itself, tokens */
};

#define LLM_SAID \
    ((struct llm_said){.text = BUF_MAX(LLM_SAID_MAX), .first = BUF_MAX(LLM_SAID_FIRST_MAX)})
void llm_said_done(struct llm_said *s);

/* ---- while it streams ------------------------------------------------------------------------ */

/* An event of a stream whose bytes pass: the first one is kept. */
void llm_said_first(struct llm_said *s, struct view data);
/* A piece of the text of such an event. */
void llm_said_piece(struct llm_said *s, struct json_text piece);
/* An event of any other stream. */
void llm_said_event(struct llm_said *s, const struct llm_ev *ev);

/* ---- when it broke --------------------------------------------------------------------------- */

/* Whether the text is all that was said, and all of it is here. */
bool llm_said_only_text(const struct llm_said *s);
/* Decodes the text where it was not. False without memory. */
bool llm_said_decode(struct llm_said *s) MUST_CHECK;

/* Brings a writer that has written nothing to where it would be, had it written the stream that
 * passed: whatever it writes next goes on in that stream. `upstream` is the dialect of the bytes
 * that passed. False: its head cannot be read, or no memory. */
bool llm_said_resume(const struct llm_said *s, enum llm_dialect upstream,
                     struct llm_writer *w) MUST_CHECK;
