/* A backend's answer, streamed or plain, becomes neutral events. */
#include "llm/responses.h"

/* llm_reader.open_kind: what the open item and its open part have told already. */
/* LAST_SAID: the last call has arguments, for calls past the table. */
enum { ITEM_SAID = 1 << 0, PART_SAID = 1 << 1, ANY_SAID = 1 << 2, LAST_SAID = 1 << 3 };

struct events {
    struct llm_reader *r;
    llm_sink *sink;
    void *arg;
    struct error *err;
};

/* An output item, wherever it stands. */
struct output_item {
    struct json_text type, id, call_id, name, arguments, encrypted;
    bool has_arguments;
    struct view content, summary;
};

/* A sink that wants no more ends the reading, which is no error. */
static bool give(struct events *x, const struct llm_ev *ev)
{
    if (arena_failed(x->r->arena))
        return error_set(x->err, ERROR_NO_MEMORY,
                         "The answer needs more memory than one exchange may use.");
    if (x->r->ended)
        return true;
    if (!x->sink(x->arg, ev))
        x->r->ended = true;
    return true;
}

static bool give_text(struct events *x, enum llm_event_kind kind, struct json_text text)
{
    if (!text.raw.n)
        return true;
    x->r->open_kind |= ITEM_SAID | PART_SAID | ANY_SAID;
    return give(x, &(struct llm_ev){.kind = kind, .text = json_decode(text, x->r->arena)});
}

static bool start(struct events *x, const struct responses_object *o)
{
    if (x->r->started)
        return true;
    x->r->started = true;
    return give(x, &(struct llm_ev){.kind = LLM_EV_START,
                                    .id = json_decode(o->id, x->r->arena),
                                    .name = json_decode(o->model, x->r->arena),
                                    .created_s = o->created_s});
}

static bool start_unknown(struct events *x)
{
    return start(x, &(struct responses_object){.created_s = 0});
}

/* Logprobs in the neutral form, whose tokens tell their bytes. */
static bool give_logprobs(struct events *x, struct view array)
{
    struct buf out = BUF_MAX(RESPONSES_MAX_KEPT);

    if (array.n <= 2)
        return true;
    buf_append_char(&out, '[');
    bool ok = responses_put_logprobs(&out, array, VIEW("null"));
    buf_append_char(&out, ']');
    struct view raw = ok && buf_ok(&out) ? arena_dup(x->r->arena, buf_view(&out)) : VIEW("");
    buf_done(&out);
    return raw.n <= 2 || give(x, &(struct llm_ev){.kind = LLM_EV_LOGPROBS, .raw = raw});
}

/* ---- calls ----------------------------------------------------------------------------------- */

static uint32_t key_of(const struct responses_event *ev, struct json_text id)
{
    uint32_t key = 2166136261u;

    if (ev->has_output_index)
        return ev->output_index;
    for (size_t i = 0; i < id.raw.n; i++) /* llama.cpp has no output_index */
        key = (key ^ (unsigned char)id.raw.p[i]) * 16777619u;
    return key | 1u << 31;
}

/* The call of that item; without one, -1. */
static int call_of(const struct llm_reader *r, uint32_t key)
{
    for (unsigned i = 0; i < r->n_calls && i < LLM_READ_CALLS; i++)
        if (r->calls[i].key == key)
            return (int)i;
    return r->n_calls > LLM_READ_CALLS ? (int)r->n_calls - 1 : -1;
}

static bool begin_call(struct events *x, const struct output_item *item, uint32_t key)
{
    struct llm_reader *r = x->r;
    unsigned i = r->n_calls++;

    if (i < LLM_READ_CALLS) {
        r->calls[i].key = key;
        r->calls[i].said = false;
    }
    r->open_kind = (r->open_kind | ANY_SAID) & ~(unsigned)LAST_SAID;
    struct json_text id = item->call_id.raw.n ? item->call_id : item->id;
    return give(x, &(struct llm_ev){.kind = LLM_EV_CALL,
                                    .index = i,
                                    .id = json_decode(id, r->arena),
                                    .name = json_decode(item->name, r->arena)});
}

