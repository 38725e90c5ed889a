/* GET and DELETE of a kept answer by its id. */
#include "base/clock.h"
#include "gateway/routes.h"

static bool unknown(struct exchange *x, struct view id, bool too_long)
{
    bool off = x->config->responses_store == RESPONSES_STORE_OFF;

    error_set(&x->error, ERROR_UNKNOWN_RESPONSE, "Response with id '%.*s' %s.",
              VIEW_ARG(view_first(id, 80)),
              too_long ? "was not kept: its conversation is longer than responses.max_bytes"
                       : "not found");
    error_hint(&x->error, off ? "No answers are stored here: responses.store is off in Weir's "
                                "configuration."
                              : "Weir keeps answers in memory, for responses.keep after their last "
                                "use.");
    return route_refuse(x);
}

static bool show(struct exchange *x, struct view id)
{
    if (view_find(x->head->query, VIEW("stream=true")) != VIEW_NPOS) {
        error_set(&x->error, ERROR_BAD_VALUE, "a kept answer is not streamed");
        error_hint(&x->error, "Ask without stream=true.");
        error_param(&x->error, VIEW("stream"));
        return route_refuse(x);
    }
    struct answer *a = answers_find(&x->gateway->answers, x->key, id, clock_mono_ns());
    bool whole = a && a->object.n > 0;
    bool keep = whole ? route_answer(x, 200, a->object) : unknown(x, id, a != NULL);

    answer_unref(a);
    return keep;
}

static bool forget(struct exchange *x, struct view id)
{
    if (!answers_drop(&x->gateway->answers, x->key, id, clock_mono_ns()))
        return unknown(x, id, false);
    /* An id that was found is one that Weir made: it needs no escapes. */
    return route_answer(x, 200,
                        arena_printf(x->arena,
                                     "{\"id\":\"%.*s\",\"object\":\"response\","
                                     "\"deleted\":true}",
                                     VIEW_ARG(id)));
}

bool route_kept(struct exchange *x, struct view id)
{
    enum http_method method = x->head->method;

    x->dialect = LLM_OPENAI_RESPONSES;
    if (view_find_char(id, '/') != VIEW_NPOS) {
        error_set(&x->error, ERROR_NOT_FOUND, "there is nothing at %.*s",
                  VIEW_ARG(view_first(x->head->path, 80)));
        error_hint(&x->error, "Weir serves GET and DELETE of /v1/responses/ID.");
        return route_refuse(x);
    }
    if (!exchange_identify(x))
        return route_refuse(x);
    if (method == HTTP_GET || method == HTTP_HEAD)
        return show(x, id);
    if (view_eq(x->head->method_text, VIEW("DELETE")))
        return forget(x, id);
    x->upstream_heads = VIEW("allow: GET, HEAD, DELETE\r\n");
    error_set(&x->error, ERROR_BAD_METHOD, "/v1/responses/ID takes GET and DELETE, not %.*s",
              VIEW_ARG(view_first(x->head->method_text, 20)));
    return route_refuse(x);
}
