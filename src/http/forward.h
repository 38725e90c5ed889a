/*
 * Which fields of a head pass the gateway. Heads are always built anew; only what stands in these
 * two lists is taken over, so that nothing passes because nobody thought of it. Credentials,
 * cookies and everything that is about a connection are in neither.
 */
#pragma once

#include "base/view.h"

/* Fields of the client's request that go to the upstream, inside and outside. */
bool http_forward_to_upstream(struct view name);

/* Fields of the upstream's answer that go to the client. x-request-id and content-type are not
 * among them: the gateway writes its own. */
bool http_forward_to_client(struct view name);