static bool give_arguments(struct events *x, int call, struct json_text text)
{
    if (call < 0 || !text.raw.n)
        return true;
    if (call < LLM_READ_CALLS)
        x->r->calls[call].said = true;
    if (call + 1 == (int)x->r->n_calls)
        x->r->open_kind |= LAST_SAID;
    return give(x, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS,
                                    .index = (unsigned)call,
                                    .text = json_decode(text, x->r->arena)});
}

/* The arguments as a whole, told once more at the end: news only when no piece came. */
static bool whole_arguments(struct events *x, int call, struct json_text text)
{
    bool said =
        call >= 0 && call < LLM_READ_CALLS ? x->r->calls[call].said : x->r->open_kind & LAST_SAID;

    return said || give_arguments(x, call, text);
}

/* ---- items ----------------------------------------------------------------------------------- */

static bool read_item(struct json_reader *r, struct output_item *item)
{
    struct json_object o;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool text = json_peek(r) == JSON_STRING, array = json_peek(r) == JSON_ARRAY;
        if (json_key_is(&o, "type") && text) {
            json_string(r, &item->type);
        } else if (json_key_is(&o, "id") && text) {
            json_string(r, &item->id);
        } else if (json_key_is(&o, "call_id") && text) {
            json_string(r, &item->call_id);
        } else if (json_key_is(&o, "name") && text) {
            json_string(r, &item->name);
        } else if (json_key_is(&o, "arguments") && text) {
            item->has_arguments = json_string(r, &item->arguments);
        } else if (json_key_is(&o, "encrypted_content") && text) {
            json_string(r, &item->encrypted);
        } else if (json_key_is(&o, "content") && array) {
            json_value(r, &item->content);
        } else if (json_key_is(&o, "summary") && array) {
            json_value(r, &item->summary);
        } else {
            json_skip(r);
        }
    }
    return !json_failed(r);
}

static bool give_part(struct events *x, struct json_reader *r, bool thinking)
{
    struct json_object o;
    struct json_text text = {.escaped = false}, refusal = text;
    struct view logprobs = VIEW_NONE;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "text") && json_peek(r) == JSON_STRING)
            json_string(r, &text);
        else if (json_key_is(&o, "refusal") && json_peek(r) == JSON_STRING)
            json_string(r, &refusal);
        else if (json_key_is(&o, "logprobs") && json_peek(r) == JSON_ARRAY)
            json_value(r, &logprobs);
        else
            json_skip(r);
    }
    return !json_failed(r) && give_text(x, thinking ? LLM_EV_THINKING : LLM_EV_TEXT, text) &&
           give_logprobs(x, logprobs) && give_text(x, LLM_EV_REFUSAL, refusal);
}

/* The parts of a content or a summary array. */
static bool give_parts(struct events *x, struct view array, bool thinking)
{
    struct json_reader r;
    struct json_array parts;

    if (!array.n)
        return true;
    json_begin(&r, array);
    json_array_begin(&r, &parts);
    for (unsigned i = 0; json_array_next(&r, &parts); i++) {
        if (thinking && i &&
            !give_text(x, LLM_EV_THINKING, (struct json_text){VIEW("\n\n"), false}))
            return false;
        if (json_peek(&r) != JSON_OBJECT)
            json_skip(&r);
        else if (!give_part(x, &r, thinking))
            return json_failed(&r) ? responses_protocol(&r, x->err) : false;
    }
    return !json_failed(&r) || responses_protocol(&r, x->err);
}

/* All of an item that was not told before; `news`: nothing was. */
static bool whole_item(struct events *x, const struct output_item *item, uint32_t key, bool news)
{
    if (json_text_eq(item->type, VIEW("message")))
        return x->r->open_kind & ITEM_SAID || give_parts(x, item->content, false);
    if (json_text_eq(item->type, VIEW("reasoning"))) {
        if (!(x->r->open_kind & ITEM_SAID) &&
            !give_parts(x, item->content.n > 2 ? item->content : item->summary, true))
            return false;
        return !item->encrypted.raw.n ||
               give(x, &(struct llm_ev){.kind = LLM_EV_SIGNATURE,
                                        .id = json_decode(item->id, x->r->arena),
                                        .text = json_decode(item->encrypted, x->r->arena)});
    }
    if (!json_text_eq(item->type, VIEW("function_call")))
        return true;
    int call = news ? -1 : call_of(x->r, key);
    if (call < 0) {
        if (!begin_call(x, item, key))
            return false;
        call = (int)x->r->n_calls - 1;
    }
    return whole_arguments(x, call, item->arguments);
}

