#include "llm/anthropic.h"
#include "llm/openai_chat.h"
#include "llm/proof.h"

#include <stdio.h>

/* How far behind a result its call's name is looked for. */
#define MAX_LOOK 256

/* The parts of a message that are being gathered. */
struct parts {
    struct llm_part *at;
    unsigned n, room;
};

/* A block as it stands; which of its members count, its type says. */
struct block {
    struct view type, text, id, name, input, cache_control, data, signature, thinking;
    uint32_t at; /* of the block in the body */
    struct view media_type, url, source_data, source_type;
    bool has_text, has_source;
    int failed;
    struct parts content; /* of a tool_result */
};

/* "messages[2].content[1].text" */
struct param {
    char text[64];
};

static struct view param_of(const struct anthropic_request_reader *x, struct param *p,
                            const char *field)
{
    snprintf(p->text, sizeof(p->text), "messages[%u].%s", x->message, field);
    return view_str(p->text);
}

static struct llm_part *next_part(struct arena *a, struct parts *parts)
{
    if (parts->n == parts->room) {
        unsigned room = parts->room ? parts->room * 2 : 2;
        struct llm_part *grown = arena_new_array(a, struct llm_part, room);
        if (!grown)
            return NULL;
        if (parts->n)
            memcpy(grown, parts->at, parts->n * sizeof(*grown));
        parts->at = grown;
        parts->room = room;
    }
    struct llm_part *part = &parts->at[parts->n++];
    *part = (struct llm_part){.kind = LLM_PART_TEXT};
    return part;
}

static bool add_text(struct anthropic_request_reader *x, struct parts *parts, struct view text)
{
    struct llm_part *part = next_part(x->a, parts);

    if (!part)
        return anthropic_no_memory(x->err);
    part->text = text;
    return true;
}

/* Passes over what is no string. */
static bool take(struct anthropic_request_reader *x, const char *field, struct view *ret_text)
{
    struct param p;

    if (json_take_null(&x->r))
        return true;
    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, param_of(x, &p, field), "Write a string.", x->err);
    return anthropic_take_string(x, VIEW_NONE, ret_text);
}

/* Base64 may be broken into lines, which other dialects do not take. */
static bool without_space(struct anthropic_request_reader *x, struct view *data)
{
    static const char spaces[] = "\n\r \t";
    size_t n = 0;
    bool any = false;

    for (size_t i = 0; i < sizeof(spaces) - 1; i++)
        any = any || view_find_char(*data, spaces[i]) != VIEW_NPOS;
    if (!any)
        return true;
    char *to = arena_bytes(x->a, data->n);
    if (!to)
        return anthropic_no_memory(x->err);
    for (size_t i = 0; i < data->n; i++)
        if (!memchr(spaces, data->p[i], sizeof(spaces) - 1))
            to[n++] = data->p[i];
    *data = view_of(to, n);
    return true;
}

static bool read_source(struct anthropic_request_reader *x, struct block *b)
{
    struct json_object o;

    if (json_peek(&x->r) != JSON_OBJECT)
        return json_skip(&x->r);
    b->has_source = true;
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "type"))
            ok = take(x, "content.source.type", &b->source_type);
        else if (json_key_is(&o, "media_type"))
            ok = take(x, "content.source.media_type", &b->media_type);
        else if (json_key_is(&o, "data"))
            ok = take(x, "content.source.data", &b->source_data);
        else if (json_key_is(&o, "url"))
            ok = take(x, "content.source.url", &b->url);
        else
            ok = json_skip(&x->r);
        if (!ok)
            return false;
    }
    return !json_failed(&x->r);
}

static bool read_content(struct anthropic_request_reader *x, struct parts *parts, bool nested);

static bool read_block_member(struct anthropic_request_reader *x, const struct json_object *o,
                              struct block *b, bool nested)
{
    struct param p;

