/* What a client may name later as the answer that it goes on from. */
#include "base/clock.h"
#include "gateway/exchange.h"
#include "http/sse.h"
#include "llm/stored.h"
#include "run/offload.h"

#include <stdlib.h>

enum {
    MAX_BYTES = 64 << 20,
    OFFLOAD_BYTES = 64 * 1024, /* above this, reading would keep the loop from its other tasks */
    PATIENCE_MS = 2000,
};

/* On the CPU pool, where the task may leave meanwhile: what it works on is its own. */
struct keep_job {
    struct offload_job job;
    struct answers *answers;
    struct answer *turn;
    struct buf text; /* of the whole answer, or the last events of its stream */
    bool streamed;
};

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

static void run_keep(struct offload_job *job)
{
    struct keep_job *j = (struct keep_job *)job;
    struct sse_reader events = sse_reader_new(MAX_BYTES);
    struct view object =
        j->streamed ? last_object(&events, buf_view(&j->text)) : buf_view(&j->text);
    struct buf made = BUF_MAX(MAX_BYTES);
    struct view output;

    if (stored_output_items(object, &made, &output))
        answers_keep(j->answers, j->turn, object, output, clock_mono_ns());
    buf_done(&made);
    sse_reader_done(&events);
}

static void drop_keep(struct offload_job *job)
{
    struct keep_job *j = (struct keep_job *)job;
    answer_unref(j->turn);
    buf_done(&j->text);
    free(j);
}

static struct keep_job *new_job(struct exchange *x)
{
    struct keep_job *j = calloc(1, sizeof(*j));

    if (!j)
        return NULL;
    j->job = (struct offload_job){.run = run_keep, .drop = drop_keep};
    j->answers = &x->gateway->answers;
    j->turn = answer_ref(x->turn);
    j->streamed = x->streaming;
    j->text = BUF_MAX(MAX_BYTES);
    unsigned end = x->streaming ? 2 : x->n_held; /* behind the first piece, a head or a size */
    for (unsigned i = 1; i < end; i++)
        buf_append(&j->text, x->held[i]);
    if (buf_ok(&j->text))
        return j;
    drop_keep(&j->job);
    return NULL;
}

void exchange_keep(struct exchange *x)
{
    if (!x->turn || x->error.code != ERROR_NONE || x->status != 200 || x->n_held < 2)
        return;
    struct keep_job *j = new_job(x); /* without memory it is not kept */
    if (j && j->text.len > OFFLOAD_BYTES) {
        if (task_offload(OFFLOAD_CPU, &j->job, loop_now_ns() + PATIENCE_MS * NS_PER_MS) ==
            WAIT_READY)
            offload_release(&j->job);
    } else if (j) {
        run_keep(&j->job);
        drop_keep(&j->job);
    }
}
