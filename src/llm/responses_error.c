#include "llm/dialects.h"
#include "llm/responses.h"

void responses_error_write(const struct error *err, int status, struct view request_id,
                           struct buf *out)
{
    openai_chat_ops.error_write(err, status, request_id, out); /* the same object */
}

static void put_members(struct json_writer *j, const struct error *err)
{
    const struct error_info *info = error_info(err->code);
    char message[sizeof(err->text) + sizeof(err->hint) + 2];
    size_t n = strlen(err->text);

    memcpy(message, err->text, n);
    if (err->hint[0]) {
        message[n++] = ' ';
        memcpy(message + n, err->hint, strlen(err->hint));
        n += strlen(err->hint);
    }
    json_put_member_string(j, VIEW("code"), view_str(info->wire));
    json_put_member_string(j, VIEW("message"), view_of(message, n));
    json_put_key(j, VIEW("param"));
    if (err->param[0])
        json_put_string(j, view_str(err->param));
    else
        json_put_null(j);
}

/* Flat, as it is documented, and once more under `error`, as it is served: the official SDKs raise
 * for the second form only. */
void responses_error_event(struct llm_writer *w, const struct error *err, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);

    buf_append_lit(out, "event: error\ndata: ");
    json_put_object(&j);
    json_put_member_string(&j, VIEW("type"), VIEW("error"));
    json_put_member_u64(&j, VIEW("sequence_number"), w->sequence++);
    put_members(&j, err);
    json_put_key(&j, VIEW("error"));
    json_put_object(&j);
    json_put_member_string(&j, VIEW("type"), view_str(error_info(err->code)->type));
    put_members(&j, err);
    json_put_close(&j);
    json_put_close(&j);
    buf_append_lit(out, "\n\n");
    w->finished = true;
}
