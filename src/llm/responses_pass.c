/* Same dialect in and out: the bytes pass, but for the model's name. */
#include "llm/openai_chat.h"
#include "llm/pass.h"
#include "llm/proof.h"
#include "llm/responses.h"

/* ---- requests -------------------------------------------------------------------------------- */

struct cuts {
    struct view body;
    struct llm_body out;
    uint32_t at, lead;
};

static void add_piece(struct llm_body *body, struct view piece)
{
    if (piece.n == 0)
        return;
    body->pieces[body->n++] = piece;
    body->bytes += piece.n;
}

static void put_until(struct cuts *c, struct llm_span span, struct view instead)
{
    add_piece(&c->out, view_of(c->body.p + c->at, span.at - c->at));
    add_piece(&c->out, instead);
    c->at = span.at + span.n;
}

static struct view quoted(struct view name, struct arena *a)
{
    struct buf text = BUF_MAX(8 * LLM_MAX_MODEL);

    json_quote(&text, name);
    struct view kept = buf_ok(&text) ? arena_dup(a, buf_view(&text)) : VIEW("");
    buf_done(&text);
    return kept;
}

bool responses_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                            struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                            struct error *err)
{
    struct cuts c = {.body = llm_proof_pass(request, a)};
    struct view model = quoted(rewrite->model, a);
    struct json_reader r;
    struct json_object o;
    bool temperature = false, top_p = false;

    if (!model.n || !c.body.n)
        return responses_no_memory(err);
    json_begin(&r, c.body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        bool name = json_key_is(&o, "model");
        bool is_temperature = json_key_is(&o, "temperature"), is_top_p = json_key_is(&o, "top_p");
        uint32_t key_at = o.key_at;
        json_peek(&r);
        uint32_t at = json_offset(&r);
        if (!json_skip(&r))
            break;
        if (name)
            put_until(&c, llm_span_from(&r, at), model);
        if (!rewrite->drop_sampling || !(is_temperature || is_top_p))
            continue;
        temperature |= is_temperature;
        top_p |= is_top_p;
        put_until(&c, openai_chat_cut(c.body, llm_span_from(&r, key_at), &c.lead), VIEW_NONE);
    }
    if (!json_end(&r))
        return json_error(&r, err);
    add_piece(&c.out, view_skip(c.body, c.at));
    *ret_notes = temperature && top_p         ? VIEW("temperature dropped, top_p dropped")
                 : temperature                ? VIEW("temperature dropped")
                 : top_p                      ? VIEW("top_p dropped")
                 : c.body.n < request->body.n ? VIEW("others' thinking dropped")
                                              : VIEW("");
    *ret_body = c.out;
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void keep_finish(struct llm_answer *answer, const struct responses_object *o)
{
    size_t room = sizeof(answer->finish) - 1;
    size_t n = json_decode_prefix(answer->finish, room, o->reason.raw.n ? o->reason : o->status);

    answer->finish[n] = '\0';
    if (o->usage.reported)
        answer->usage = o->usage;
}

#define SWAPS 2

/* The model's name, and where Weir keeps the answer its id; in the order of the answer. */
static void find_swaps(const struct llm_answer *answer, const struct responses_object *o,
                       struct llm_swap swaps[static SWAPS])
{
    struct llm_swap model = {o->model_raw, answer->model}, id = {VIEW_NONE, answer->id};

    if (answer->id.n && o->id.raw.n)
        id.there = view_of(o->id.raw.p - 1, o->id.raw.n + 2);
    bool id_first = id.there.n && (!model.there.n || id.there.p < model.there.p);
    swaps[0] = id_first ? id : model;
    swaps[1] = id_first ? model : id;
}

static unsigned kinds_of(const struct responses_event *ev)
{
    static const struct view content[] = {
        VIEW_LIT("response.output_item.added"),
        VIEW_LIT("response.output_item.done"),
        VIEW_LIT("response.function_call_arguments.done"),
    };
    bool item = ev->item.n > 0;

    if (ev->has_delta)
        return ev->delta.raw.n ? LLM_EVENT_CONTENT : 0;
    for (size_t i = 0; i < sizeof(content) / sizeof(content[0]); i++)
        if (json_text_eq(ev->type, content[i]))
            return item && view_find(ev->item, VIEW("function_call")) == VIEW_NPOS
                       ? 0
                       : LLM_EVENT_CONTENT;
    return 0;
}

bool responses_event_pass(struct llm_answer *answer, struct view name, struct view data,
                          struct buf *out, unsigned *ret_kinds, struct error *err)
{
    struct responses_event ev;
    struct responses_object o = {.created_s = 0};
    struct llm_swap swaps[SWAPS];
    struct json_reader r;
    unsigned kinds;

    if (view_trim(data).n == 0 || view_eq(view_trim(data), VIEW("[DONE]"))) {
        *ret_kinds = 0;
        return true;
    }
    if (!responses_event_parse(data, name, &ev, err))
        return false;
    if (ev.response.n) {
        json_begin(&r, ev.response);
        if (!responses_object_read(&r, &o))
            return responses_protocol(&r, err);
    }
    if (json_text_eq(ev.type, VIEW("error")) || ev.has_error || responses_failed(&o)) {
        llm_upstream_error(ev.response.n && responses_failed(&o) ? ev.response : data, err);
        *ret_kinds = LLM_EVENT_ERROR;
        return true;
    }
    kinds = kinds_of(&ev);
    if (json_text_eq(ev.type, VIEW("response.completed")) ||
        json_text_eq(ev.type, VIEW("response.incomplete"))) {
        kinds |= LLM_EVENT_FINISH | LLM_EVENT_DONE | (o.usage.reported ? LLM_EVENT_USAGE : 0);
        keep_finish(answer, &o);
    }
    find_swaps(answer, &o, swaps);
    llm_pass_event(out, name, data, swaps, SWAPS);
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY,
                         "An event of the answer does not fit into the client's buffer.");
    if (ev.has_delta)
        answer->text_bytes += ev.delta.raw.n;
    *ret_kinds = kinds;
    return true;
}