    if (json_key_is(o, "type"))
        return take(x, "content.type", &b->type);
    if (json_key_is(o, "text")) {
        b->has_text = json_peek(&x->r) == JSON_STRING;
        return take(x, "content.text", &b->text);
    }
    if (json_key_is(o, "source"))
        return read_source(x, b);
    if (json_key_is(o, "id") || json_key_is(o, "tool_use_id"))
        return take(x, "content.id", &b->id);
    if (json_key_is(o, "name"))
        return take(x, "content.name", &b->name);
    if (json_key_is(o, "input"))
        return anthropic_take_raw(x, &b->input);
    if (json_key_is(o, "content") && !nested) {
        enum json_type type = json_peek(&x->r);
        if (type == JSON_STRING || type == JSON_ARRAY)
            return read_content(x, &b->content, true);
        return json_skip(&x->r);
    }
    if (json_key_is(o, "is_error"))
        return anthropic_take_flag(x, param_of(x, &p, "content.is_error"), &b->failed);
    if (json_key_is(o, "cache_control"))
        return anthropic_take_raw(x, &b->cache_control);
    if (json_key_is(o, "thinking"))
        return take(x, "content.thinking", &b->thinking);
    if (json_key_is(o, "signature"))
        return take(x, "content.signature", &b->signature);
    if (json_key_is(o, "data"))
        return take(x, "content.data", &b->data);
    return json_skip(&x->r);
}

static bool keep_image(struct anthropic_request_reader *x, const struct block *b,
                       struct llm_part *part)
{
    struct param p;

    part->kind = LLM_PART_IMAGE;
    if (!b->has_source)
        return anthropic_missing(x, param_of(x, &p, "content.source"),
                                 "Write where the image comes from.");
    if (view_eq(b->source_type, VIEW("url")) && b->url.n) {
        part->url = b->url;
        return true;
    }
    if (view_eq(b->source_type, VIEW("base64")) && b->source_data.n && b->media_type.n) {
        part->media_type = b->media_type;
        part->data = b->source_data;
        return without_space(x, &part->data);
    }
    if (view_eq(b->source_type, VIEW("base64")) || view_eq(b->source_type, VIEW("url")))
        return anthropic_missing(x, param_of(x, &p, "content.source"),
                                 "Write media_type and data, or url.");
    part->kind = LLM_PART_OTHER; /* a file of the provider's own */
    part->name = VIEW("image");
    return true;
}

/* The text of a result joined by newlines, its images beside it; what else was in it becomes a
 * part behind the result, so that no writer loses it unawares. */
static bool keep_result(struct anthropic_request_reader *x, const struct block *b,
                        struct parts *parts)
{
    const struct parts *content = &b->content;
    struct llm_part *result = &parts->at[parts->n - 1];
    size_t bytes = 0;
    unsigned texts = 0, others = 0, at = parts->n - 1;

    result->kind = LLM_PART_RESULT;
    result->id = b->id;
    result->failed = b->failed == 1;
    for (unsigned i = 0; i < content->n; i++) {
        struct llm_part *part = &content->at[i];
        if (part->kind == LLM_PART_TEXT) {
            bytes += part->text.n + 1;
            texts++;
            result->text = part->text;
        } else if (part->kind == LLM_PART_IMAGE) {
            result->n_images++;
        } else {
            others++;
        }
    }
    if (texts > 1) {
        char *to = arena_bytes(x->a, bytes);
        size_t n = 0;
        if (!to)
            return anthropic_no_memory(x->err);
        for (unsigned i = 0; i < content->n; i++) {
            struct view text = content->at[i].text;
            if (content->at[i].kind != LLM_PART_TEXT)
                continue;
            if (n)
                to[n++] = '\n';
            if (text.n)
                memcpy(to + n, text.p, text.n);
            n += text.n;
        }
        result->text = view_of(to, n);
    }
    if (result->n_images) {
        unsigned n = 0;
        result->images = arena_new_array(x->a, struct llm_part, result->n_images);
        if (!result->images)
            return anthropic_no_memory(x->err);
        for (unsigned i = 0; i < content->n; i++)
            if (content->at[i].kind == LLM_PART_IMAGE)
                result->images[n++] = content->at[i];
    }
    for (unsigned i = 0; others && i < content->n; i++)
        if (content->at[i].kind == LLM_PART_OTHER) {
            struct llm_part *other = next_part(x->a, parts);
            if (!other)
                return anthropic_no_memory(x->err);
            *other = content->at[i];
        }
    parts->at[at].cache_control = b->cache_control;
    return true;
}

static bool keep_call(struct anthropic_request_reader *x, const struct block *b,
                      struct llm_part *part)
{
    struct param p;

