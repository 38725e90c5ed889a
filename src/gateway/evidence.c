#include "gateway/evidence.h"

#include "egress/credential.h"
#include "gateway/screen.h"
#include "ledger/ledger.h"
#include "json/writer.h"

enum { MAX_SENT_BYTES = 16 * 1024, MAX_PORTIONS_BYTES = 16 * 1024 };

static void write_counts(struct json_writer *w, uint32_t classes, const uint16_t *counts)
{
    json_put_object(w);
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (classes & UINT32_C(1) << i)
            json_put_member_u64(w, view_str(data_class_name((enum data_class)i)),
                                counts ? counts[i] : 1);
    json_put_close(w);
}

/* ---- what left ------------------------------------------------------------------------------- */

/* Of all that left but for Weir's own credential. The copy goes at once: a stream may live long. */
static bool digest_of(struct exchange *x, const struct send *s,
                      const struct http_request_out *request, char digest[LEDGER_DIGEST_HEX],
                      size_t *ret_bytes)
{
    struct buf all = BUF_MAX(request->head.n + s->body.bytes + 1);
    struct view parts[2];

    credential_cut(request->head, s->backend->key, parts);
    buf_append(&all, parts[0]);
    buf_append(&all, parts[1]);
    for (unsigned i = 0; i < request->n_body; i++)
        buf_append(&all, request->body[i]);
    bool ok = buf_ok(&all) && ledger_sent_digest(x->gateway->ledger, buf_view(&all), digest);
    *ret_bytes = all.len;
    buf_done(&all);
    return ok;
}

void evidence_sent(struct exchange *x, const struct send *s, const struct http_request_out *request,
                   const struct http_call *call, uint32_t left)
{
    struct json_writer w = JSON_WRITER(&x->sent);
    struct buf peer = BUF_MAX(64);
    char digest[LEDGER_DIGEST_HEX];
    size_t bytes;

    if (call->peer.n == 0)
        return; /* no connection stood */
    network_address_write(&peer, &call->peer);
    x->sent.max = MAX_SENT_BYTES;
    buf_append_char(&x->sent, x->sent.len ? ',' : '[');
    json_put_object(&w);
    json_put_member_string(&w, VIEW("backend"), s->backend->name);
    json_put_member_string(&w, VIEW("host"), s->node->url.host);
    json_put_member_string(&w, VIEW("peer"), buf_view(&peer));
    if (digest_of(x, s, request, digest, &bytes)) {
        json_put_member_u64(&w, VIEW("bytes"), bytes);
        json_put_member_string(&w, VIEW("digest"), view_str(digest));
    }
    if (x->config->perimeter.classes) {
        json_put_member_string(&w, VIEW("scan"), left ? VIEW("found") : VIEW("clean"));
        json_put_key(&w, VIEW("left"));
        write_counts(&w, left, NULL);
    }
    json_put_close(&w);
    buf_done(&peer);
}

void evidence_portion(struct exchange *x, uint32_t from, uint32_t to, const char *went)
{
    struct json_writer w = JSON_WRITER(&x->portions);

    x->portions.max = MAX_PORTIONS_BYTES;
    buf_append_char(&x->portions, x->portions.len ? ',' : '[');
    json_put_object(&w);
    json_put_member_u64(&w, VIEW("from"), from);
    json_put_member_u64(&w, VIEW("to"), to);
    json_put_member_string(&w, VIEW("went"), view_str(went));
    json_put_close(&w);
}

/* ---- the record ------------------------------------------------------------------------------ */

/* "]" behind it; an array that did not fit is told as one that is there but not whole. */
static struct view closed(struct exchange *x, struct buf *list)
{
    if (list->len == 0)
        return VIEW_NONE;
    buf_append_char(list, ']');
    struct view text = arena_dup(x->arena, buf_ok(list) ? buf_view(list) : VIEW("[{}]"));
    buf_done(list);
    return text;
}

static struct view findings_json(struct exchange *x, const struct screening *s)
{
    struct buf b = BUF_MAX(4096);
    struct json_writer w = JSON_WRITER(&b);

    write_counts(&w, s->classes, s->counts);
    struct view text = arena_dup(x->arena, buf_view(&b));
    buf_done(&b);
    return text;
}

static struct view modes_json(struct exchange *x, const struct screening *s)
{
    struct buf b = BUF_MAX(4096);
    struct json_writer w = JSON_WRITER(&b);

    json_put_object(&w);
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (s->classes & UINT32_C(1) << i)
            json_put_member_string(&w, view_str(data_class_name((enum data_class)i)),
                                   view_str(data_mode_name((enum data_mode)x->plan->modes[i])));
    json_put_close(&w);
    struct view text = arena_dup(x->arena, buf_view(&b));
    buf_done(&b);
    return text;
}

static struct view peer_text(struct exchange *x)
{
    struct buf b = BUF_MAX(64);

    network_address_write(&b, &x->peer);
    struct view text = b.len ? arena_dup(x->arena, buf_view(&b)) : VIEW_NONE;
    buf_done(&b);
    return text;
}

void evidence_fill(struct exchange *x, struct ledger_record *record)
{
    record->peer = peer_text(x);
    record->sent = closed(x, &x->sent);
    record->portions = closed(x, &x->portions);
    if (!x->plan || x->plan->scan == PLAN_NOT_SCANNED)
        return;
    record->scan = view_str(plan_scan_name(x->plan->scan));
    record->profile = view_str(data_profile_name(x->plan->profile));
    if (x->plan->scan == PLAN_FOUND && x->screening) {
        record->findings = findings_json(x, x->screening);
        record->modes = modes_json(x, x->screening);
    }
}
