/* Answers of OpenAI chat and of the engines that speak it, read as neutral events. */
#include "base/hash.h"
#include "llm/openai_chat.h"

struct event_reader {
    struct json_reader json;
    struct llm_reader *r;
    llm_sink *sink;
    void *arg;
    bool plain;   /* each call comes whole */
    bool stopped; /* by the sink */
    bool failed;  /* an error object stood there */
    unsigned n_choices;
    struct json_text id, model;
    int64_t created_s;
    struct llm_usage usage;
};

/* What one choice says, gathered first: members stand in any order, events do not. */
struct choice {
    unsigned index;
    struct json_text content, reasoning, refusal, finish, stop;
    struct view parts; /* `content` as an array */
    struct view tool_calls, function_call, logprobs;
};

static bool emit(struct event_reader *x, const struct llm_ev *ev)
{
    if (!x->stopped && !x->sink(x->arg, ev))
        x->stopped = true;
    return !x->stopped;
}

static void take_string(struct json_reader *r, struct json_text *ret_text)
{
    if (json_peek(r) == JSON_STRING)
        json_string(r, ret_text);
    else
        json_skip(r);
}

static void take_value(struct json_reader *r, enum json_type type, struct view *ret_raw)
{
    if (json_peek(r) == type)
        json_value(r, ret_raw);
    else
        json_skip(r);
}

static bool take_count(struct json_reader *r, unsigned *ret_value)
{
    struct view raw;
    uint64_t value;

    if (json_peek(r) != JSON_NUMBER) {
        json_skip(r);
        return false;
    }
    if (!json_number(r, &raw) || !view_to_u64(raw, &value) || value > UINT32_MAX)
        return false;
    *ret_value = (unsigned)value;
    return true;
}

static void emit_text(struct event_reader *x, enum llm_event_kind kind, unsigned choice,
                      struct json_text text)
{
    if (text.raw.n)
        emit(x, &(struct llm_ev){
                    .kind = kind, .choice = choice, .text = json_decode(text, x->r->arena)});
}

/* ---- tool calls ------------------------------------------------------------------------------ */

struct call {
    unsigned index;
    bool has_index;
    struct json_text id, name, arguments;
    struct view object; /* arguments that are no string */
};

static void read_function(struct json_reader *r, struct call *call)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "name"))
            take_string(r, &call->name);
        else if (!json_key_is(&o, "arguments"))
            json_skip(r);
        else if (json_peek(r) == JSON_OBJECT)
            json_value(r, &call->object);
        else
            take_string(r, &call->arguments);
    }
}

static uint32_t mark_of(struct json_text id)
{
    return id.raw.n ? (uint32_t)hash_bytes_seeded(id.raw, 0) | 1 : 0;
}

/* Whether this piece begins a call. Some engines give every whole call the index 0, others none;
 * some repeat id and name on each piece. */
static bool begins(const struct llm_reader *r, const struct call *call)
{
    if (r->n_calls == 0)
        return true;
    uint32_t mark = mark_of(call->id);
    bool other = mark && mark != r->open_kind;
    if (!call->has_index)
        return other || (call->name.raw.n && !mark);
    if (call->index == r->open_index)
        return other && call->name.raw.n;
    return call->index >= r->n_calls || other;
}

static void emit_call(struct event_reader *x, unsigned choice, const struct call *call)
{
    struct llm_reader *r = x->r;
    struct llm_ev ev = {.choice = choice};

    if (x->plain || begins(r, call)) {
        ev.kind = LLM_EV_CALL;
        ev.index = r->n_calls++;
        ev.id = json_decode(call->id, r->arena);
        ev.name = json_decode(call->name, r->arena);
        r->open_index = call->has_index ? call->index : ev.index;
        r->open_kind = mark_of(call->id);
        if (!emit(x, &ev))
            return;
    }
    bool open = x->plain || !call->has_index || call->index == r->open_index;
    struct view pieces = call->object.n ? call->object : json_decode(call->arguments, r->arena);
    if (pieces.n)
        emit(x, &(struct llm_ev){.kind = LLM_EV_ARGUMENTS,
                                 .choice = choice,
                                 .index = open ? r->n_calls - 1 : call->index,
                                 .text = pieces});
}

