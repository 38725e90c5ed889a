/* The messages of a chat request, read into turns. */
#include "llm/openai_chat_turns.h"

#include <stdio.h>

/* How far back the call of a tool's result is looked for. */
#define MAX_TURNS_BACK 64

struct view turn_param(struct turn_reader *t, const char *field)
{
    struct neutral_reader *x = t->x;

    snprintf(x->param, sizeof(x->param), "messages[%u].%s", x->out->n_turns - 1, field);
    return view_str(x->param);
}

bool turn_string(struct turn_reader *t, const char *field, struct view *ret_text)
{
    bool plain = json_peek(&t->x->r) == JSON_STRING;

    return neutral_string(t->x, plain ? VIEW("messages") : turn_param(t, field), ret_text);
}

static struct llm_part *add_part(struct turn_reader *t, enum llm_part_kind kind)
{
    void *parts = t->turn->parts;

    if (!neutral_grow(t->x, &parts, t->turn->n_parts, &t->room, sizeof(struct llm_part)))
        return NULL;
    t->turn->parts = parts;
    struct llm_part *part = &t->turn->parts[t->turn->n_parts++];
    *part = (struct llm_part){.kind = kind};
    return part;
}

/* ---- content --------------------------------------------------------------------------------- */

/* "data:image/png;base64,...": by data; all else by address. */
static void set_image(struct llm_part *part, struct view url)
{
    struct view rest = url, mark = VIEW(";base64");

    part->kind = LLM_PART_IMAGE;
    if (view_starts(url, VIEW("data:")) && view_find_char(url, ',') != VIEW_NPOS) {
        struct view head = view_skip(view_cut(&rest, ','), 5);
        if (view_ends(head, mark)) {
            head.n -= mark.n;
            part->media_type = view_cut(&head, ';');
            part->data = rest;
            return;
        }
    }
    part->url = url;
}

static bool read_image(struct turn_reader *t, struct llm_part *part, struct view *ret_url)
{
    struct neutral_reader *x = t->x;
    struct json_object o;
    bool ok = true;

    if (json_peek(&x->r) != JSON_OBJECT) /* some clients write the address alone */
        return turn_string(t, "content.image_url", ret_url);
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "url"))
            ok = turn_string(t, "content.image_url.url", ret_url);
        else if (json_key_is(&o, "detail"))
            ok = turn_string(t, "content.image_url.detail", &part->detail);
        else
            ok = json_skip(&x->r);
    }
    return ok && !json_failed(&x->r);
}

static bool set_part(struct turn_reader *t, struct llm_part *part, struct view type,
                     struct view refusal, struct view url)
{
    if (view_eq(type, VIEW("text"))) {
        part->kind = LLM_PART_TEXT;
    } else if (view_eq(type, VIEW("refusal"))) {
        part->kind = LLM_PART_REFUSAL;
        part->text = refusal;
    } else if (view_eq(type, VIEW("image_url")) || view_eq(type, VIEW("input_image"))) {
        if (!url.n)
            return neutral_bad(t->x, turn_param(t, "content.image_url.url"), "is missing",
                               "Write the address of the image, or a data: URL.");
        set_image(part, url);
    } else if (type.n) {
        part->kind = LLM_PART_OTHER;
        part->name = type;
    } else {
        return neutral_bad(t->x, turn_param(t, "content.type"), "is missing",
                           "Write \"text\", \"image_url\", \"input_audio\" or \"file\".");
    }
    return true;
}

static bool read_part(struct turn_reader *t)
{
    struct neutral_reader *x = t->x;
    struct json_object o;
    struct view type = VIEW_NONE, refusal = VIEW_NONE, url = VIEW_NONE;
    bool ok = true;

    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(&x->r, turn_param(t, "content"),
                                    "Write a part such as {\"type\":\"text\",\"text\":\"...\"}.",
                                    x->err);
    struct llm_part *part = add_part(t, LLM_PART_TEXT);
    if (!part)
        return false;
    json_object_begin(&x->r, &o);
    while (ok && json_object_next(&x->r, &o)) {
        if (json_key_is(&o, "type"))
            ok = turn_string(t, "content.type", &type);
        else if (json_key_is(&o, "text"))
            ok = turn_string(t, "content.text", &part->text);
        else if (json_key_is(&o, "refusal"))
            ok = turn_string(t, "content.refusal", &refusal);
        else if (json_key_is(&o, "image_url"))
            ok = read_image(t, part, &url);
        else if (json_key_is(&o, "cache_control"))
            ok = json_value(&x->r, &part->cache_control);
        else
            ok = json_skip(&x->r);
    }
    return ok && !json_failed(&x->r) && set_part(t, part, type, refusal, url);
}