    part->kind = LLM_PART_CALL;
    if (!b->id.n || !b->name.n)
        return anthropic_missing(x, param_of(x, &p, b->id.n ? "content.name" : "content.id"),
                                 "A tool_use block has an id, a name and an input.");
    if (!b->input.n || b->input.p[0] != '{')
        return anthropic_missing(x, param_of(x, &p, "content.input"), "Write an object.");
    part->id = b->id;
    part->name = b->name;
    part->arguments = b->input;
    return true;
}

static bool keep_thinking(struct anthropic_request_reader *x, const struct block *b,
                          struct llm_part *part)
{
    part->kind = LLM_PART_THINKING;
    part->redacted = view_eq(b->type, VIEW("redacted_thinking"));
    part->text = b->thinking;
    bool foreign = llm_proof_read(LLM_ANTHROPIC, part->redacted ? b->data : b->signature, part);
    return !foreign || llm_proof_foreign(&x->n, llm_span_from(&x->r, b->at), x->a) ||
           anthropic_no_memory(x->err);
}

static bool keep_block(struct anthropic_request_reader *x, const struct block *b,
                       struct parts *parts, bool nested)
{
    struct llm_part *part = next_part(x->a, parts);
    struct param p;

    if (!part)
        return anthropic_no_memory(x->err);
    part->cache_control = b->cache_control;
    if (view_eq(b->type, VIEW("text"))) {
        part->text = b->text;
        return b->has_text ||
               anthropic_missing(x, param_of(x, &p, "content.text"), "Write the text as a string.");
    }
    if (view_eq(b->type, VIEW("image")))
        return keep_image(x, b, part);
    if (!nested && view_eq(b->type, VIEW("tool_use")))
        return keep_call(x, b, part);
    if (!nested && view_eq(b->type, VIEW("tool_result"))) {
        if (!b->id.n)
            return anthropic_missing(x, param_of(x, &p, "content.tool_use_id"),
                                     "Write the id of the call.");
        return keep_result(x, b, parts);
    }
    if (!nested &&
        (view_eq(b->type, VIEW("thinking")) || view_eq(b->type, VIEW("redacted_thinking"))))
        return keep_thinking(x, b, part);
    if (!b->type.n)
        return anthropic_missing(x, param_of(x, &p, "content.type"),
                                 "Write \"text\", \"image\", \"tool_use\" or \"tool_result\".");
    part->kind = LLM_PART_OTHER;
    part->name = b->type;
    return true;
}

/* A string, or blocks. `nested`: of a tool_result, which holds no further one. */
static bool read_content(struct anthropic_request_reader *x, struct parts *parts, bool nested)
{
    struct json_array array;
    struct view text = VIEW_NONE;
    struct param p;

    if (json_peek(&x->r) == JSON_STRING)
        return anthropic_take_string(x, VIEW_NONE, &text) && add_text(x, parts, text);
    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, param_of(x, &p, "content"),
                                    "Write a string or an array of blocks.", x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array)) {
        struct json_object o;
        struct block b = {.failed = -1};
        if (json_peek(&x->r) != JSON_OBJECT)
            return openai_chat_bad_type(
                &x->r, param_of(x, &p, "content"),
                "Write blocks such as {\"type\":\"text\",\"text\":\"...\"}.", x->err);
        b.at = json_offset(&x->r);
        json_object_begin(&x->r, &o);
        while (json_object_next(&x->r, &o))
            if (!read_block_member(x, &o, &b, nested))
                return false;
        if (json_failed(&x->r) || !keep_block(x, &b, parts, nested))
            return false;
    }
    return !json_failed(&x->r);
}

static bool add_turn(struct anthropic_request_reader *x, enum llm_role role, struct llm_part *parts,
                     unsigned n)
{
    struct llm_neutral *to = &x->n;

    if (to->n_turns == x->room) {
        x->room *= 2;
        struct llm_turn *grown = arena_new_array(x->a, struct llm_turn, x->room);
        if (!grown)
            return anthropic_no_memory(x->err);
        memcpy(grown, to->turns, to->n_turns * sizeof(*grown));
        to->turns = grown;
    }
    to->turns[to->n_turns++] = (struct llm_turn){.role = role, .parts = parts, .n_parts = n};
    return true;
}

/* Results stand in a turn of the user's, directly behind the calls. */
static void name_result(struct llm_part *result, const struct llm_turn *calls)
{
    if (calls->role != LLM_ASSISTANT)
        return;
    for (unsigned i = 0; i < calls->n_parts && i < MAX_LOOK; i++)
        if (calls->parts[i].kind == LLM_PART_CALL && view_eq(calls->parts[i].id, result->id)) {
            result->name = calls->parts[i].name;
            return;
        }
}

