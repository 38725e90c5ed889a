/*
 * Chat requests: what is read can be rewritten in every way, and what leaves is a request again
 * that holds the edits and the same messages.
 */
#include "llm/request.h"

#include "base/buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_rewrite(const struct llm_request *req, const struct llm_rewrite *rw)
{
    struct arena *a = arena_new(1 << 24);
    struct buf out = BUF_MAX(1 << 24);
    struct llm_request again;
    struct llm_body body;
    struct view notes;
    struct error err;

    must(a != NULL && llm_request_write(req, rw, a, &body, &notes, &err));
    must(body.n <= LLM_BODY_PIECES);
    for (unsigned i = 0; i < body.n; i++)
        buf_append(&out, body.pieces[i]);
    must(out.len == body.bytes);
    if (!llm_request_read(req->dialect, buf_view(&out), a, &again, &err)) {
        /* One more member may be one too many. */
        must(rw->add_usage && err.code == ERROR_BAD_JSON);
    } else {
        must(view_eq(again.model, rw->model) && again.stream == req->stream);
        must(again.n_messages == req->n_messages && again.needs == req->needs);
        must(!rw->add_usage || !req->stream || again.include_usage);
        must(!rw->max_completion_tokens || again.max_tokens_member.n == 0);
        must(!rw->drop_sampling || (again.temperature_member.n == 0 && again.top_p_member.n == 0));
        for (unsigned i = 0; i < req->n_messages; i++)
            must(view_eq(again.messages[i].text, req->messages[i].text));
    }
    buf_done(&out);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1 << 24);
    struct llm_request req;
    struct error err = {.code = ERROR_NONE};
    struct view value;

    must(a != NULL);
    if (llm_request_read(LLM_OPENAI_CHAT, view_of((const char *)data, size), a, &req, &err)) {
        must(req.model.n > 0 && req.n_messages > 0);
        if (llm_metadata_get(req.metadata, VIEW("k"), a, &value))
            must(value.n <= size);
        for (unsigned bits = 0; bits < 8; bits++) {
            struct llm_rewrite rw = {VIEW("a \"new\" name"), bits & 1, bits & 2, bits & 4};
            check_rewrite(&req, &rw);
        }
    } else {
        must(err.code != ERROR_NONE && err.text[0] != '\0');
    }
    arena_free(a);
    return 0;
}