static bool read_content(struct turn_reader *t)
{
    struct neutral_reader *x = t->x;
    struct json_array array;
    struct llm_part *part;

    switch ((int)json_peek(&x->r)) {
    case JSON_NULL:
        return json_skip(&x->r);
    case JSON_STRING:
        part = add_part(t, LLM_PART_TEXT);
        if (!part || !neutral_string(x, VIEW("content"), &part->text))
            return false;
        if (!part->text.n)
            t->turn->n_parts--;
        return true;
    case JSON_ARRAY:
        break;
    default:
        return openai_chat_bad_type(&x->r, turn_param(t, "content"),
                                    "Write a string or an array of parts.", x->err);
    }
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array))
        if (!read_part(t))
            return false;
    return !json_failed(&x->r);
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool read_role(struct turn_reader *t)
{
    static const struct {
        struct view name;
        enum llm_role role;
    } roles[] = {
        {VIEW_LIT("user"), LLM_USER},        {VIEW_LIT("assistant"), LLM_ASSISTANT},
        {VIEW_LIT("system"), LLM_SYSTEM},    {VIEW_LIT("tool"), LLM_TOOL},
        {VIEW_LIT("developer"), LLM_SYSTEM}, {VIEW_LIT("function"), LLM_TOOL},
    };
    static const char want[] =
        "Write \"system\", \"developer\", \"user\", \"assistant\" or \"tool\".";
    struct neutral_reader *x = t->x;
    struct view text = VIEW_NONE;

    if (json_peek(&x->r) != JSON_STRING)
        return openai_chat_bad_type(&x->r, turn_param(t, "role"), want, x->err);
    if (!neutral_string(x, VIEW("role"), &text))
        return false;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (view_eq(text, roles[i].name)) {
            t->turn->role = roles[i].role;
            t->function = view_eq(text, VIEW("function"));
            t->has_role = true;
            return true;
        }
    return neutral_bad(x, turn_param(t, "role"), "is not a role that is known", want);
}

static bool read_member(struct turn_reader *t, const struct json_object *o)
{
    struct neutral_reader *x = t->x;

    if (json_key_is(o, "role"))
        return read_role(t);
    if (json_key_is(o, "content"))
        return t->has_content = read_content(t);
    if (json_key_is(o, "name"))
        return turn_string(t, "name", &t->name);
    if (json_key_is(o, "tool_call_id"))
        return turn_string(t, "tool_call_id", &t->tool_call_id);
    if (json_key_is(o, "tool_calls"))
        return turn_calls(t);
    if (json_key_is(o, "function_call"))
        return turn_function_call(t);
    if (json_key_is(o, "refusal"))
        return turn_string(t, "refusal", &t->refusal);
    if ((json_key_is(o, "reasoning_content") || json_key_is(o, "reasoning")) &&
        json_peek(&x->r) == JSON_STRING)
        return turn_string(t, "reasoning_content", &t->reasoning);
    if (json_key_is(o, "audio"))
        t->has_audio = json_peek(&x->r) != JSON_NULL;
    return json_skip(&x->r);
}

/* The function whose call has this id, in the turns before. */
static struct view name_of(const struct llm_neutral *out, struct view id)
{
    unsigned last = out->n_turns - 1;

    for (unsigned back = 1; back <= last && back <= MAX_TURNS_BACK; back++) {
        const struct llm_turn *turn = &out->turns[last - back];
        for (unsigned i = turn->role == LLM_ASSISTANT ? turn->n_parts : 0; i-- > 0;)
            if (turn->parts[i].kind == LLM_PART_CALL && view_eq(turn->parts[i].id, id))
                return turn->parts[i].name;
    }
    return VIEW_NONE;
}

static bool join_texts(struct turn_reader *t, struct llm_part *result)
{
    const struct llm_turn *turn = t->turn;
    size_t bytes = 0, at = 0;
    unsigned texts = 0;

    for (unsigned i = 0; i < turn->n_parts; i++) {
        if (turn->parts[i].kind != LLM_PART_TEXT)
            continue;
        result->text = turn->parts[i].text;
        bytes += turn->parts[i].text.n + 1;
        texts++;
    }
    if (texts < 2)
        return true;
    char *to = arena_bytes(t->x->a, bytes);
    if (!to)
        return neutral_no_memory(t->x);
    for (unsigned i = 0; i < turn->n_parts; i++) {
        struct view text = turn->parts[i].text;
        if (turn->parts[i].kind != LLM_PART_TEXT)
            continue;
        if (at)
            to[at++] = '\n';
        if (text.n)
            memcpy(to + at, text.p, text.n);
        at += text.n;
    }
    result->text = view_of(to, at);
    return true;
}

/* A tool's message is one result: its texts joined, its images in it; what else stood there stays
 * beside it. */
