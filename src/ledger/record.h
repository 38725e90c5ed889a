/*
 * One record for each exchange: what was asked, decided, tried, answered and paid. No prompt and no
 * answer is in it.
 *
 * Views point into the exchange's arena; the ledger copies what it keeps.
 */
#pragma once

#include "base/buf.h"
#include "config/config.h"

enum { LEDGER_UNPRICED = -1 }; /* as a cost: there is no price for that model */

struct ledger_record {
    int64_t id;             /* see ledger_next_id() */
    struct view request_id; /* x-request-id as sent to the client */
    int64_t wall_ms;        /* when the request's head was read */
    struct view key, model_asked, alias, dialect;
    struct view task; /* empty: not inspected (refused before) */
    double confidence, complexity;
    struct view plan; /* JSON of plan_write_brief(); empty: it did not come so far */
    /* JSON array: [{"backend","node","model","outcome","ms","status"}, ...]. Empty: no attempt
     * when nobody answered; else one, which the other members tell of. */
    struct view attempts;
    struct view notes; /* what was changed in the request; may be empty */
    int side;          /* enum side of the answer, -1: nobody answered */
    struct view backend, node, model;
    uint32_t tokens_in, tokens_out, tokens_cached, tokens_reasoning;
    bool tokens_estimated;
    bool stream;
    int status;                       /* HTTP status that the client got; 499 when it left */
    struct view outcome;              /* "ok", or the error's wire name */
    int64_t first_token_us, total_us; /* from the head's last byte; -1: did not happen */
    int64_t cost_nano;                /* or LEDGER_UNPRICED */
    int64_t other_cost_nano;          /* the best candidate of the other side; or LEDGER_UNPRICED */
    struct view other_model;          /* which one that was; may be empty */

    /* What the perimeter saw; all may be empty. */
    struct view scan;     /* "clean", "found", "failed" (counts as sensitive); empty: not scanned */
    struct view profile;  /* data_profile_name() of the scan */
    struct view findings; /* JSON object of the request as it came: {"EMAIL":2,...} */
    struct view modes;    /* JSON object: {"EMAIL":"mask",...} */
    struct view peer;     /* address of the connection that answered, as getpeername() tells it */
    /* JSON array: [{"from":N,"to":N,"went":"inside" | "outside" | "masked"},...]: ranges of bytes
     * of the request's body. Never their text. */
    struct view portions;
    /* JSON array: one object for each time that bytes of this request were sent to the outside,
     * also by attempts that failed: {"backend":S,"host":S,"peer":S,"bytes":N,"digest":S,"scan":S,
     * "left":{"EMAIL":1}}. `digest` is ledger_sent_digest(), `scan` the gate's last look at these
     * very bytes, `left` the classes that it let pass. Without `scan` they count as not scanned. */
    struct view sent;
};

/* A node's time since it was last written, for the hours that no request used. */
struct ledger_node_hours {
    int64_t from_ms, to_ms; /* wall */
    struct view backend, node;
    int64_t busy_ms;
    int64_t cost_per_hour_nano;
};
