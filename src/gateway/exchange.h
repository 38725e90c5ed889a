/*
 * An exchange: one request to a model from its head to its record in the ledger. This is the
 * product; exchange_run() is its table of contents.
 *
 * An exchange belongs to the task of its connection. Everything it needs lives in its arena, and
 * the fleet (with the configuration) is the one it began with.
 */
#pragma once

#include "base/buf.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "inspect/inspect.h"
#include "inspect/mask.h"
#include "llm/answer.h"
#include "policy/policy.h"

#define EXCHANGE_HELD_PIECES (LLM_BODY_PIECES + 2)

struct exchange {
    struct gateway *gateway;
    struct http_server *client;
    const struct http_limits *limits;
    const struct http_head *head;
    struct arena *arena;
    struct arena *request_arena; /* the body and what was read of it; NULL once it is not needed */
    struct fleet *fleet;
    const struct config *config;
    int64_t began_ns, wall_ms, deadline_ns;
    int64_t id; /* in the ledger */
    struct view request_id;

    enum llm_dialect dialect; /* the client's */
    struct view key;          /* the caller's name */
    struct view body;
    struct llm_request request; /* its model outlives the request's arena */
    struct inspect_facts facts;
    const struct affinity_prompt *prompt; /* its beginnings; NULL where nobody needs them */
    const struct mask_map *mask; /* of the attempt: what was masked in its request; or NULL */
    struct answer *turn; /* of a conversation, to be kept with its answer; NULL: not to be */
    struct plan *plan;
    struct race_runner *runner;  /* of one of two attempts at the same time (race.h); or NULL */
    struct screening *screening; /* what of it is sensitive; NULL: not looked through */

    /* how it went */
    struct error error; /* code ERROR_NONE: it was answered */
    struct llm_answer answer;
    struct continuation *continuation; /* of a stream that somebody else can go on with; or NULL */
    struct translation *translation;   /* of the attempt that streams; NULL before */
    const struct plan_candidate *answered_by; /* NULL: nobody */
    struct node *node;
    int64_t share_ns; /* of that node */
    int64_t first_token_ns;
    struct buf attempts;     /* JSON, without the closing bracket */
    int64_t steps_cost_nano; /* of a split's steps; LEDGER_UNPRICED when one has no price */
    unsigned n_attempts;
    uint32_t too_long;     /* a bit for each candidate whose window the prompt does not fit into */
    uint32_t least_window; /* a smaller one was found too small */
    enum stats_retry may_pass; /* what failed in this round and may pass; RETRY_FAILED: nothing */
    int64_t waited_ns, waited_told_ns; /* in the queue for room, in all; told with attempts */
    struct view notes;
    int status;             /* what the client gets */
    int upstream_status;    /* of the last attempt that got one */
    struct view outcome;    /* of an answer: "ok", or that the upstream refused the request */
    int64_t retry_after_ms; /* for the client; 0: nothing to say */

    /* what was sent, and what waits for the ledger */
    bool streaming; /* the head of a streamed answer has left */
    bool close;     /* the connection cannot be used again */
    struct view held[EXCHANGE_HELD_PIECES];
    unsigned n_held;
    struct network_address peer;     /* whom the answer came from */
    struct buf sent, portions;       /* JSON of evidence.h, without the closing brackets */
    struct view upstream_heads;      /* those of the answer that may pass, ready to send */
    struct view upstream_request_id; /* Anthropic's request-id; may be empty */
};

/* Runs the exchange to its end; the answer (or the error) was sent and the record is written.
 * False: the connection cannot be used again. */
bool exchange_run(struct exchange *x);

/* ---- the steps, in the order of the walk; each is one file --------------------------------- */

bool exchange_admit(struct exchange *x) MUST_CHECK;    /* admit.c: can anything be served now */
bool exchange_identify(struct exchange *x) MUST_CHECK; /* identify.c: who calls */
bool exchange_receive(struct exchange *x) MUST_CHECK;  /* receive.c: the body */
bool exchange_inspect(struct exchange *x) MUST_CHECK;  /* inspect.c: the request, the facts */
bool exchange_decide(struct exchange *x) MUST_CHECK;   /* decide.c: the plan */
/* decide.c: right after the start the engines' lists of models may not be in yet, nor the nodes
 * that are looked up. Waits until they are, 3 s at most; who lists models asks too. */
void exchange_wait_for_models(struct exchange *x);
bool exchange_screen(struct exchange *x) MUST_CHECK; /* screen.c: what may leave */
/* recall.c: an answer that no model is needed for. True: it was answered. */
bool exchange_recall(struct exchange *x);
bool exchange_attempt(struct exchange *x) MUST_CHECK; /* attempt.c: candidates in turn */
/* account.c: the record. False: it could not be written and must be. */
bool exchange_account(struct exchange *x) MUST_CHECK;
/* What an answer with this usage cost, nano-dollars; `share_ns` of the node, for one inside. */
int64_t account_cost(const struct exchange *x, const struct plan_candidate *answered_by,
                     const struct llm_usage *usage, int64_t share_ns);
/* The usage that was reported, or Weir's own count of what came. */
struct llm_usage account_usage(const struct exchange *x);
/* keep.c: an answer that a later request may go on from. */
void exchange_keep(struct exchange *x);
/* release.c: the last bytes of the answer, or the error. */
void exchange_release(struct exchange *x);

/* A job on the CPU pool was left behind and has the request's arena: to this exchange the request
 * is gone. */
void exchange_lose_request(struct exchange *x);

/* ---- between attempt.c and deliver.c -------------------------------------------------------- */

enum deliver_result {
    DELIVER_DONE,      /* answered: what is left to send is held */
    DELIVER_FAILED,    /* nothing reached the client: the next candidate may be asked */
    DELIVER_TOO_LONG,  /* the model's window is too small, and another candidate's may be not */
    DELIVER_CUT,       /* failed after the client got its first bytes */
    DELIVER_CANCELLED, /* the client left */
};

/* `asked` is the dialect in which the upstream was asked (see llm_asked_in()). */
enum deliver_result deliver_plain(struct exchange *x, struct http_call *call,
                                  enum llm_dialect asked, int64_t deadline_ns,
                                  struct arena *attempt);
enum deliver_result deliver_stream(struct exchange *x, struct http_call *call,
                                   enum llm_dialect asked, int64_t between_ns,
                                   int64_t first_token_ns, int64_t deadline_ns);
/* The whole body, in a buffer that lives as long as the arena. */
bool deliver_read_whole(struct exchange *x, struct http_call *call, size_t max, int64_t deadline_ns,
                        struct arena *a, struct view *ret_body) MUST_CHECK;

/* The stream ends here: what follows the last event (empty: the dialect's end mark) is held for the
 * ledger. */
void deliver_end(struct exchange *x, struct view end);

/* An answer of the upstream that is final although it is an error: its bytes are the client's. With
 * `may_go_on` a prompt that is too long for this model is left to another one. */
enum deliver_result deliver_refusal(struct exchange *x, struct http_call *call, int64_t deadline_ns,
                                    enum llm_dialect asked, struct arena *attempt, bool may_go_on);

/* The head of an answer up to and with its empty line. `length` SIZE_MAX: chunked. Empty without
 * memory: then nothing may be sent. */
struct view deliver_head(struct exchange *x, int status, struct view type, size_t length);
