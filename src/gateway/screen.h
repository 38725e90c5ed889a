/*
 * The screen: what of a request is sensitive, before anything of it may go outside.
 *
 * A request is looked through once, when the first candidate outside comes up: at once where the
 * plan begins outside, else only when those inside have failed. What was found strikes the
 * candidates outside from the plan, or words the request anew for them.
 */
#pragma once

#include "egress/egress.h"
#include "gateway/exchange.h"

struct screening {
    struct findings findings; /* in the request's arena, as all but `mask` */
    uint32_t classes;         /* a bit for each class found; outlives the request's arena */
    uint16_t counts[DATA_CLASSES];
    uint64_t *known; /* digests of the strings that may leave, sorted */
    unsigned n_known;
    uint32_t to_tell; /* classes that are masked, until the record says so */
    uint32_t allowed; /* classes that leave with these strings: the gate does not tag them again */
    struct mask_map *mask;     /* lives as long as the exchange; NULL: nothing is masked */
    struct llm_request masked; /* with placeholders, for the candidates outside */
    /* of a split */
    struct mask_map *values;        /* what must not stand in a digest */
    struct llm_request *completion; /* what the candidates inside are asked at the end */
};

enum screen_verdict {
    SCREEN_PASS,   /* candidates outside may be asked */
    SCREEN_SPLIT,  /* only for a draft, from a digest: see split.h */
    SCREEN_INSIDE, /* they are barred */
    SCREEN_END,    /* x->error says why the request ends here */
};

/* Looks the request through the first time. */
enum screen_verdict screen_verdict(struct exchange *x);

/* The request as candidates get it that leave the perimeter, or that do not. */
struct llm_request *screen_request(struct exchange *x, bool leaves);

/* The values that its answer's placeholders stand for; NULL: nothing was masked for it. */
const struct mask_map *screen_mask(const struct exchange *x, bool leaves);

/* Looks a body through. False: x->error, and it counts as sensitive. */
bool screen_scan(struct exchange *x, struct view body, bool tagger,
                 struct findings *ret_findings) MUST_CHECK;
/* The strings of a body that was looked through and may leave: the gate need not tag them again. */
bool screen_remember(struct exchange *x, const struct findings *findings) MUST_CHECK;
/* The classes of data that may not go outside as they are. */
uint32_t screen_forbidden(const struct exchange *x);

/* What the gate needs to know. */
struct egress_pass screen_pass(const struct exchange *x, struct view credential);
/* A request has left: the record tells, once, which portions of it were masked. */
void screen_left(struct exchange *x);
/* The gate has stopped the request: nothing goes outside any more. False: nobody inside is left. */
bool screen_stopped(struct exchange *x) MUST_CHECK;
