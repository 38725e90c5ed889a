/*
 * The neutral exchange, request half: what Weir must know of a chat request, whatever its dialect.
 *
 * Reading is one pass over the body. All views point into the body or into the arena. The body
 * itself stays as it came: an upstream that speaks the same dialect gets the same bytes but for
 * the edits of llm_request_write().
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"

enum llm_role { LLM_SYSTEM, LLM_USER, LLM_ASSISTANT, LLM_TOOL };

struct llm_message {
    enum llm_role role; /* `developer` counts as system, `function` as tool */
    struct view text;   /* decoded; text parts joined by a newline; may be empty */
    uint16_t images;    /* image parts */
};

struct llm_neutral;

/* A range of the body, for edits; n == 0: not there. */
struct llm_span {
    uint32_t at, n;
};

/* What a request without messages or prompt asks of Ollama. */
enum llm_load {
    LLM_LOAD_NONE,
    LLM_LOAD_BEGIN, /* the model into memory */
    LLM_LOAD_END,   /* out of it */
};

struct llm_request {
    enum llm_dialect dialect;
    struct view body;
    struct view model; /* decoded, never empty */
    bool stream;
    bool include_usage; /* the client asked for the usage chunk */
    enum llm_load load;
    unsigned needs; /* bits of enum llm_need */
    struct llm_message *messages;
    unsigned n_messages;
    struct view tools;                 /* raw JSON of `tools` (or `functions`); empty when none */
    struct view schema;                /* raw JSON of response_format when it binds to a schema */
    uint32_t max_tokens;               /* max_completion_tokens or max_tokens; 0: not said */
    struct view user;                  /* decoded; may be empty */
    struct view metadata;              /* raw JSON object; may be empty */
    const struct llm_neutral *neutral; /* the full reading; NULL: see llm_request_neutral() */

    /* Where the edits go. A member's span runs from its key's quote to the end of its value. */
    struct llm_span model_value;
    struct llm_span stream_options; /* its value, an object or null */
    struct llm_span usage_value;    /* of stream_options.include_usage */
    struct llm_span max_tokens_member, max_completion_tokens_member, temperature_member,
        top_p_member;
};

enum llm_need {
    LLM_NEED_TOOLS = 1 << 0,
    LLM_NEED_IMAGES = 1 << 1,
    LLM_NEED_SCHEMA = 1 << 2,
    LLM_NEED_EMBEDDINGS = 1 << 3, /* vectors of the messages' texts, and no answer to them */
};

/* Reads an OpenAI chat request. Refuses, with `err.param` naming the field: bad JSON, a key that
 * stands twice in an object that is read (escaped or not), a wrong type, no model, no messages. */
bool llm_request_read(enum llm_dialect dialect, struct view body, struct arena *a,
                      struct llm_request *ret_request, struct error *err) MUST_CHECK;

/* The full reading, which translation needs: made once, in the request's arena, and kept. NULL with
 * an error where the body holds what only the full reading looks at and refuses. */
const struct llm_neutral *llm_request_neutral(struct llm_request *request, struct arena *a,
                                              struct error *err);

/* What to change on the way to one candidate. */
struct llm_rewrite {
    struct view model; /* the candidate's name for it */
    bool add_usage;    /* a stream must end with usage: stream_options.include_usage = true */
    bool max_completion_tokens; /* the model refuses max_tokens: rename the member */
    bool drop_sampling;         /* the model refuses temperature and top_p: remove them */
    /* The engine passes over max_completion_tokens without a word (Ollama's /v1): the reverse. */
    bool max_tokens;
    /* The last turn is the assistant's, to be gone on with (prefill.h). */
    bool goes_on;
};

#define LLM_BODY_PIECES 14

/* A body in pieces: views into the client's body and into the arena, to be written in order. */
struct llm_body {
    struct view pieces[LLM_BODY_PIECES];
    unsigned n;
    size_t bytes;
};

/* `ret_notes` lists in words what was changed beyond the model's name ("max_tokens renamed,
 * temperature dropped"), for the ledger; empty when nothing was. */
bool llm_request_write(const struct llm_request *request, const struct llm_rewrite *rewrite,
                       struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                       struct error *err) MUST_CHECK;

/* One string value of a flat JSON object such as `metadata`, decoded; false when not there. */
bool llm_metadata_get(struct view metadata, struct view name, struct arena *a,
                      struct view *ret_value) MUST_CHECK;
