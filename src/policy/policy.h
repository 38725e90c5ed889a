/*
 * The decision: facts, policy and a view of the fleet in, a plan out. Pure: the same input gives
 * the same plan, nothing is read from clocks or the network.
 *
 * A plan is the ordered list of candidates (a backend and a model), each with the reason it stands
 * there, and the ones that were left out, each with the reason why. `weir route` prints it, the
 * exchange walks it, the ledger keeps it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "inspect/inspect.h"
#include "inspect/sensitivity.h"

/* A model as the fleet knows it now. */
struct policy_model {
    struct view name;
    uint32_t window;           /* tokens; 0: unknown, then nothing is refused for its length */
    unsigned abilities;        /* bits of enum ability; all of them where nothing is known */
    bool loaded;               /* in the engine's memory now */
    bool remote;               /* an inside engine passes it on to somebody else's servers */
    enum tokens_family family; /* of its name: whose count of the prompt its window must hold */
    struct view digest;        /* tells its weights from others of that name; empty: not known */
    bool abilities_told;       /* by the engine itself, of this digest */
};

/* A backend as the fleet sees it now. */
struct policy_backend {
    unsigned index; /* in config.backends */
    struct view name;
    enum side side;
    enum engine engine;
    bool available;              /* some node's breaker is closed and none asked us to wait */
    struct policy_model *models; /* in the order of preference */
    unsigned n_models;
    bool out_of_service;  /* every node is, by the operator: nothing is left to try */
    bool cuts;            /* it cuts a prompt that is too long without a word */
    bool saturated;       /* every node that may be asked is full ... */
    struct view fullness; /* ... and how: "lab is full: 6 queued" */
};

struct policy_fleet {
    struct policy_backend *backends; /* in the order of the config */
    unsigned n_backends;
};

struct policy_question {
    const struct inspect_facts *facts;
    struct view model; /* as asked */
    struct view key;   /* the caller's key name; may be empty */
    struct view user;
    struct view metadata;    /* raw JSON object */
    struct view task_header; /* x-weir-task: overrides the inspected task; may be empty */
    const struct policy_header {
        struct view name, value;
    } * headers; /* of the request, for rules; names compared without case */
    unsigned n_headers;
    int minute_of_day; /* local time, 0..1439 */
};

struct plan_candidate {
    unsigned backend; /* index in config.backends */
    enum side side;
    struct view backend_name, model;
    struct view reason;
    bool available; /* false: every node's breaker is open; tried when nothing else is left */
    bool barred;    /* struck by policy_screen(): never asked, and told among the skipped */
    bool leaves;    /* what is asked goes out: the side is outside, or the model is remote */
};

struct plan_skipped {
    struct view backend_name, model, reason;
};

#define PLAN_MAX_CANDIDATES 16

/* What looking for sensitive data came to. */
enum plan_scan {
    PLAN_NOT_SCANNED, /* nothing was to go outside */
    PLAN_CLEAN,
    PLAN_FOUND,
    PLAN_SCAN_FAILED, /* counts as the worst that could be found */
};
#define PLAN_SCANS 4
/* "not scanned", "clean", "found", "failed" */
const char *plan_scan_name(enum plan_scan scan);

struct plan {
    enum task_kind task;      /* after header, rules and the confidence floor */
    enum placement placement; /* that decided the order */
    struct view because;      /* "matrix: coding goes outside", "rule 'nights'", "pinned inside" */
    bool may_continue;        /* a stream that breaks may go on with another candidate */
    bool pinned;              /* candidates of one side and model only */
    struct view alias;        /* the alias pattern that matched; may be empty */
    struct plan_candidate candidates[PLAN_MAX_CANDIDATES];
    unsigned n_candidates;
    struct plan_skipped skipped[PLAN_MAX_CANDIDATES];
    unsigned n_skipped;

    /* the perimeter */
    const uint8_t *modes; /* enum data_mode for each class; the config's */
    enum data_profile profile;
    struct view modes_because; /* the rule that gave them, or "perimeter.modes" */
    enum plan_scan scan;       /* as told to policy_screen() */
    enum data_mode mode;       /* with FOUND: the strictest of the classes found */
    struct view found;         /* with FOUND: "PERSON 2, EMAIL 1" */
};

/*
 * Which model was asked for comes first. `auto`: the policy's free choice. `inside/MODEL` and
 * `outside/MODEL` (or the side alone: any model of it) pin to that side; an alias (the first whose
 * pattern matches; pins are no aliases) stands for its target; any other name means the backends
 * that have a model of that name.
 * Then the placement: the task is the header's, else the inspected one; the first rule that
 * matches counts; an inspected task below the confidence floor takes general's row; the row
 * places. A placement that keeps a request inside binds pinned requests too, so that no pin leads
 * out of the perimeter; all others only order the candidates of a pinned model.
 *
 * False with UNKNOWN_MODEL (neither auto, alias, pin nor a model that some backend has),
 * PROMPT_TOO_LONG (no candidate's window is large enough), BAD_VALUE (needs that no model has,
 * an unknown x-weir-task), NO_BACKEND. `ret_plan` is filled as far as it got, for the ledger. */
bool policy_decide(const struct config *config, const struct policy_question *question,
                   const struct policy_fleet *fleet, struct arena *a, struct plan *ret_plan,
                   struct error *err) MUST_CHECK;

/* What a scan came to, for the plan. */
struct policy_findings {
    enum plan_scan scan;
    uint32_t classes;       /* a bit for each class found */
    uint32_t unmaskable;    /* so too: something of it cannot be replaced by a placeholder */
    const uint16_t *counts; /* DATA_CLASSES of them; NULL with no classes */
};
/* Of a scan that did not fail; `counts` points into `f`. */
struct policy_findings policy_findings_of(const struct findings *f);

/* Takes what was found into the plan: unless every class may go out (as it is, masked, or as a
 * digest), the candidates outside are barred, each with the reason. False with SENSITIVE: the
 * request holds what the policy blocks, or nobody inside may answer it. */
bool policy_screen(const struct policy_findings *found, struct arena *a, struct plan *plan,
                   struct error *err) MUST_CHECK;
/* Bars the candidates that leave, for this reason. False: there is no other. */
bool policy_keep_inside(struct plan *plan, struct view reason);
/* Takes candidate `i` out: it is skipped for that reason. The order of the others stays. */
void plan_leave_out(struct plan *plan, unsigned i, struct view reason);

/* One line, compact JSON: what `weir route --json` and `weir ledger` print. */
void plan_write_json(const struct plan *plan, const struct inspect_facts *facts, struct buf *out);
/* What the ledger keeps of it: short, without what the record's columns say (the plan's task and
 * alias, confidence and complexity). */
void plan_write_brief(const struct plan *plan, const struct inspect_facts *facts, struct buf *out);
/* The plan as plan_write_json() and plan_write_table() need it. The caller has filled in what the
 * columns say; `plan` and `facts` are of no use when it answers false: that was no brief plan. */
bool plan_read_brief(struct view brief, struct arena *a, struct plan *plan,
                     struct inspect_facts *facts) MUST_CHECK;
/* A table for people. */
void plan_write_table(const struct plan *plan, const struct inspect_facts *facts, struct buf *out);
