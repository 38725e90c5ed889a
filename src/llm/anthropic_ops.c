#include "llm/anthropic.h"

static struct view content_type(bool stream)
{
    return stream ? VIEW("text/event-stream; charset=utf-8") : VIEW("application/json");
}

struct view anthropic_end_mark(void)
{
    return VIEW("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

void anthropic_count_tokens_write(uint32_t tokens, struct buf *out)
{
    buf_append_lit(out, "{\"input_tokens\":");
    buf_append_u64(out, tokens);
    buf_append_lit(out, "}\n");
}

const struct llm_dialect_ops anthropic_ops = {
    .name = "anthropic",
    .request_read = anthropic_request_read,
    .request_write = anthropic_request_write,
    .event_read = anthropic_event_read,
    .plain_read = anthropic_plain_read,
    .event_write = anthropic_event_write,
    .error_write = anthropic_error_write,
    .error_event = anthropic_error_event,
    .event_pass = anthropic_event_pass,
    .plain_pass = anthropic_plain_pass,
    .request_pass = anthropic_request_pass,
    .content_type = content_type,
    .path = VIEW_LIT("/v1/messages"),
};