/* A message of the user's: each result is a turn of the tool's, all between are the user's. */
static bool split_user(struct anthropic_request_reader *x, const struct parts *parts)
{
    unsigned before = x->n.n_turns - 1; /* the last turn, or the system's empty place */
    unsigned from = 0;

    for (unsigned i = 0; i < parts->n; i++) {
        struct llm_part *part = &parts->at[i];
        if (part->kind != LLM_PART_RESULT)
            continue;
        if (i > from && !add_turn(x, LLM_USER, &parts->at[from], i - from))
            return false;
        name_result(part, &x->n.turns[before]);
        if (!add_turn(x, LLM_TOOL, part, 1))
            return false;
        from = i + 1;
    }
    if (from < parts->n || parts->n == 0)
        return add_turn(x, LLM_USER, parts->n ? &parts->at[from] : NULL, parts->n - from);
    return true;
}

static bool read_role(struct anthropic_request_reader *x, enum llm_role *ret_role)
{
    struct view text = VIEW_NONE;
    struct param p;

    if (!take(x, "role", &text))
        return false;
    if (view_eq(text, VIEW("user")))
        *ret_role = LLM_USER;
    else if (view_eq(text, VIEW("assistant")))
        *ret_role = LLM_ASSISTANT;
    else if (view_eq(text, VIEW("system")))
        *ret_role = LLM_SYSTEM;
    else {
        error_set(x->err, ERROR_BAD_VALUE, "messages[%u].role is not a role that is known.",
                  x->message);
        error_hint(x->err, "Write \"user\" or \"assistant\".");
        return error_param(x->err, param_of(x, &p, "role"));
    }
    return true;
}

static bool read_message(struct anthropic_request_reader *x)
{
    struct json_object o;
    struct parts parts = {.n = 0};
    enum llm_role role = LLM_TOOL;
    bool has_content = false;
    struct param p;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(
            &x->r, VIEW("messages"),
            "Write messages such as {\"role\":\"user\",\"content\":\"...\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "role"))
            ok = read_role(x, &role);
        else if (json_key_is(&o, "content"))
            ok = has_content = read_content(x, &parts, false);
        else
            ok = json_skip(&x->r);
        if (!ok)
            return false;
    }
    if (json_failed(&x->r))
        return false;
    if (role == LLM_TOOL)
        return anthropic_missing(x, param_of(x, &p, "role"), "Write \"user\" or \"assistant\".");
    if (!has_content)
        return anthropic_missing(x, param_of(x, &p, "content"),
                                 "Write a string or an array of blocks.");
    return role == LLM_USER ? split_user(x, &parts) : add_turn(x, role, parts.at, parts.n);
}

bool anthropic_read_messages(struct anthropic_request_reader *x)
{
    static const char want[] = "Write an array with at least one message.";
    struct json_array array;

    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("messages"), want, x->err);
    x->has_messages = true;
    x->room = 8;
    x->n.turns = arena_new_array(x->a, struct llm_turn, x->room);
    if (!x->n.turns)
        return anthropic_no_memory(x->err);
    x->n.n_turns = 1; /* the system's place */
    json_array_begin(&x->r, &array);
    for (x->message = 0; json_array_next(&x->r, &array); x->message++)
        if (!read_message(x))
            return false;
    if (json_failed(&x->r))
        return false;
    if (x->message > 0)
        return true;
    error_set(x->err, ERROR_BAD_VALUE, "messages is an empty array.");
    error_hint(x->err, want);
    return error_param(x->err, VIEW("messages"));
}

bool anthropic_read_system(struct anthropic_request_reader *x)
{
    struct parts parts = {.n = 0};
    enum json_type type = json_peek(&x->r);

    if (json_take_null(&x->r))
        return true;
    if (type != JSON_STRING && type != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("system"), "Write a string or text blocks.",
                                    x->err);
    if (!read_content(x, &parts, true))
        return json_failed(&x->r) ? false : error_param(x->err, VIEW("system"));
    x->system = (struct llm_turn){.role = LLM_SYSTEM, .parts = parts.at, .n_parts = parts.n};
    return true;
}
