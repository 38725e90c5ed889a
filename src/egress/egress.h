/*
 * The one gate to the outside: no other code may write to an outside backend. The connections live
 * in the origins of outside nodes, which only this folder dials; the proxies on the way there are
 * found here too.
 */
#pragma once

#include "config/config.h"
#include "http/client.h"

/* Sends one request outside and reads the answer's head; the call is then read and ended like any
 * other. Nobody else may start a call to an outside origin: whoever holds a node asks for its side
 * first. */
bool egress_send(struct http_call *call, struct http_origin *origin,
                 const struct http_request_out *request, const struct http_deadlines *deadlines,
                 struct arena *a, struct error *err) MUST_CHECK;

/* Requests that went through the gate since the start; any thread. */
uint64_t egress_sent(void);

/* The CONNECT proxy that HTTPS_PROXY (or https_proxy) names for an https origin, unless NO_PROXY
 * excludes the host; empty `host` when there is none. False: the variable is malformed. */
bool egress_proxy_for(const struct config_url *url, struct arena *a, struct http_proxy *ret_proxy,
                      struct error *err) MUST_CHECK;
/* The same from given texts, for tests. */
bool egress_proxy_from(struct view https_proxy, struct view no_proxy, const struct config_url *url,
                       struct arena *a, struct http_proxy *ret_proxy, struct error *err) MUST_CHECK;