/* `raw` was checked when it was passed over. */
static void emit_calls(struct event_reader *x, unsigned choice, struct view raw)
{
    struct json_reader r;
    struct json_array calls;
    struct json_object o;

    json_begin(&r, raw);
    json_array_begin(&r, &calls);
    while (!x->stopped && json_array_next(&r, &calls)) {
        struct call call = {.index = 0};
        if (json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        json_object_begin(&r, &o);
        while (json_object_next(&r, &o)) {
            if (json_key_is(&o, "index"))
                call.has_index = take_count(&r, &call.index);
            else if (json_key_is(&o, "id"))
                take_string(&r, &call.id);
            else if (json_key_is(&o, "function"))
                read_function(&r, &call);
            else
                json_skip(&r);
        }
        if (!json_failed(&r))
            emit_call(x, choice, &call);
    }
}

/* The way before tool calls: one call without an id. */
static void emit_function(struct event_reader *x, unsigned choice, struct view raw)
{
    struct json_reader r;
    struct call call = {.has_index = true};

    json_begin(&r, raw);
    read_function(&r, &call);
    if (call.name.raw.n || call.arguments.raw.n || call.object.n)
        emit_call(x, choice, &call);
}

/* ---- choices --------------------------------------------------------------------------------- */

static void read_part(struct json_reader *r, struct choice *c)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "content") && json_peek(r) == JSON_ARRAY)
            json_value(r, &c->parts);
        else if (json_key_is(&o, "content"))
            take_string(r, &c->content);
        else if (json_key_is(&o, "tool_calls"))
            take_value(r, JSON_ARRAY, &c->tool_calls);
        else if (json_key_is(&o, "function_call"))
            take_value(r, JSON_OBJECT, &c->function_call);
        else if (json_key_is(&o, "refusal"))
            take_string(r, &c->refusal);
        else if (json_key_is(&o, "reasoning_content") || json_key_is(&o, "reasoning"))
            take_string(r, &c->reasoning); /* engines that send both send the same text */
        else
            json_skip(r);
    }
}

static void read_logprobs(struct json_reader *r, struct choice *c)
{
    struct json_object o;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "content"))
            take_value(r, JSON_ARRAY, &c->logprobs);
        else
            json_skip(r);
    }
}

