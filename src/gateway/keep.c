/* What a client may name later as the answer that it goes on from. */
#include "base/clock.h"
#include "gateway/exchange.h"
#include "http/sse.h"
#include "llm/stored.h"

enum { MAX_BYTES = 64 << 20 };

/* Of a stream the event that holds the whole answer is among the last, which wait for the ledger
 * as one piece. */
static struct view last_object(struct sse_reader *events, struct view last)
{
    struct sse_event event;
    struct view object = VIEW_NONE;

    while (object.n == 0 && sse_next(events, &last, &event) == SSE_EVENT)
        object = stored_event_object(event.data);
    return object;
}

static void keep(struct exchange *x, struct view object)
{
    struct buf made = BUF_MAX(MAX_BYTES);
    struct view output;

    if (stored_output_items(object, &made, &output))
        answers_keep(&x->gateway->answers, x->turn, object, output, clock_mono_ns());
    buf_done(&made);
}

void exchange_keep(struct exchange *x)
{
    if (!x->turn || x->error.code != ERROR_NONE || x->status != 200 || x->n_held < 2)
        return;
    if (x->streaming) {
        struct sse_reader events = sse_reader_new(MAX_BYTES);
        keep(x, last_object(&events, x->held[1]));
        sse_reader_done(&events);
        return;
    }
    struct buf whole = BUF_MAX(MAX_BYTES);
    for (unsigned i = 1; i < x->n_held; i++)
        buf_append(&whole, x->held[i]);
    if (buf_ok(&whole))
        keep(x, buf_view(&whole));
    buf_done(&whole);
}
