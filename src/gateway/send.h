/*
 * One request on its way to one node: its head is built anew, its body is sent as it was worded,
 * and what goes outside passes the gate.
 */
#pragma once

#include "gateway/exchange.h"

struct send {
    const struct config_backend *backend;
    struct node *node; /* of that backend */
    enum llm_dialect asked;
    struct llm_body body;
    bool leaves; /* the perimeter: the gate looks at it */
    bool own;    /* a question of Weir's own: nothing of the client's head and query goes along */
    struct http_deadlines deadlines;
};

/* Reads the answer's head. False with x->error; GATE: the gate has stopped it. */
bool send_request(struct exchange *x, const struct send *s, struct arena *a,
                  struct http_call *call) MUST_CHECK;
