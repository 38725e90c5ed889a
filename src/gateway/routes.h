/* The table of paths, and the small endpoints that need no plan and leave no record. */
#pragma once

#include "gateway/exchange.h"

/* Serves the request whose head was read. False: the connection cannot be used again. */
bool route_serve(struct exchange *x);

/* ---- for the small endpoints; false as above ------------------------------------------------ */

#define ROUTE_ANSWER_BYTES (4 << 20) /* the most that one of them writes */

/* Answers `x->error` in the dialect of the path. */
bool route_refuse(struct exchange *x);
/* A JSON body; none for HEAD. */
bool route_answer(struct exchange *x, int status, struct view body);
/* With `ok` what was written, else `x->error`; the buffer is done with. */
bool route_answer_written(struct exchange *x, bool ok, struct buf *body);

/* lists.c: /v1/models and /v1/models/NAME, in OpenAI's or in Anthropic's shape. */
bool route_models(struct exchange *x);
/* So too, Ollama's /api/tags, /api/ps and /api/show. */
bool route_tags(struct exchange *x);
bool route_ps(struct exchange *x);
bool route_show(struct exchange *x);
/* kept.c: GET and DELETE of /v1/responses/ID. */
bool route_kept(struct exchange *x, struct view id);
