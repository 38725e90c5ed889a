#include "llm/anthropic.h"
#include "llm/openai_chat.h"
#include "llm/take.h"

static void read_details(struct json_reader *r, struct anthropic_usage *u)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "thinking_tokens"))
            u->has_reasoning = llm_take_count(r, &u->reasoning);
        else
            json_skip(r);
    }
}

static void read_usage(struct json_reader *r, struct anthropic_usage *u)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "input_tokens"))
            u->has_input = llm_take_count(r, &u->input);
        else if (json_key_is(&o, "output_tokens"))
            u->has_output = llm_take_count(r, &u->output);
        else if (json_key_is(&o, "cache_read_input_tokens"))
            u->has_cached = llm_take_count(r, &u->cached);
        else if (json_key_is(&o, "cache_creation_input_tokens"))
            u->has_written = llm_take_count(r, &u->written);
        else if (json_key_is(&o, "output_tokens_details"))
            read_details(r, u);
        else
            json_skip(r);
    }
    u->any = u->has_input || u->has_output;
}

static uint32_t add(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void anthropic_usage_merge(const struct anthropic_usage *from, struct llm_usage *usage)
{
    uint32_t cache = add(usage->cached, usage->written);
    uint32_t alone = usage->input > cache ? usage->input - cache : 0;

    if (!from->any)
        return;
    if (from->has_input)
        alone = from->input;
    if (from->has_cached)
        usage->cached = from->cached;
    if (from->has_written)
        usage->written = from->written;
    if (from->has_output)
        usage->output = from->output;
    if (from->has_reasoning)
        usage->reasoning = from->reasoning;
    usage->input = add(alone, add(usage->cached, usage->written));
    usage->reported = true;
}

void anthropic_block_parse(struct json_reader *r, struct anthropic_block *b)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "type"))
            llm_take_text(r, &b->type);
        else if (json_key_is(&o, "text") || json_key_is(&o, "partial_json") ||
                 json_key_is(&o, "thinking"))
            llm_take_text(r, &b->text);
        else if (json_key_is(&o, "signature") || json_key_is(&o, "data"))
            llm_take_text(r, &b->signature);
        else if (json_key_is(&o, "id"))
            llm_take_text(r, &b->id);
        else if (json_key_is(&o, "name"))
            llm_take_text(r, &b->name);
        else if (json_key_is(&o, "input"))
            json_value(r, &b->input);
        else
            json_skip(r);
    }
}

static void read_stop_details(struct json_reader *r, struct anthropic_event *ev)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "explanation"))
            llm_take_text(r, &ev->explanation);
        else
            json_skip(r);
    }
}

/* What a message has, at the start of a stream or whole, and what a message_delta changes. */
static bool read_message_member(struct json_reader *r, const struct json_object *o,
                                struct anthropic_event *ev)
{
    if (json_key_is(o, "id"))
        llm_take_text(r, &ev->id);
    else if (json_key_is(o, "usage"))
        read_usage(r, &ev->usage);
    else if (json_key_is(o, "stop_reason"))
        ev->has_stop_reason = llm_take_text(r, &ev->stop_reason);
    else if (json_key_is(o, "stop_sequence"))
        ev->has_stop_sequence = llm_take_text(r, &ev->stop_sequence);
    else if (json_key_is(o, "stop_details"))
        read_stop_details(r, ev);
    else if (json_key_is(o, "model")) {
        json_peek(r);
        uint32_t at = json_offset(r);
        llm_take_text(r, &ev->model);
        ev->model_value = llm_span_from(r, at);
    } else {
        return false;
    }
    return true;
}

static void read_message(struct json_reader *r, struct anthropic_event *ev)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o))
        if (!read_message_member(r, &o, ev))
            json_skip(r);
}

/* Of a block, or of the message: their members have different names. */
static void read_delta(struct json_reader *r, struct anthropic_event *ev)
{
    struct json_object o;

    if (!llm_take_begin(r, &o))
        return;
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "text") || json_key_is(&o, "partial_json") ||
            json_key_is(&o, "thinking"))
            llm_take_text(r, &ev->block.text);
        else if (json_key_is(&o, "type"))
            llm_take_text(r, &ev->block.type);
        else if (json_key_is(&o, "signature"))
            llm_take_text(r, &ev->block.signature);
        else if (json_key_is(&o, "stop_reason") || json_key_is(&o, "stop_sequence") ||
                 json_key_is(&o, "stop_details"))
            read_message_member(r, &o, ev);
        else
            json_skip(r);
    }
}

static enum anthropic_type type_of(struct view name)
{
    static const struct {
        struct view name;
        enum anthropic_type type;
    } rows[] = {
        {VIEW_LIT("content_block_delta"), ANTHROPIC_BLOCK_DELTA},
        {VIEW_LIT("content_block_start"), ANTHROPIC_BLOCK_START},
        {VIEW_LIT("content_block_stop"), ANTHROPIC_BLOCK_STOP},
        {VIEW_LIT("message_start"), ANTHROPIC_MESSAGE_START},
        {VIEW_LIT("message_delta"), ANTHROPIC_MESSAGE_DELTA},
        {VIEW_LIT("message_stop"), ANTHROPIC_MESSAGE_STOP},
        {VIEW_LIT("ping"), ANTHROPIC_PING},
        {VIEW_LIT("error"), ANTHROPIC_ERROR},
        {VIEW_LIT("message"), ANTHROPIC_MESSAGE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (view_eq(name, rows[i].name))
            return rows[i].type;
    return ANTHROPIC_UNKNOWN;
}

static void read_member(struct json_reader *r, const struct json_object *o,
                        struct anthropic_event *ev)
{
    struct json_text text;

    if (json_key_is(o, "type")) {
        if (llm_take_text(r, &text))
            ev->type = type_of(text.raw);
    } else if (json_key_is(o, "index")) {
        llm_take_count(r, &ev->index);
    } else if (json_key_is(o, "delta")) {
        read_delta(r, ev);
    } else if (json_key_is(o, "content_block")) {
        anthropic_block_parse(r, &ev->block);
    } else if (json_key_is(o, "message") && json_peek(r) == JSON_OBJECT) {
        read_message(r, ev);
    } else if (json_key_is(o, "content")) {
        ev->has_content = json_peek(r) == JSON_ARRAY;
        json_value(r, &ev->content);
    } else if (json_key_is(o, "error")) {
        if (!json_take_null(r)) {
            json_skip(r);
            ev->has_error = true;
        }
    } else if (!read_message_member(r, o, ev)) {
        json_skip(r);
    }
}

bool anthropic_event_parse(struct view name, struct view data, struct anthropic_event *ret,
                           struct error *err)
{
    struct anthropic_event ev = {.type = type_of(name)};
    struct json_reader r;
    struct json_object o;

    json_begin(&r, data);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o))
        read_member(&r, &o, &ev);
    if (!json_end(&r))
        return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                         "The backend's answer is not an Anthropic message: %s (byte %u).",
                         r.problem, json_offset(&r));
    if (ev.has_error)
        ev.type = ANTHROPIC_ERROR;
    *ret = ev;
    return true;
}
