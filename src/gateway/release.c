#include "gateway/translate.h"

enum { ERROR_MAX_BYTES = 16 * 1024 };

static void send_held(struct exchange *x)
{
    if (x->n_held && !http_server_write(x->client, x->limits, x->held, x->n_held))
        x->close = true;
}

/* The client sees that its stream broke: an error event, and no end mark. */
static void send_error_event(struct exchange *x)
{
    struct buf event = BUF_MAX(ERROR_MAX_BYTES);
    bool ok;

    llm_dialect(x->dialect)->error_event(&x->translation->writer, &x->error, &event);
    struct view raw = buf_view(&event), last = HTTP_LAST_CHUNK;
    if (x->head->minor >= 1)
        ok = http_server_write_chunk(x->client, x->limits, raw) &&
             http_server_write(x->client, x->limits, &last, 1);
    else
        ok = http_server_write(x->client, x->limits, &raw, 1);
    buf_done(&event);
    if (!ok)
        x->close = true;
}

static void send_error(struct exchange *x)
{
    struct buf body = BUF_MAX(ERROR_MAX_BYTES);
    int64_t seconds = (x->retry_after_ms + 999) / 1000;

    llm_dialect(x->dialect)->error_write(&x->error, x->status, x->request_id, &body);
    x->upstream_heads = seconds > 0
                            ? arena_printf(x->arena, "retry-after: %lld\r\n", (long long)seconds)
                            : VIEW_NONE;
    struct view pieces[] = {deliver_head(x, x->status, VIEW("application/json"), body.len),
                            buf_view(&body)};
    if (pieces[0].n == 0 || !buf_ok(&body) || !http_server_write(x->client, x->limits, pieces, 2))
        x->close = true;
    buf_done(&body);
}

void exchange_release(struct exchange *x)
{
    /* From here on a client that leaves finds out by itself. */
    io_watch_peer(&x->client->stream.io, NULL);
    if (x->error.code == ERROR_NONE)
        send_held(x);
    else if (x->error.code == ERROR_CLIENT_GONE)
        x->close = true;
    else if (x->streaming)
        send_error_event(x);
    else
        send_error(x);
}