static bool item_event(struct events *x, const struct responses_event *ev, bool done)
{
    struct output_item item = {.has_arguments = false};
    struct json_reader r;

    if (!ev->item.n)
        return true;
    json_begin(&r, ev->item);
    if (!read_item(&r, &item))
        return responses_protocol(&r, x->err);
    uint32_t key = key_of(ev, item.id);
    if (!done)
        x->r->open_kind &= ANY_SAID | LAST_SAID;
    bool ok = true;
    if (done)
        ok = whole_item(x, &item, key, false);
    else if (json_text_eq(item.type, VIEW("function_call")))
        ok = begin_call(x, &item, key) && give_arguments(x, (int)x->r->n_calls - 1, item.arguments);
    if (done)
        x->r->open_kind &= ANY_SAID | LAST_SAID;
    return ok;
}

/* The items of an `output` array. */
static bool give_output(struct events *x, struct view output)
{
    struct json_reader r;
    struct json_array items;
    struct responses_event ev = {.has_output_index = true};

    if (!output.n)
        return true;
    json_begin(&r, output);
    json_array_begin(&r, &items);
    for (; json_array_next(&r, &items); ev.output_index++) {
        struct output_item item = {.has_arguments = false};
        if (json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        if (!read_item(&r, &item))
            break;
        x->r->open_kind &= ANY_SAID | LAST_SAID;
        if (!whole_item(x, &item, ev.output_index, true))
            return false;
    }
    return !json_failed(&r) || responses_protocol(&r, x->err);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool end(struct events *x, const struct responses_object *o)
{
    struct llm_reader *r = x->r;

    if (!start(x, o))
        return false;
    if (!(r->open_kind & ANY_SAID) && !give_output(x, o->output))
        return false;
    r->usage = o->usage;
    if (!give(x, &(struct llm_ev){.kind = LLM_EV_FINISH,
                                  .finish = responses_finish(o, r->n_calls > 0)}))
        return false;
    if (o->usage.reported && !give(x, &(struct llm_ev){.kind = LLM_EV_USAGE, .usage = o->usage}))
        return false;
    bool ok = give(x, &(struct llm_ev){.kind = LLM_EV_END});
    r->ended = true;
    return ok;
}

static bool response_event(struct events *x, const struct responses_event *ev, bool last)
{
    struct responses_object o = {.created_s = 0};
    struct json_reader r;

    json_begin(&r, ev->response);
    if (!responses_object_read(&r, &o))
        return responses_protocol(&r, x->err);
    if (responses_failed(&o)) {
        llm_upstream_error(ev->response, x->err);
        return false;
    }
    return last ? end(x, &o) : start(x, &o);
}

static bool delta(struct events *x, const struct responses_event *ev, enum llm_event_kind kind)
{
    return give_text(x, kind, ev->delta) && give_logprobs(x, ev->logprobs);
}

/* The whole of a part, told once more at its end. */
static bool whole_text(struct events *x, const struct responses_event *ev, enum llm_event_kind kind)
{
    bool ok = x->r->open_kind & PART_SAID || give_text(x, kind, ev->text);

    x->r->open_kind &= ~(unsigned)PART_SAID;
    return ok;
}

enum what {
    IS_DELTA,
    IS_WHOLE,
    IS_ARGUMENTS,
    IS_ARGUMENTS_DONE,
    IS_ITEM,
    IS_ITEM_DONE,
    IS_PART,
    IS_RESPONSE,
    IS_LAST,
};

static const struct {
    struct view type;
    enum what what;
    enum llm_event_kind kind;
} types[] = {
    {VIEW_LIT("response.output_text.delta"), IS_DELTA, LLM_EV_TEXT},
    {VIEW_LIT("response.function_call_arguments.delta"), IS_ARGUMENTS, 0},
    {VIEW_LIT("response.reasoning_text.delta"), IS_DELTA, LLM_EV_THINKING},
    {VIEW_LIT("response.reasoning_summary_text.delta"), IS_DELTA, LLM_EV_THINKING},
    {VIEW_LIT("response.refusal.delta"), IS_DELTA, LLM_EV_REFUSAL},
    {VIEW_LIT("response.output_text.done"), IS_WHOLE, LLM_EV_TEXT},
    {VIEW_LIT("response.reasoning_text.done"), IS_WHOLE, LLM_EV_THINKING},
    {VIEW_LIT("response.reasoning_summary_text.done"), IS_WHOLE, LLM_EV_THINKING},
    {VIEW_LIT("response.refusal.done"), IS_WHOLE, LLM_EV_REFUSAL},
    {VIEW_LIT("response.function_call_arguments.done"), IS_ARGUMENTS_DONE, 0},
    {VIEW_LIT("response.output_item.added"), IS_ITEM, 0},
    {VIEW_LIT("response.output_item.done"), IS_ITEM_DONE, 0},
    {VIEW_LIT("response.content_part.added"), IS_PART, 0},
    {VIEW_LIT("response.reasoning_summary_part.added"), IS_PART, 0},
    {VIEW_LIT("response.created"), IS_RESPONSE, 0},
    {VIEW_LIT("response.in_progress"), IS_RESPONSE, 0},
    {VIEW_LIT("response.queued"), IS_RESPONSE, 0},
    {VIEW_LIT("response.failed"), IS_RESPONSE, 0},
    {VIEW_LIT("response.completed"), IS_LAST, 0},
    {VIEW_LIT("response.incomplete"), IS_LAST, 0},
};

static bool read_event(struct events *x, const struct responses_event *ev, enum what what,
                       enum llm_event_kind kind)
{
    if (what != IS_RESPONSE && what != IS_LAST && !start_unknown(x))
        return false;
    switch (what) {
    case IS_DELTA:
        return delta(x, ev, kind);
    case IS_WHOLE:
        return whole_text(x, ev, kind);
    case IS_ARGUMENTS:
        return give_arguments(x, call_of(x->r, key_of(ev, ev->item_id)), ev->delta);
    case IS_ARGUMENTS_DONE:
        return whole_arguments(x, call_of(x->r, key_of(ev, ev->item_id)), ev->text);
    case IS_ITEM:
    case IS_ITEM_DONE:
        return item_event(x, ev, what == IS_ITEM_DONE);
    case IS_PART:
        x->r->open_kind &= ~(unsigned)PART_SAID;
        /* Paragraphs of a summary come as parts. */
        return !ev->summary_index || !(x->r->open_kind & ITEM_SAID) ||
               give(x, &(struct llm_ev){.kind = LLM_EV_THINKING, .text = VIEW("\n\n")});
    case IS_RESPONSE:
    case IS_LAST:
        return response_event(x, ev, what == IS_LAST);
    }
    return true;
}

bool responses_event_read(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                          void *arg, struct error *err)
{
    struct events x = {.r = r, .sink = sink, .arg = arg, .err = err};
    struct responses_event ev;

    if (r->ended || view_trim(data).n == 0 || view_eq(view_trim(data), VIEW("[DONE]")))
        return true;
    if (!responses_event_parse(data, name, &ev, err))
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (json_text_eq(ev.type, types[i].type))
            return read_event(&x, &ev, types[i].what, types[i].kind);
    if (ev.has_error || json_text_eq(ev.type, VIEW("error"))) {
        llm_upstream_error(data, err);
        return false;
    }
    return true; /* events of the provider's own tools */
}

bool responses_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                          struct error *err)
{
    struct events x = {.r = r, .sink = sink, .arg = arg, .err = err};
    struct responses_object o = {.created_s = 0};
    struct json_reader json;

    json_begin(&json, body);
    if (!responses_object_read(&json, &o) || !json_end(&json))
        return responses_protocol(&json, err);
    if (responses_failed(&o)) {
        llm_upstream_error(body, err);
        return false;
    }
    if (!o.output.n)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer has no output.");
    return end(&x, &o);
}
