#include "llm/dialects.h"
#include "llm/openai_chat.h"

static struct view content_type(bool stream)
{
    return stream ? VIEW("text/event-stream; charset=utf-8") : VIEW("application/json");
}

const struct llm_dialect_ops openai_chat_ops = {
    .name = "openai-chat",
    .request_read = openai_chat_request_read,
    .request_write = openai_chat_request_write,
    .event_read = openai_chat_event_read,
    .plain_read = openai_chat_plain_read,
    .event_write = openai_chat_event_write,
    .error_write = openai_error_write,
    .error_event = openai_error_event,
    .event_pass = openai_chat_event_pass,
    .plain_pass = openai_chat_plain_pass,
    .request_pass = openai_chat_request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/v1/chat/completions"),
};
