/* The same dialect on both sides: bytes pass, but for the model's name. */
#include "llm/anthropic.h"
#include "llm/openai_chat.h"
#include "llm/pass.h"
#include "llm/proof.h"
#include "llm/said.h"
#include "json/writer.h"

static void keep_finish(struct llm_answer *answer, const struct anthropic_event *ev)
{
    size_t n = json_decode_prefix(answer->finish, sizeof(answer->finish) - 1, ev->stop_reason);

    answer->finish[n] = '\0';
}

static unsigned kinds_of(const struct anthropic_event *ev)
{
    unsigned kinds = 0;

    switch (ev->type) {
    case ANTHROPIC_BLOCK_START:
        /* Empty text and thinking are announced before anything is known of them. */
        if (ev->block.text.raw.n || !(json_text_eq(ev->block.type, VIEW("text")) ||
                                      json_text_eq(ev->block.type, VIEW("thinking"))))
            kinds |= LLM_EVENT_CONTENT;
        break;
    case ANTHROPIC_BLOCK_DELTA:
        if (ev->block.text.raw.n || ev->block.signature.raw.n)
            kinds |= LLM_EVENT_CONTENT;
        break;
    case ANTHROPIC_MESSAGE_DELTA:
        if (ev->has_stop_reason)
            kinds |= LLM_EVENT_FINISH;
        break;
    case ANTHROPIC_MESSAGE_STOP:
        return LLM_EVENT_DONE;
    case ANTHROPIC_ERROR:
        return LLM_EVENT_ERROR;
    case ANTHROPIC_UNKNOWN:
    case ANTHROPIC_MESSAGE_START:
    case ANTHROPIC_BLOCK_STOP:
    case ANTHROPIC_PING:
    case ANTHROPIC_MESSAGE:
        break;
    }
    return ev->usage.any ? kinds | LLM_EVENT_USAGE : kinds;
}

/* Only the text of the first block is nothing but text: later ones stand behind something else. */
static void keep_said(struct llm_said *said, struct view data, const struct anthropic_event *ev)
{
    const struct anthropic_block *b = &ev->block;

    switch (ev->type) {
    case ANTHROPIC_MESSAGE_START:
        llm_said_first(said, data);
        break;
    case ANTHROPIC_BLOCK_START:
        said->more |= ev->index > 0 || !json_text_eq(b->type, VIEW("text"));
        llm_said_piece(said, b->text);
        break;
    case ANTHROPIC_BLOCK_DELTA:
        said->more |= !json_text_eq(b->type, VIEW("text_delta"));
        llm_said_piece(said, b->text);
        break;
    case ANTHROPIC_BLOCK_STOP:
        said->closed = true;
        break;
    case ANTHROPIC_UNKNOWN:
    case ANTHROPIC_MESSAGE_DELTA:
    case ANTHROPIC_MESSAGE_STOP:
    case ANTHROPIC_PING:
    case ANTHROPIC_ERROR:
    case ANTHROPIC_MESSAGE:
        break;
    }
}

bool anthropic_event_pass(struct llm_answer *answer, struct view name, struct view data,
                          struct buf *out, unsigned *ret_kinds, struct error *err)
{
    struct anthropic_event ev;

    if (view_trim(data).n == 0) {
        *ret_kinds = 0;
        return true;
    }
    if (!anthropic_event_parse(name, data, &ev, err))
        return false;
    unsigned kinds = kinds_of(&ev);
    if (kinds & LLM_EVENT_ERROR) {
        llm_upstream_error(data, err);
    } else {
        struct view there = view_of(data.p + ev.model_value.at, ev.model_value.n);
        llm_pass_event(out, name, data, &(struct llm_swap){there, answer->model}, 1);
        if (!buf_ok(out))
            return error_set(err, ERROR_NO_MEMORY,
                             "An event of the answer does not fit into the client's buffer.");
        anthropic_usage_merge(&ev.usage, &answer->usage);
        answer->text_bytes += ev.block.text.raw.n;
        if (kinds & LLM_EVENT_FINISH)
            keep_finish(answer, &ev);
        if (answer->said)
            keep_said(answer->said, data, &ev);
    }
    *ret_kinds = kinds;
    return true;
}

/* `body` with `name` instead of the span; false without memory. */
static bool replace(struct view body, struct llm_span span, struct view name, struct arena *a,
                    struct llm_body *ret_body)
{
    struct buf quoted = BUF_MAX(8 * LLM_MAX_MODEL);
    struct llm_body out = {.n = 0};

    json_quote(&quoted, name);
    struct view model = buf_ok(&quoted) ? arena_dup(a, buf_view(&quoted)) : VIEW("");
    buf_done(&quoted);
    if (!model.n)
        return false;
    const struct view pieces[] = {view_first(body, span.n ? span.at : body.n),
                                  span.n ? model : VIEW_NONE,
                                  span.n ? view_skip(body, span.at + span.n) : VIEW_NONE};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (pieces[i].n == 0)
            continue;
        out.pieces[out.n++] = pieces[i];
        out.bytes += pieces[i].n;
    }
    *ret_body = out;
    return true;
}

/* How much text the blocks of a plain answer hold; each is passed over as it stands. */
static uint64_t text_bytes(struct view content)
{
    struct json_reader r;
    struct json_array array;
    uint64_t n = 0;

    json_begin(&r, content);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array)) {
        struct anthropic_block block = {.text.escaped = false};
        anthropic_block_parse(&r, &block);
        n += block.text.raw.n + block.input.n;
    }
    return n;
}

bool anthropic_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                          struct llm_body *ret_body, struct error *err)
{
    struct anthropic_event ev;

    if (!anthropic_event_parse(VIEW_NONE, body, &ev, err))
        return false;
    if (ev.type == ANTHROPIC_ERROR)
        return llm_upstream_error(body, err);
    if (!ev.has_content)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer has no content.");
    if (!replace(body, ev.model_value, answer->model, a, ret_body))
        return error_set(err, ERROR_NO_MEMORY,
                         "The answer needs more memory than one exchange may use.");
    anthropic_usage_merge(&ev.usage, &answer->usage);
    answer->text_bytes += text_bytes(ev.content);
    if (ev.has_stop_reason)
        keep_finish(answer, &ev);
    return true;
}

/* Where the model's name stands, for requests that were read without keeping it. */
static struct llm_span find_model(struct view body)
{
    struct json_reader r;
    struct json_object o;
    struct llm_span span = {0, 0};

    json_begin(&r, body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        json_peek(&r);
        uint32_t at = json_offset(&r);
        bool found = json_key_is(&o, "model");
        if (json_skip(&r) && found) {
            span = llm_span_from(&r, at);
            break;
        }
    }
    return span;
}

bool anthropic_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                            struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                            struct error *err)
{
    struct view body = llm_proof_pass(request, a);

    if (!body.n || !replace(body, find_model(body), rewrite->model, a, ret_body))
        return error_set(err, ERROR_NO_MEMORY,
                         "The request to the backend needs more memory than one exchange may use.");
    *ret_notes = body.n < request->body.n ? VIEW("others' thinking dropped") : VIEW("");
    return true;
}
