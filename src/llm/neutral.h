/*
 * The neutral exchange in full: what a request asks and what an answer says, in no dialect's words.
 *
 * Only translation needs it: where client and backend speak the same dialect the bytes pass (see
 * request.h and answer.h). Every dialect has one reader and one writer each way (dialect.h), so all
 * pairs of dialects come of four files.
 *
 * All views point into the body that was read or into the arena; JSON that travels whole (schemas,
 * arguments, metadata) stays raw. A number stays as it was written; an empty view is "not said".
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "llm/answer.h"
#include "llm/request.h"

/* ---- requests -------------------------------------------------------------------------------- */

enum llm_part_kind {
    LLM_PART_TEXT,
    LLM_PART_IMAGE,
    LLM_PART_CALL,     /* the assistant calls a tool */
    LLM_PART_RESULT,   /* what the tool answered */
    LLM_PART_THINKING, /* the assistant's reasoning */
    LLM_PART_REFUSAL,
    LLM_PART_OTHER, /* a kind that only its own dialect knows: audio, files, ...; `name` says which
                     */
};

struct llm_part {
    enum llm_part_kind kind;
    struct view text;             /* TEXT, THINKING, REFUSAL, RESULT; decoded */
    struct view id;               /* CALL: its id; RESULT: the id of its call */
    struct view name;             /* CALL: the function; RESULT: the same where known; OTHER */
    struct view arguments;        /* CALL: JSON text (an object), decoded from its string */
    struct view url;              /* IMAGE by address; empty: by data */
    struct view media_type, data; /* IMAGE: "image/png", base64 without white space */
    struct view detail;           /* IMAGE: low, high, auto */
    struct view signature;        /* THINKING: opaque proof of its origin; may be empty */
    struct view made_by;          /* THINKING: the dialect of who proved it; see proof.h */
    bool redacted;                /* THINKING: `signature` is all there is */
    bool failed;                  /* RESULT: the tool reported an error */
    struct view cache_control;    /* raw JSON; a hint */
    struct llm_part *images;      /* RESULT: images in it */
    unsigned n_images;
};

/* Turns of the same role are not merged: writers whose dialect wants that do it. */
struct llm_turn {
    enum llm_role role; /* LLM_SYSTEM: system and developer text, wherever it stood */
    struct view name;
    struct llm_part *parts;
    unsigned n_parts;
};

struct llm_tool {
    struct view name, description;
    struct view parameters; /* raw JSON schema; may be empty */
    int strict;             /* 1, 0; -1: not said */
    struct view cache_control;
    bool foreign; /* no function: a tool of the provider's own (web search, ...); `name` says which
                   */
};

enum llm_choice {
    LLM_CHOICE_UNSAID,
    LLM_CHOICE_AUTO,
    LLM_CHOICE_NONE,
    LLM_CHOICE_ANY,
    LLM_CHOICE_NAMED
};
enum llm_format { LLM_FORMAT_TEXT, LLM_FORMAT_JSON, LLM_FORMAT_SCHEMA };

struct llm_embed_request; /* llm/embeddings.h */
struct llm_embed_answer;

#define LLM_MAX_STOPS  16
#define LLM_MAX_EXTRAS 32

struct llm_neutral {
    struct view model; /* decoded, never empty */
    struct llm_turn *turns;
    unsigned n_turns;
    /* A request for embeddings; its texts stand in `turns` too, to be counted. NULL: a chat. */
    const struct llm_embed_request *embed;
    struct llm_tool *tools;
    unsigned n_tools;
    enum llm_choice choice;
    struct view choice_name;
    int parallel_calls; /* 1, 0; -1: not said */
    enum llm_format format;
    struct view schema_name, schema_description, schema; /* `schema` raw */
    int schema_strict;                                   /* 1, 0; -1 */
    struct view stops[LLM_MAX_STOPS];                    /* decoded */
    unsigned n_stops;
    uint32_t max_tokens; /* 0: not said */
    struct view temperature, top_p, top_k, min_p, seed, presence_penalty, frequency_penalty, n;
    bool logprobs;
    struct view top_logprobs;
    struct view effort; /* of reasoning: minimal, low, medium, high, ... */
    int thinking;       /* 1 asked for, 0 asked against, -1 not said */
    uint32_t thinking_budget;
    struct view user, metadata, service_tier; /* metadata raw */
    struct view keep_alive, num_ctx;          /* Ollama's, raw */
    bool stream, include_usage;
    enum llm_load load;
    /* Top-level fields that nothing above holds, by name: each writer's caller notes or refuses
     * them (see llm_loss_of()). */
    struct view extras[LLM_MAX_EXTRAS];
    unsigned n_extras;
    bool keep_proof;          /* the client can hand thinking's proof back */
    struct llm_span *foreign; /* items of the body that were proved for others, in their order */
    unsigned n_foreign;
};

/* What happens to a field that the other side cannot say. */
enum llm_loss {
    LLM_LOSS_HARMLESS, /* dropped, and noted in the ledger: hints, ids, caching, tiers */
    LLM_LOSS_FATAL,    /* another answer would come: the candidate is skipped */
};
/* For a top-level field that no neutral member holds, by its name in its own dialect. */
enum llm_loss llm_loss_of(struct view field);

/* ---- answers --------------------------------------------------------------------------------- */

enum llm_finish {
    LLM_FINISH_NONE,
    LLM_FINISH_STOP,
    LLM_FINISH_LENGTH,
    LLM_FINISH_CALLS,
    LLM_FINISH_FILTER,
    LLM_FINISH_PAUSE
};

enum llm_event_kind {
    LLM_EV_START, /* id, name: the model's; once, first */
    LLM_EV_TEXT,  /* text of choice `choice` */
    LLM_EV_THINKING,
    LLM_EV_SIGNATURE, /* text: of the thinking before it */
    LLM_EV_REFUSAL,
    LLM_EV_CALL,      /* call `index` begins: id, name */
    LLM_EV_ARGUMENTS, /* text: a piece of the arguments of call `index` */
    LLM_EV_LOGPROBS,  /* raw: OpenAI chat's logprobs content array of what came last */
    LLM_EV_FINISH,    /* finish, stop (the stop sequence, where it is told) */
    LLM_EV_USAGE,     /* usage; the last one counts */
    LLM_EV_PING,
    LLM_EV_END, /* the end mark of a stream, or the end of a plain answer; once, last. Embeddings
                   come with it. */
};

/* A plain answer is read as the same events: the whole text in one LLM_EV_TEXT. */
struct llm_ev {
    enum llm_event_kind kind;
    unsigned choice; /* 0 but for n > 1 */
    unsigned index;  /* of a call within the answer, from 0 */
    struct view text, id, name, raw;
    enum llm_finish finish;
    struct view stop;
    struct llm_usage usage;
    int64_t created_s;                      /* START: Unix time; 0: not told */
    const struct llm_embed_answer *vectors; /* END, of an answer with embeddings */
};
