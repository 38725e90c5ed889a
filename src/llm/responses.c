#include "llm/responses.h"
#include "llm/dialects.h"

static struct view content_type(bool stream)
{
    return stream ? VIEW("text/event-stream; charset=utf-8") : VIEW("application/json");
}

const struct llm_dialect_ops openai_responses_ops = {
    .name = "openai-responses",
    .request_read = responses_request_read,
    .request_write = responses_request_write,
    .event_read = responses_event_read,
    .plain_read = responses_plain_read,
    .event_write = responses_event_write,
    .error_write = responses_error_write,
    .error_event = responses_error_event,
    .event_pass = responses_event_pass,
    .plain_pass = responses_plain_pass,
    .request_pass = responses_request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/v1/responses"),
};
