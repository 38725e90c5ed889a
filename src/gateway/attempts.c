#include "gateway/attempts.h"

#include "base/clock.h"
#include "json/writer.h"

void attempts_add(struct exchange *x, const struct attempt_note *note)
{
    struct buf *b = &x->attempts;
    struct json_writer w = JSON_WRITER(b);

    buf_append_char(b, x->n_attempts++ ? ',' : '[');
    json_put_object(&w);
    json_put_member_string(&w, VIEW("backend"), note->candidate->backend_name);
    json_put_member_string(&w, VIEW("node"), note->node->text);
    json_put_member_string(&w, VIEW("model"), note->candidate->model);
    json_put_member_string(&w, VIEW("outcome"), note->outcome);
    json_put_member_i64(&w, VIEW("ms"), note->ms);
    if (x->waited_ns > x->waited_told_ns) {
        json_put_member_i64(&w, VIEW("waited_ms"), (x->waited_ns - x->waited_told_ns) / NS_PER_MS);
        x->waited_told_ns = x->waited_ns;
    }
    if (note->status)
        json_put_member_i64(&w, VIEW("status"), note->status);
    if (note->purpose)
        json_put_member_string(&w, VIEW("purpose"), view_str(note->purpose));
    if (note->usage) {
        json_put_member_u64(&w, VIEW("tokens_in"), note->usage->input);
        json_put_member_u64(&w, VIEW("tokens_out"), note->usage->output);
    }
    json_put_close(&w);
}
