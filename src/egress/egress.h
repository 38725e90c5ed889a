/*
 * The one gate to the outside: no other code may write to an outside backend. The connections live
 * in the origins of outside nodes, which only this folder dials; the proxies on the way there are
 * found here too.
 *
 * Whatever the steps before have decided, each request is looked through once more, as it will
 * leave: path, query, head and body, all but Weir's own credential. What the gate finds stops the
 * request; what it cannot look through does not leave either.
 */
#pragma once

#include "config/config.h"
#include "http/client.h"
#include "inspect/mask.h"
#include "inspect/sensitivity.h"

/* The gate of one configuration, with its patterns compiled; reference-counted, any thread. */
struct egress;
struct egress *egress_new(const struct config *config, struct error *err) MUST_CHECK;
struct egress *egress_ref(struct egress *e);
void egress_unref(struct egress *e); /* accepts NULL */
const struct sensitivity *egress_scanner(const struct egress *e);

/* What the caller knows of a request, for the gate's look. All of it outlives the call. */
struct egress_pass {
    struct egress *gate;
    enum data_profile profile;
    uint32_t classes;      /* a bit for each class that is looked for; 0: nothing is */
    uint32_t forbidden;    /* those of them that may not leave on this route */
    const uint64_t *known; /* sorted digests of the strings that the tagger has read already */
    unsigned n_known;
    const struct mask_map *mask; /* values that left the request; NULL: none */
    struct view credential;      /* Weir's own; stands in the head, may be empty */
};

/* Sends one request outside and reads the answer's head; the call is then read and ended like any
 * other. Nobody else may start a call to an outside origin: whoever holds a node asks for its side
 * first. GATE when the request may not leave: nothing was sent then, not even a connection made.
 * `ret_left`: the classes found in it that may leave; may be NULL. */
bool egress_send(struct http_call *call, struct http_origin *origin,
                 const struct http_request_out *request, const struct egress_pass *pass,
                 const struct http_deadlines *deadlines, struct arena *a, uint32_t *ret_left,
                 struct error *err) MUST_CHECK;

/* Since the start; any thread. */
struct egress_counts {
    uint64_t sent;    /* requests that left */
    uint64_t catches; /* stopped: the gate found what nobody before it had */
    uint64_t failed;  /* stopped: they could not be looked through */
};
struct egress_counts egress_counts(void);

/* The CONNECT proxy that HTTPS_PROXY (or https_proxy) names for an https origin, unless NO_PROXY
 * excludes the host; empty `host` when there is none. False: the variable is malformed. */
bool egress_proxy_for(const struct config_url *url, struct arena *a, struct http_proxy *ret_proxy,
                      struct error *err) MUST_CHECK;
/* The same from given texts, for tests. */
bool egress_proxy_from(struct view https_proxy, struct view no_proxy, const struct config_url *url,
                       struct arena *a, struct http_proxy *ret_proxy, struct error *err) MUST_CHECK;