static bool fold_result(struct turn_reader *t)
{
    struct llm_turn *turn = t->turn;
    struct llm_part *parts = arena_new_array(t->x->a, struct llm_part, turn->n_parts + 1u);
    struct llm_part *images = arena_new_array(t->x->a, struct llm_part, turn->n_parts + 1u);
    unsigned n = 1;

    if (!parts || !images)
        return neutral_no_memory(t->x);
    parts[0] = (struct llm_part){.kind = LLM_PART_RESULT, .id = t->tool_call_id, .images = images};
    parts[0].name = t->name.n ? t->name : name_of(t->x->out, t->tool_call_id);
    if (!join_texts(t, &parts[0]))
        return false;
    for (unsigned i = 0; i < turn->n_parts; i++) {
        if (turn->parts[i].cache_control.n)
            parts[0].cache_control = turn->parts[i].cache_control;
        if (turn->parts[i].kind == LLM_PART_IMAGE)
            images[parts[0].n_images++] = turn->parts[i];
        else if (turn->parts[i].kind != LLM_PART_TEXT)
            parts[n++] = turn->parts[i];
    }
    turn->parts = parts;
    turn->n_parts = n;
    return true;
}

/* Reasoning before the content, calls behind it. */
static bool order_parts(struct turn_reader *t)
{
    struct llm_turn *turn = t->turn;
    unsigned n = 0, extra = (t->reasoning.n > 0) + (t->refusal.n > 0) + t->has_audio;

    if (extra + t->n_calls == 0)
        return true;
    struct llm_part *parts =
        arena_new_array(t->x->a, struct llm_part, (size_t)turn->n_parts + t->n_calls + extra);
    if (!parts)
        return neutral_no_memory(t->x);
    if (t->reasoning.n)
        parts[n++] = (struct llm_part){.kind = LLM_PART_THINKING, .text = t->reasoning};
    for (unsigned i = 0; i < turn->n_parts; i++)
        parts[n++] = turn->parts[i];
    if (t->refusal.n)
        parts[n++] = (struct llm_part){.kind = LLM_PART_REFUSAL, .text = t->refusal};
    if (t->has_audio)
        parts[n++] = (struct llm_part){.kind = LLM_PART_OTHER, .name = VIEW("audio")};
    for (unsigned i = 0; i < t->n_calls; i++)
        parts[n++] = t->calls[i];
    turn->parts = parts;
    turn->n_parts = n;
    return true;
}

static bool missing(struct turn_reader *t, const char *field, const char *hint)
{
    struct view param = turn_param(t, field);

    error_set(t->x->err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(t->x->err, "%s", hint);
    return error_param(t->x->err, param);
}

static bool finish_turn(struct turn_reader *t)
{
    if (!t->has_role)
        return missing(t, "role", "Write \"system\", \"user\", \"assistant\" or \"tool\".");
    if (t->turn->role == LLM_ASSISTANT) {
        t->turn->name = t->name;
        return order_parts(t);
    }
    if (!t->has_content)
        return missing(t, "content", "Write a string or an array of parts.");
    if (t->turn->role == LLM_TOOL) {
        if (!t->function && !t->tool_call_id.n)
            return missing(t, "tool_call_id", "Write the id of the call that is answered.");
        return fold_result(t);
    }
    t->turn->name = t->name;
    return true;
}

static bool read_message(struct neutral_reader *x)
{
    void *turns = x->out->turns;
    struct turn_reader t = {.x = x};
    struct json_object o;

    if (!neutral_grow(x, &turns, x->out->n_turns, &x->room_turns, sizeof(struct llm_turn)))
        return false;
    x->out->turns = turns;
    t.turn = &x->out->turns[x->out->n_turns++];
    *t.turn = (struct llm_turn){.role = LLM_USER};
    if (json_peek(&x->r) != JSON_OBJECT)
        return openai_chat_bad_type(
            &x->r, VIEW("messages"),
            "Write a message such as {\"role\":\"user\",\"content\":\"...\"}.", x->err);
    json_object_begin(&x->r, &o);
    while (json_object_next(&x->r, &o))
        if (!read_member(&t, &o))
            return false;
    return !json_failed(&x->r) && finish_turn(&t);
}

bool neutral_messages(struct neutral_reader *x)
{
    static const char want[] = "Write an array with at least one message.";
    struct json_array array;

    if (json_peek(&x->r) != JSON_ARRAY)
        return openai_chat_bad_type(&x->r, VIEW("messages"), want, x->err);
    json_array_begin(&x->r, &array);
    while (json_array_next(&x->r, &array))
        if (!read_message(x))
            return false;
    if (json_failed(&x->r))
        return false;
    return x->out->n_turns || neutral_bad(x, VIEW("messages"), "is an empty array", want);
}
