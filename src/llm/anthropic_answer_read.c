#include "llm/anthropic.h"

/* What streams into the open block. */
enum open { OPEN_NONE, OPEN_TEXT, OPEN_THINKING, OPEN_CALL, OPEN_OTHER };

struct answer_reader {
    struct llm_reader *r;
    llm_sink *sink;
    void *arg;
    struct error *err;
    bool stopped; /* the sink has enough */
};

static void give(struct answer_reader *x, struct llm_ev ev)
{
    if (!x->stopped)
        x->stopped = !x->sink(x->arg, &ev);
}

static struct view decode(struct answer_reader *x, struct json_text text)
{
    return text.escaped ? json_decode(text, x->r->arena) : text.raw;
}

static void give_text(struct answer_reader *x, enum llm_event_kind kind, struct json_text text)
{
    if (text.raw.n)
        give(x, (struct llm_ev){.kind = kind, .text = decode(x, text)});
}

static void give_arguments(struct answer_reader *x, struct view text)
{
    if (text.n)
        give(x,
             (struct llm_ev){.kind = LLM_EV_ARGUMENTS, .index = x->r->n_calls - 1, .text = text});
}

static bool is_empty_object(struct view json)
{
    for (size_t i = 0; i < json.n; i++)
        if (!memchr("{} \n\r\t", json.p[i], 6))
            return false;
    return true;
}

static void begin_call(struct answer_reader *x, const struct anthropic_block *b)
{
    x->r->open_kind = OPEN_CALL;
    give(x, (struct llm_ev){.kind = LLM_EV_CALL,
                            .index = x->r->n_calls++,
                            .id = decode(x, b->id),
                            .name = decode(x, b->name)});
    /* A stream sends the input in pieces behind; a plain answer and some engines do at once. */
    if (!is_empty_object(b->input))
        give_arguments(x, b->input);
}

static void begin_block(struct answer_reader *x, const struct anthropic_block *b)
{
    if (json_text_eq(b->type, VIEW("text"))) {
        x->r->open_kind = OPEN_TEXT;
        give_text(x, LLM_EV_TEXT, b->text);
    } else if (json_text_eq(b->type, VIEW("tool_use"))) {
        begin_call(x, b);
    } else if (json_text_eq(b->type, VIEW("thinking"))) {
        x->r->open_kind = OPEN_THINKING;
        give_text(x, LLM_EV_THINKING, b->text);
        give_text(x, LLM_EV_SIGNATURE, b->signature);
    } else if (json_text_eq(b->type, VIEW("redacted_thinking"))) {
        x->r->open_kind = OPEN_OTHER;
        give(x, (struct llm_ev){.kind = LLM_EV_SIGNATURE,
                                .name = VIEW(ANTHROPIC_REDACTED),
                                .text = decode(x, b->signature)});
    } else {
        x->r->open_kind = OPEN_OTHER; /* a tool of the provider's own at work */
    }
}

static void continue_block(struct answer_reader *x, const struct anthropic_block *b)
{
    if (json_text_eq(b->type, VIEW("text_delta")))
        give_text(x, LLM_EV_TEXT, b->text);
    else if (json_text_eq(b->type, VIEW("thinking_delta")))
        give_text(x, LLM_EV_THINKING, b->text);
    else if (json_text_eq(b->type, VIEW("signature_delta")))
        give_text(x, LLM_EV_SIGNATURE, b->signature);
    else if (json_text_eq(b->type, VIEW("input_json_delta")) && x->r->open_kind == OPEN_CALL)
        give_arguments(x, decode(x, b->text));
}

