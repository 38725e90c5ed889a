/*
 * Which fields of a head pass the gateway. Heads are always built anew; only what stands in the
 * table of heads.c is taken over, so that nothing passes because nobody thought of it. Credentials,
 * cookies and everything that is about a connection are not in it.
 *
 * What belongs to a provider's dialect passes between a client and a backend of that dialect; a
 * translated exchange is another provider's, who has no use for it.
 */
#pragma once

#include "config/config.h"

/* Fields of the client's request that go to the upstream, inside and outside. */
bool heads_pass_up(struct view name, enum llm_dialect client, enum llm_dialect backend);

/* Fields of the upstream's answer that go to the client. x-request-id and content-type are not
 * among them: the gateway writes its own. */
bool heads_pass_down(struct view name, enum llm_dialect client, enum llm_dialect backend);