/* The text in output items, for an estimate. */
static uint64_t text_in(struct view output)
{
    struct json_reader r;
    struct json_array items, parts;
    struct json_object item, part;
    struct json_text text;
    uint64_t n = 0;

    json_begin(&r, output);
    json_array_begin(&r, &items);
    while (json_array_next(&r, &items)) {
        if (json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        json_object_begin(&r, &item);
        while (json_object_next(&r, &item)) {
            if (json_key_is(&item, "arguments") && json_peek(&r) == JSON_STRING) {
                n += json_string(&r, &text) ? text.raw.n : 0;
                continue;
            }
            if (!json_key_is(&item, "content") || json_peek(&r) != JSON_ARRAY) {
                json_skip(&r);
                continue;
            }
            json_array_begin(&r, &parts);
            while (json_array_next(&r, &parts)) {
                if (json_peek(&r) != JSON_OBJECT) {
                    json_skip(&r);
                    continue;
                }
                json_object_begin(&r, &part);
                while (json_object_next(&r, &part)) {
                    bool told = json_key_is(&part, "text") || json_key_is(&part, "refusal");
                    if (told && json_peek(&r) == JSON_STRING)
                        n += json_string(&r, &text) ? text.raw.n : 0;
                    else
                        json_skip(&r);
                }
            }
        }
    }
    return n;
}

bool responses_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                          struct llm_body *ret_body, struct error *err)
{
    struct responses_object o = {.created_s = 0};
    struct llm_body out = {.n = 0};
    struct llm_swap swaps[SWAPS];
    struct json_reader r;
    struct view rest = body;

    json_begin(&r, body);
    if (!responses_object_read(&r, &o) || !json_end(&r))
        return responses_protocol(&r, err);
    if (responses_failed(&o)) {
        llm_upstream_error(body, err);
        return false;
    }
    if (!o.output.n)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer has no output.");
    find_swaps(answer, &o, swaps);
    for (unsigned i = 0; i < SWAPS; i++)
        if (swaps[i].there.n) {
            size_t before = (size_t)(swaps[i].there.p - rest.p);
            struct view instead = quoted(swaps[i].instead, a);
            if (!instead.n)
                return error_set(err, ERROR_NO_MEMORY,
                                 "The answer needs more memory than one exchange may use.");
            add_piece(&out, view_first(rest, before));
            add_piece(&out, instead);
            rest = view_skip(rest, before + swaps[i].there.n);
        }
    add_piece(&out, rest);
    keep_finish(answer, &o);
    answer->text_bytes += text_in(o.output);
    *ret_body = out;
    return true;
}