static enum llm_finish finish_of(struct json_text reason)
{
    static const struct {
        struct view name;
        enum llm_finish finish;
    } rows[] = {
        {VIEW_LIT("end_turn"), LLM_FINISH_STOP},
        {VIEW_LIT("max_tokens"), LLM_FINISH_LENGTH},
        {VIEW_LIT("stop_sequence"), LLM_FINISH_STOP},
        {VIEW_LIT("tool_use"), LLM_FINISH_CALLS},
        {VIEW_LIT("pause_turn"), LLM_FINISH_PAUSE},
        {VIEW_LIT("refusal"), LLM_FINISH_FILTER},
        {VIEW_LIT("model_context_window_exceeded"), LLM_FINISH_LENGTH},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (json_text_eq(reason, rows[i].name))
            return rows[i].finish;
    return LLM_FINISH_STOP;
}

static void begin_message(struct answer_reader *x, const struct anthropic_event *ev)
{
    if (x->r->started)
        return;
    x->r->started = true;
    anthropic_usage_merge(&ev->usage, &x->r->usage);
    give(x, (struct llm_ev){.kind = LLM_EV_START,
                            .id = decode(x, ev->id),
                            .name = decode(x, ev->model),
                            .usage = x->r->usage});
}

static void give_finish(struct answer_reader *x, const struct anthropic_event *ev)
{
    give_text(x, LLM_EV_REFUSAL, ev->explanation);
    if (!ev->has_stop_reason)
        return;
    struct llm_ev finish = {.kind = LLM_EV_FINISH, .finish = finish_of(ev->stop_reason)};
    if (ev->has_stop_sequence)
        finish.stop = decode(x, ev->stop_sequence);
    give(x, finish);
}

static void give_usage(struct answer_reader *x, const struct anthropic_event *ev)
{
    if (!ev->usage.any)
        return;
    anthropic_usage_merge(&ev->usage, &x->r->usage);
    give(x, (struct llm_ev){.kind = LLM_EV_USAGE, .usage = x->r->usage});
}

static void give_end(struct answer_reader *x)
{
    if (!x->r->ended)
        give(x, (struct llm_ev){.kind = LLM_EV_END});
    x->r->ended = true;
}

static bool done(const struct answer_reader *x)
{
    if (arena_failed(x->r->arena))
        return error_set(x->err, ERROR_NO_MEMORY,
                         "The answer needs more memory than one exchange may use.");
    return true;
}

bool anthropic_event_read(struct llm_reader *r, struct view name, struct view data, llm_sink *sink,
                          void *arg, struct error *err)
{
    struct answer_reader x = {.r = r, .sink = sink, .arg = arg, .err = err};
    struct anthropic_event ev;

    if (view_trim(data).n == 0)
        return true;
    if (!anthropic_event_parse(name, data, &ev, err))
        return false;
    if (ev.type != ANTHROPIC_ERROR && ev.type != ANTHROPIC_PING && ev.type != ANTHROPIC_UNKNOWN)
        begin_message(&x, &ev);
    switch (ev.type) {
    case ANTHROPIC_MESSAGE_START:
        give_usage(&x, &ev);
        break;
    case ANTHROPIC_BLOCK_START:
        r->open_index = ev.index;
        begin_block(&x, &ev.block);
        break;
    case ANTHROPIC_BLOCK_DELTA:
        continue_block(&x, &ev.block);
        break;
    case ANTHROPIC_BLOCK_STOP:
        r->open_kind = OPEN_NONE;
        break;
    case ANTHROPIC_MESSAGE_DELTA:
        give_finish(&x, &ev);
        give_usage(&x, &ev);
        break;
    case ANTHROPIC_MESSAGE_STOP:
        give_end(&x);
        break;
    case ANTHROPIC_PING:
        give(&x, (struct llm_ev){.kind = LLM_EV_PING});
        break;
    case ANTHROPIC_ERROR:
        return llm_upstream_error(data, err);
    case ANTHROPIC_MESSAGE:
    case ANTHROPIC_UNKNOWN: /* new kinds of events may come at any time, and mean no harm */
        break;
    }
    return done(&x);
}

bool anthropic_plain_read(struct llm_reader *r, struct view body, llm_sink *sink, void *arg,
                          struct error *err)
{
    struct answer_reader x = {.r = r, .sink = sink, .arg = arg, .err = err};
    struct anthropic_event ev;
    struct json_reader content;
    struct json_array array;

    if (!anthropic_event_parse(VIEW_NONE, body, &ev, err))
        return false;
    if (ev.type == ANTHROPIC_ERROR)
        return llm_upstream_error(body, err);
    if (!ev.has_content)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer has no content.");
    begin_message(&x, &ev);
    json_begin(&content, ev.content);
    json_array_begin(&content, &array);
    while (json_array_next(&content, &array)) {
        struct anthropic_block block = {.text.escaped = false};
        anthropic_block_parse(&content, &block);
        if (!json_failed(&content))
            begin_block(&x, &block);
    }
    if (!json_end(&content)) /* a key that stands twice */
        return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                         "The content of the backend's answer cannot be read: %s.",
                         content.problem);
    give_finish(&x, &ev);
    give_usage(&x, &ev);
    give_end(&x);
    return done(&x);
}
