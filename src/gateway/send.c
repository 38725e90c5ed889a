#include "gateway/send.h"

#include "egress/credential.h"
#include "egress/egress.h"
#include "gateway/evidence.h"
#include "gateway/heads.h"
#include "gateway/screen.h"
#include "llm/dialect.h"

enum { OWN_HEAD_BYTES = 32 * 1024 }; /* of Weir's, beside what passes from the client's head */

static bool has_anthropic_version(const struct exchange *x, const struct send *s)
{
    return !s->own && x->dialect == s->backend->dialect &&
           http_header_get(x->head, VIEW("anthropic-version")).n > 0;
}

static struct view upstream_head(struct exchange *x, const struct send *s, struct arena *a)
{
    const struct config_url *url = &s->node->url;
    struct buf head = BUF_MAX(x->config->max_head + OWN_HEAD_BYTES);

    buf_append_lit(&head, "POST ");
    buf_append(&head, url->prefix);
    buf_append(&head, llm_dialect(s->asked)->path);
    if (x->head->query.n && !s->own && s->asked == x->dialect) {
        buf_append_char(&head, '?');
        buf_append(&head, x->head->query);
    }
    buf_append_lit(&head, " HTTP/1.1\r\nHost: ");
    config_url_write_host(url, &head);
    buf_append_lit(&head, "\r\nUser-Agent: weir\r\nAccept-Encoding: identity\r\n"
                          "Content-Type: application/json\r\nContent-Length: ");
    buf_append_u64(&head, s->body.bytes);
    buf_append_lit(&head, "\r\n");
    credential_write(s->backend->dialect, s->backend->key, &head);
    if (s->backend->dialect == LLM_ANTHROPIC && !has_anthropic_version(x, s))
        buf_append_lit(&head, "anthropic-version: 2023-06-01\r\n");
    http_header_line(&head, VIEW("x-request-id"), x->request_id);
    for (unsigned i = 0; !s->own && i < x->head->n_headers; i++)
        if (heads_pass_up(x->head->headers[i].name, x->dialect, s->asked))
            http_header_line(&head, x->head->headers[i].name, x->head->headers[i].value);
    buf_append_lit(&head, "\r\n");
    struct view text = buf_ok(&head) ? arena_dup(a, buf_view(&head)) : VIEW_NONE;
    buf_done(&head);
    return text;
}

bool send_request(struct exchange *x, const struct send *s, struct arena *a, struct http_call *call)
{
    struct http_request_out request = {
        .head = upstream_head(x, s, a), .body = s->body.pieces, .n_body = s->body.n};

    if (request.head.n == 0)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory for the upstream's head");
    if (!s->leaves)
        return http_call_start(call, &s->node->origin, &request, &s->deadlines, a, &x->error);
    struct egress_pass pass = screen_pass(x, s->backend->key);
    uint32_t left = 0;
    bool ok =
        egress_send(call, &s->node->origin, &request, &pass, &s->deadlines, a, &left, &x->error);
    if (call->peer.n > 0) /* a connection stood */
        screen_left(x);
    evidence_sent(x, s, &request, call, left | (x->screening ? x->screening->allowed : 0));
    return ok;
}
