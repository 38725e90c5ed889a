/*
 * Stored answers of the Responses dialect, as far as they are JSON: how a request names the answer
 * that it goes on from, and how both become one request that holds the whole conversation. Where
 * answers are kept is no matter of this folder.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* "Items": members of an `input` array, raw JSON, with commas between them; may be empty. */

struct stored_request {
    bool store;           /* the answer is to be kept: nothing in the request is against it */
    struct view previous; /* previous_response_id, decoded; empty: none */
    struct view items;    /* of its own input; in the body or in the arena */
};

/* Refuses bad JSON, and a wrong type of the members it reads. */
bool stored_request_read(struct view body, struct arena *a, struct stored_request *ret,
                         struct error *err) MUST_CHECK;
/* The body with `items` as its input, without the former answer's id, and with store: false: the
 * conversation is kept here and nowhere else. `body` was read before. */
void stored_request_write(struct view body, struct view items, struct buf *out);

/* Appends items behind those that stand there. */
void stored_add_items(struct buf *items, struct view more);
/*
 * The output of a response object as items of a next request: a view into `object`, or into `made`
 * where something had to be changed. Reasoning that holds nothing but its id would only refer to
 * what its provider keeps: it is left out, and with it the ids of its answer's other items, which
 * that provider ties to it. False: it is no response, or there is no room.
 */
bool stored_output_items(struct view object, struct buf *made, struct view *ret_items) MUST_CHECK;
/* The response object of a stream's last event; empty when there is none. */
struct view stored_event_object(struct view data);
