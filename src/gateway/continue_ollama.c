/* Ollama goes on with a text only raw: it renders the chat, and generates from where that ends. */
#include "gateway/continue.h"
#include "gateway/send.h"
#include "llm/prefill.h"

enum { SLACK_BYTES = 4096, RENDERED_BYTES = 4 << 20 };

static void free_buf(void *b)
{
    buf_done(b);
}

static struct buf *buf_in(struct arena *a, size_t max)
{
    struct buf *b = arena_new_of(a, struct buf);

    if (!b)
        return NULL;
    *b = BUF_MAX(max);
    arena_defer(a, free_buf, b);
    return b;
}

static void set_body(struct send *send, const struct buf *body)
{
    send->body = (struct llm_body){.pieces = {buf_view(body)}, .n = 1, .bytes = body->len};
}

static bool ask_for_prompt(struct exchange *x, struct send *send, struct view chat,
                           struct arena *attempt, struct view *ret_answer)
{
    struct buf *body = buf_in(attempt, chat.n + SLACK_BYTES);
    struct http_call call = {.ended = false};

    if (!body)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to go on with an answer");
    llm_prefill_render(chat, body);
    set_body(send, body);
    bool ok =
        send_request(x, send, attempt, &call) &&
        (call.head.status == 200 ||
         error_set(&x->error, ERROR_NOT_CONTINUED, "the engine renders no prompt")) &&
        deliver_read_whole(x, &call, RENDERED_BYTES, send->deadlines.head_ns, attempt, ret_answer);
    http_call_end(&call);
    return ok;
}

bool continue_render(struct exchange *x, struct send *send, struct arena *attempt)
{
    struct buf *chat = buf_in(attempt, send->body.bytes + 1);
    struct buf *body = buf_in(attempt, RENDERED_BYTES * 2);
    struct view rendered;

    if (!chat || !body)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to go on with an answer");
    for (unsigned i = 0; i < send->body.n; i++)
        buf_append(chat, send->body.pieces[i]);
    if (!ask_for_prompt(x, send, buf_view(chat), attempt, &rendered))
        return false;
    if (!llm_prefill_generate(buf_view(chat), rendered, attempt, body))
        return error_set(&x->error, ERROR_NOT_CONTINUED, "the engine renders no prompt");
    set_body(send, body);
    send->asked = LLM_OLLAMA_GENERATE;
    return true;
}