static void emit_parts(struct event_reader *x, const struct choice *c)
{
    struct json_reader r;
    struct json_array parts;
    struct json_object o;

    json_begin(&r, c->parts);
    json_array_begin(&r, &parts);
    while (!x->stopped && json_array_next(&r, &parts)) {
        struct json_text text = {.escaped = false};
        if (json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        json_object_begin(&r, &o);
        while (json_object_next(&r, &o)) {
            if (json_key_is(&o, "text"))
                take_string(&r, &text);
            else
                json_skip(&r);
        }
        if (!json_failed(&r))
            emit_text(x, LLM_EV_TEXT, c->index, text);
    }
}

static enum llm_finish finish_of(struct json_text reason, bool calls)
{
    static const struct {
        struct view name;
        enum llm_finish finish;
    } reasons[] = {
        {VIEW_LIT("length"), LLM_FINISH_LENGTH},
        {VIEW_LIT("tool_calls"), LLM_FINISH_CALLS},
        {VIEW_LIT("function_call"), LLM_FINISH_CALLS},
        {VIEW_LIT("content_filter"), LLM_FINISH_FILTER},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (json_text_eq(reason, reasons[i].name))
            return reasons[i].finish;
    /* A call of the function that the client named ends with "stop". */
    return calls ? LLM_FINISH_CALLS : LLM_FINISH_STOP;
}

static void emit_choice(struct event_reader *x, const struct choice *c)
{
    emit_text(x, LLM_EV_THINKING, c->index, c->reasoning);
    emit_text(x, LLM_EV_TEXT, c->index, c->content);
    if (c->parts.n)
        emit_parts(x, c);
    emit_text(x, LLM_EV_REFUSAL, c->index, c->refusal);
    if (c->logprobs.n > 2)
        emit(x, &(struct llm_ev){.kind = LLM_EV_LOGPROBS, .choice = c->index, .raw = c->logprobs});
    if (c->tool_calls.n > 2) /* vLLM sends [] where there are none */
        emit_calls(x, c->index, c->tool_calls);
    if (c->function_call.n)
        emit_function(x, c->index, c->function_call);
    if (c->finish.raw.n)
        emit(x, &(struct llm_ev){.kind = LLM_EV_FINISH,
                                 .choice = c->index,
                                 .finish = finish_of(c->finish, x->r->n_calls > 0),
                                 .stop = json_decode(c->stop, x->r->arena)});
}

/* Once, before all else: the head may stand behind the choices. */
static void emit_start(struct event_reader *x)
{
    if (x->r->started)
        return;
    x->r->started = true;
    emit(x, &(struct llm_ev){.kind = LLM_EV_START,
                             .id = json_decode(x->id, x->r->arena),
                             .name = json_decode(x->model, x->r->arena),
                             .created_s = x->created_s});
}

static void emit_choices(struct event_reader *x, struct view raw)
{
    struct json_reader *r = &x->json;
    struct json_array choices;
    struct json_object o;

    json_begin(r, raw);
    json_array_begin(r, &choices);
    while (!x->stopped && json_array_next(r, &choices)) {
        struct choice c = {.index = x->n_choices};
        x->n_choices++;
        if (json_peek(r) != JSON_OBJECT) {
            json_skip(r);
            continue;
        }
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            if (json_key_is(&o, "delta") || json_key_is(&o, "message"))
                read_part(r, &c);
            else if (json_key_is(&o, "index"))
                take_count(r, &c.index);
            else if (json_key_is(&o, "finish_reason"))
                take_string(r, &c.finish);
            else if (json_key_is(&o, "stop_reason")) /* vLLM: the stop sequence */
                take_string(r, &c.stop);
            else if (json_key_is(&o, "logprobs"))
                read_logprobs(r, &c);
            else
                json_skip(r);
        }
        if (!json_failed(r))
            emit_choice(x, &c);
    }
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void read_created(struct event_reader *x)
{
    struct view raw;
    uint64_t value;

    if (json_peek(&x->json) != JSON_NUMBER)
        json_skip(&x->json);
    else if (json_number(&x->json, &raw) && view_to_u64(raw, &value) && value < INT64_MAX)
        x->created_s = (int64_t)value;
}

static void read_member(struct event_reader *x, const struct json_object *o, struct view *choices)
{
    struct json_reader *r = &x->json;
    struct json_text kind = {.escaped = false};

    if (json_key_is(o, "choices")) {
        take_value(r, JSON_ARRAY, choices);
    } else if (json_key_is(o, "usage")) {
        openai_usage(r, &x->usage);
    } else if (json_key_is(o, "error")) {
        x->failed |= json_peek(r) != JSON_NULL;
        json_skip(r);
    } else if (json_key_is(o, "object")) { /* {"object":"error"}: older vLLM */
        take_string(r, &kind);
        x->failed |= json_text_eq(kind, VIEW("error"));
    } else if (x->r->started) {
        json_skip(r);
    } else if (json_key_is(o, "id")) {
        take_string(r, &x->id);
    } else if (json_key_is(o, "model")) {
        take_string(r, &x->model);
    } else if (json_key_is(o, "created")) {
        read_created(x);
    } else {
        json_skip(r);
    }
}

static bool bad_json(const struct json_reader *r, struct error *err)
{
    return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                     "The backend's answer is not a chat completion: %s (byte %u).", r->problem,
                     json_offset(r));
}

/* One chunk, or a plain answer. */
static bool read_chunk(struct event_reader *x, struct view data, struct error *err)
{
    struct json_object o;
    struct view choices = VIEW_NONE;

    json_begin(&x->json, data);
    json_object_begin(&x->json, &o);
    while (json_object_next(&x->json, &o))
        read_member(x, &o, &choices);
    if (!json_end(&x->json))
        return bad_json(&x->json, err);
    if (x->failed) {
        llm_upstream_error(data, err);
        return false;
    }
    emit_start(x);
    if (choices.n > 2)
        emit_choices(x, choices);
    if (!x->stopped && json_failed(&x->json)) /* a key that stands twice */
        return bad_json(&x->json, err);
    if (x->usage.reported) {
        x->r->usage = x->usage;
        emit(x, &(struct llm_ev){.kind = LLM_EV_USAGE, .usage = x->usage});
    }
    if (x->r->arena && arena_failed(x->r->arena))
        return error_set(err, ERROR_NO_MEMORY,
                         "The answer needs more memory than one exchange may use.");
    return true;
}

static void emit_end(struct event_reader *x)
{
    if (x->r->ended)
        return;
    x->r->ended = true;
    emit(x, &(struct llm_ev){.kind = LLM_EV_END});
}

bool openai_chat_event_read(struct llm_reader *r, struct view name, struct view data,
                            llm_sink *sink, void *arg, struct error *err)
{
    struct event_reader x = {.r = r, .sink = sink, .arg = arg};

    (void)name;
    if (view_trim(data).n == 0) {
        emit(&x, &(struct llm_ev){.kind = LLM_EV_PING});
        return true;
    }
    if (openai_chat_is_done(data)) {
        emit_end(&x);
        return true;
    }
    return read_chunk(&x, data, err);
}

bool openai_chat_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                            struct error *err)
{
    struct event_reader x = {.r = r, .sink = sink, .arg = arg, .plain = true};

    if (!read_chunk(&x, body, err))
        return false;
    if (!x.stopped && x.n_choices == 0)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer has no choices.");
    emit_end(&x);
    return true;
}
