/* The `input` of a request: items become turns. */
#include "llm/openai_chat.h"
#include "llm/proof.h"
#include "llm/responses.h"

#include <stdio.h>

/* A result's call is looked for among so many parts before it. */
#define MAX_LOOK_BACK 512

/* One item, its members in whatever order they came. */
struct item {
    struct view type, role, id, call_id, name, arguments, encrypted;
    struct llm_span span;  /* in the body */
    struct json_text text; /* `content` or `output` as a string */
    bool has_text, has_role, has_call_id, has_name, has_arguments;
    struct view content, output, summary; /* as arrays, raw */
    struct view cache_control;
};

/* One part of a content array. */
struct part {
    struct view type, text, refusal, image_url, file_id, detail;
    bool has_text;
};

struct param {
    char text[64];
};

static struct view param_of(struct param *p, const struct responses_input *x, const char *field)
{
    snprintf(p->text, sizeof(p->text), "input[%u]%s%s", x->index, *field ? "." : "", field);
    return view_str(p->text);
}

static bool refuse(struct responses_input *x, const char *field, const char *text, const char *hint)
{
    struct param p;

    return responses_bad(x->err, param_of(&p, x, field), text, hint);
}

/* The string or null that comes next. */
static bool take(struct responses_input *x, struct json_reader *r, const char *field,
                 struct view *ret_text)
{
    struct json_text text;

    if (json_take_null(r))
        return true;
    if (json_peek(r) != JSON_STRING)
        return json_skip(r) && refuse(x, field, "is not a string.", "Write a string.");
    if (!json_string(r, &text))
        return false;
    *ret_text = json_decode(text, x->a);
    return true;
}

struct llm_turn *responses_add_turn(struct responses_input *x, enum llm_role role)
{
    struct llm_neutral *n = x->n;

    if (n->n_turns == x->room_turns) {
        unsigned more = x->room_turns ? x->room_turns * 2 : 8;
        struct llm_turn *grown = arena_new_array(x->a, struct llm_turn, more);
        if (!grown) {
            responses_no_memory(x->err);
            return NULL;
        }
        if (n->n_turns)
            memcpy(grown, n->turns, n->n_turns * sizeof(*grown));
        n->turns = grown;
        x->room_turns = more;
    }
    x->room_parts = 0;
    n->turns[n->n_turns].role = role;
    return &n->turns[n->n_turns++];
}

struct llm_part *responses_add_part(struct responses_input *x, enum llm_part_kind kind)
{
    struct llm_turn *turn = &x->n->turns[x->n->n_turns - 1];

    if (turn->n_parts == x->room_parts) {
        unsigned more = x->room_parts ? x->room_parts * 2 : 1;
        struct llm_part *grown = arena_new_array(x->a, struct llm_part, more);
        if (!grown) {
            responses_no_memory(x->err);
            return NULL;
        }
        if (turn->n_parts)
            memcpy(grown, turn->parts, turn->n_parts * sizeof(*grown));
        turn->parts = grown;
        x->room_parts = more;
    }
    turn->parts[turn->n_parts].kind = kind;
    return &turn->parts[turn->n_parts++];
}

/* An address, or "data:image/png;base64,..." taken apart. */
static bool set_image(struct llm_part *to, const struct part *from)
{
    struct view url = from->image_url;

    to->detail = from->detail;
    if (!view_starts(url, VIEW("data:"))) {
        to->url = url;
        return url.n > 0;
    }
    struct view rest = view_skip(url, 5);
    struct view head = view_cut(&rest, ',');
    if (!view_ends(head, VIEW(";base64")))
        return false;
    head.n -= sizeof(";base64") - 1;
    to->media_type = view_cut(&head, ';');
    to->data = rest;
    return to->media_type.n > 0 && rest.n > 0;
}

static bool read_part_members(struct responses_input *x, struct json_reader *r, struct part *part)
{
    struct json_object o;
    bool ok = true;

    if (json_peek(r) != JSON_OBJECT)
        return json_skip(r) && refuse(x, "content", "holds a part that is no object.",
                                      "Write {\"type\":\"input_text\",\"text\":\"...\"}.");
    json_object_begin(r, &o);
    while (ok && json_object_next(r, &o)) {
        if (json_key_is(&o, "type")) {
            ok = take(x, r, "content.type", &part->type);
        } else if (json_key_is(&o, "text")) {
            part->has_text = json_peek(r) == JSON_STRING;
            ok = take(x, r, "content.text", &part->text);
        } else if (json_key_is(&o, "refusal")) {
            ok = take(x, r, "content.refusal", &part->refusal);
        } else if (json_key_is(&o, "image_url")) {
            ok = take(x, r, "content.image_url", &part->image_url);
        } else if (json_key_is(&o, "file_id")) {
            ok = take(x, r, "content.file_id", &part->file_id);
        } else if (json_key_is(&o, "detail")) {
            ok = take(x, r, "content.detail", &part->detail);
        } else {
            ok = json_skip(r);
        }
    }
    return ok && !json_failed(r);
}

static bool is_text(struct view type)
{
    return view_eq(type, VIEW("input_text")) || view_eq(type, VIEW("output_text")) ||
           view_eq(type, VIEW("text")) || view_eq(type, VIEW("summary_text")) ||
           view_eq(type, VIEW("reasoning_text"));
}

static bool add_content_part(struct responses_input *x, const struct part *part)
{
    struct llm_part *to;

    if (is_text(part->type)) {
        if (!part->has_text)
            return refuse(x, "content.text", "is missing.", "Write the text as a string.");
        to = responses_add_part(x, LLM_PART_TEXT);
        if (to)
            to->text = part->text;
    } else if (view_eq(part->type, VIEW("refusal"))) {
        to = responses_add_part(x, LLM_PART_REFUSAL);
        if (to)
            to->text = part->refusal;
    } else if (view_eq(part->type, VIEW("input_image")) && part->image_url.n) {
        to = responses_add_part(x, LLM_PART_IMAGE);
        if (to && !set_image(to, part))
            return refuse(x, "content.image_url", "is neither an address nor base64 data.",
                          "Write https://... or data:image/png;base64,...");
    } else if (part->type.n) { /* files, audio, images that were uploaded before */
        to = responses_add_part(x, LLM_PART_OTHER);
        if (to)
            to->name = part->type;
    } else {
        return refuse(x, "content.type", "is missing.",
                      "Write \"input_text\", \"input_image\" or \"output_text\".");
    }
    return to != NULL;
}

static bool read_content(struct responses_input *x, const struct item *item)
{
    struct json_reader r;
    struct json_array array;

    if (item->has_text) {
        struct llm_part *part = responses_add_part(x, LLM_PART_TEXT);
        if (part)
            part->text = json_decode(item->text, x->a);
        return part != NULL;
    }
    json_begin(&r, item->content);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array)) {
        struct part part = {.has_text = false};
        if (!read_part_members(x, &r, &part))
            return json_failed(&r) ? json_error(&r, x->err) : false;
        if (!add_content_part(x, &part))
            return false;
    }
    return json_failed(&r) ? json_error(&r, x->err) : true;
}

/* Room for the whole array is room for its texts and what stands between them. */
struct joined {
    char *to;
    size_t n;
    unsigned count;
};

static void join(struct joined *j, struct view text)
{
    if (j->count++)
        j->to[j->n++] = '\n';
    if (text.n)
        memcpy(j->to + j->n, text.p, text.n);
    j->n += text.n;
}

/* Text parts of an array in one text; images, when the caller takes them, into `result`. */
static bool read_joined(struct responses_input *x, struct view array, struct llm_part *result,
                        struct view *ret_text)
{
    struct json_reader r;
    struct json_array parts;
    struct joined j = {.to = arena_bytes(x->a, array.n + 1)};
    unsigned room = 0;

    if (!j.to)
        return responses_no_memory(x->err);
    json_begin(&r, array);
    json_array_begin(&r, &parts);
    while (json_array_next(&r, &parts)) {
        struct part part = {.has_text = false};
        if (!read_part_members(x, &r, &part))
            return json_failed(&r) ? json_error(&r, x->err) : false;
        if (is_text(part.type)) {
            join(&j, part.text);
        } else if (result && view_eq(part.type, VIEW("input_image"))) {
            if (result->n_images == room) {
                unsigned more = room ? room * 2 : 1;
                struct llm_part *grown = arena_new_array(x->a, struct llm_part, more);
                if (!grown)
                    return responses_no_memory(x->err);
                if (room)
                    memcpy(grown, result->images, room * sizeof(*grown));
                result->images = grown;
                room = more;
            }
            struct llm_part *image = &result->images[result->n_images++];
            image->kind = LLM_PART_IMAGE;
            if (!set_image(image, &part))
                return refuse(x, "output.image_url", "is neither an address nor base64 data.",
                              "Write https://... or data:image/png;base64,...");
        } else {
            return refuse(x, "output", "holds a part that is neither text nor an image.",
                          "Write input_text and input_image parts.");
        }
    }
    if (json_failed(&r))
        return json_error(&r, x->err);
    *ret_text = view_of(j.to, j.n);
    return true;
}

static bool read_item_member(struct responses_input *x, struct json_reader *r,
                             const struct json_object *o, struct item *item)
{
    if (json_key_is(o, "type"))
        return take(x, r, "type", &item->type);
    if (json_key_is(o, "role")) {
        item->has_role = true;
        return take(x, r, "role", &item->role);
    }
    if (json_key_is(o, "content") || json_key_is(o, "output")) {
        struct view *raw = json_key_is(o, "content") ? &item->content : &item->output;
        enum json_type type = json_peek(r);
        if (type == JSON_STRING) {
            item->has_text = true;
            return json_string(r, &item->text);
        }
        return type == JSON_ARRAY ? json_value(r, raw) : json_skip(r);
    }
    if (json_key_is(o, "summary"))
        return json_peek(r) == JSON_ARRAY ? json_value(r, &item->summary) : json_skip(r);
    if (json_key_is(o, "id"))
        return take(x, r, "id", &item->id);
    if (json_key_is(o, "call_id")) {
        item->has_call_id = true;
        return take(x, r, "call_id", &item->call_id);
    }
    if (json_key_is(o, "name")) {
        item->has_name = true;
        return take(x, r, "name", &item->name);
    }
    if (json_key_is(o, "arguments")) {
        item->has_arguments = json_peek(r) == JSON_STRING;
        return item->has_arguments ? take(x, r, "arguments", &item->arguments) : json_skip(r);
    }
    if (json_key_is(o, "encrypted_content"))
        return take(x, r, "encrypted_content", &item->encrypted);
    return json_skip(r);
}

/* The kind of what stands last in the assistant's open turn; LLM_PART_OTHER: no such turn. */
static enum llm_part_kind last_of_assistant(const struct responses_input *x)
{
    const struct llm_turn *turn = x->n->n_turns ? &x->n->turns[x->n->n_turns - 1] : NULL;

    if (!turn || turn->role != LLM_ASSISTANT || !turn->n_parts)
        return LLM_PART_OTHER;
    return turn->parts[turn->n_parts - 1].kind;
}

/* One answer of a model came as several items (reasoning, a message, calls): they are one turn. */
static bool assistant_turn(struct responses_input *x, bool message)
{
    enum llm_part_kind last = last_of_assistant(x);

    if (message ? last == LLM_PART_THINKING || last == LLM_PART_CALL : last != LLM_PART_OTHER)
        return true;
    return responses_add_turn(x, LLM_ASSISTANT) != NULL;
}

static bool add_message(struct responses_input *x, const struct item *item)
{
    struct view role = item->role;
    bool ok;

    if (view_eq(role, VIEW("user")))
        ok = responses_add_turn(x, LLM_USER) != NULL;
    else if (view_eq(role, VIEW("assistant")))
        ok = assistant_turn(x, true);
    else if (view_eq(role, VIEW("system")) || view_eq(role, VIEW("developer")))
        ok = responses_add_turn(x, LLM_SYSTEM) != NULL;
    else
        return refuse(x, "role", "is not a role that is known.",
                      "Write \"user\", \"assistant\", \"system\" or \"developer\".");
    if (!item->has_text && !item->content.n)
        return refuse(x, "content", "is missing.", "Write a string or an array of parts.");
    return ok && read_content(x, item);
}

static bool add_call(struct responses_input *x, const struct item *item)
{
    if (!item->call_id.n)
        return refuse(x, "call_id", "is missing.", "Write the id of the call as a string.");
    if (!item->name.n)
        return refuse(x, "name", "is missing.", "Write the name of the function as a string.");
    if (!item->has_arguments)
        return refuse(x, "arguments", "is not a string.", "Write the arguments as JSON text.");
    if (!assistant_turn(x, false))
        return false;
    struct llm_part *part = responses_add_part(x, LLM_PART_CALL);
    if (!part)
        return false;
    part->id = item->call_id;
    part->name = item->name;
    part->arguments = item->arguments;
    return true;
}

static struct view name_of_call(const struct llm_neutral *n, struct view id)
{
    unsigned looked = 0;

    for (unsigned t = n->n_turns; t-- > 0 && looked < MAX_LOOK_BACK; looked++)
        for (unsigned p = n->turns[t].n_parts; p-- > 0 && looked < MAX_LOOK_BACK; looked++)
            if (n->turns[t].parts[p].kind == LLM_PART_CALL && view_eq(n->turns[t].parts[p].id, id))
                return n->turns[t].parts[p].name;
    return VIEW_NONE;
}

static bool add_result(struct responses_input *x, const struct item *item)
{
    if (!item->call_id.n)
        return refuse(x, "call_id", "is missing.", "Write the id of the call that it answers.");
    if (!item->has_text && !item->output.n)
        return refuse(x, "output", "is missing.", "Write a string or an array of parts.");
    struct view name = name_of_call(x->n, item->call_id);
    if (!responses_add_turn(x, LLM_TOOL))
        return false;
    struct llm_part *part = responses_add_part(x, LLM_PART_RESULT);
    if (!part)
        return false;
    part->id = item->call_id;
    part->name = name;
    if (!item->has_text)
        return read_joined(x, item->output, part, &part->text);
    part->text = json_decode(item->text, x->a);
    return true;
}

static bool add_reasoning(struct responses_input *x, const struct item *item)
{
    struct view text = VIEW_NONE;

    if (item->has_text)
        text = json_decode(item->text, x->a);
    else if (item->content.n && !read_joined(x, item->content, NULL, &text))
        return false;
    if (!text.n && item->summary.n && !read_joined(x, item->summary, NULL, &text))
        return false;
    if (!text.n && !item->encrypted.n) /* its text was never told */
        return true;
    if (!assistant_turn(x, false))
        return false;
    struct llm_part *part = responses_add_part(x, LLM_PART_THINKING);
    if (!part)
        return false;
    part->id = item->id;
    part->text = text;
    part->redacted = !text.n;
    return !llm_proof_read(LLM_OPENAI_RESPONSES, item->encrypted, part) ||
           llm_proof_foreign(x->n, item->span, x->a) || responses_no_memory(x->err);
}

/* What only this dialect knows: calls of the provider's own tools, and what they gave. */
static bool add_other(struct responses_input *x, const struct item *item)
{
    bool output = view_ends(item->type, VIEW("_output"));
    bool ok = output ? responses_add_turn(x, LLM_TOOL) != NULL : assistant_turn(x, false);
    struct llm_part *part = ok ? responses_add_part(x, LLM_PART_OTHER) : NULL;

    if (part)
        part->name = item->type;
    return part != NULL;
}

static bool add_item(struct responses_input *x, const struct item *item)
{
    if (view_eq(item->type, VIEW("message")) || (!item->type.n && item->has_role))
        return add_message(x, item);
    if (view_eq(item->type, VIEW("function_call")))
        return add_call(x, item);
    if (view_eq(item->type, VIEW("function_call_output")))
        return add_result(x, item);
    if (view_eq(item->type, VIEW("reasoning")))
        return add_reasoning(x, item);
    if (view_eq(item->type, VIEW("item_reference")) || (!item->type.n && item->id.n))
        return refuse(x, "", "refers to a stored item, and no items are stored here.",
                      "Send the item itself.");
    if (!item->type.n)
        return refuse(x, "role", "is missing.",
                      "Write {\"role\":\"user\",\"content\":\"...\"}, or an item's type.");
    return add_other(x, item);
}

static bool read_item(struct responses_input *x, struct json_reader *r)
{
    struct json_object o;
    struct item item = {.has_text = false};
    bool ok = true;

    if (json_peek(r) != JSON_OBJECT)
        return json_skip(r) &&
               refuse(x, "", "is not an object.", "Write {\"role\":\"user\",\"content\":\"...\"}.");
    uint32_t at = json_offset(r);
    json_object_begin(r, &o);
    while (ok && json_object_next(r, &o))
        ok = read_item_member(x, r, &o, &item);
    item.span = llm_span_from(r, at);
    return ok && !json_failed(r) && add_item(x, &item);
}

bool responses_input_read(struct responses_input *x, struct json_reader *r)
{
    struct json_array array;
    struct json_text text;

    if (json_peek(r) == JSON_STRING) {
        if (!json_string(r, &text) || !responses_add_turn(x, LLM_USER))
            return false;
        struct llm_part *part = responses_add_part(x, LLM_PART_TEXT);
        if (part)
            part->text = json_decode(text, x->a);
        return part != NULL;
    }
    if (json_peek(r) != JSON_ARRAY)
        return json_skip(r) && responses_bad(x->err, VIEW("input"), "is neither text nor an array.",
                                             "Write a string or an array of items.");
    json_array_begin(r, &array);
    for (; json_array_next(r, &array); x->index++)
        if (!read_item(x, r))
            return false;
    if (json_failed(r))
        return false;
    return x->index > 0 || responses_bad(x->err, VIEW("input"), "is an empty array.",
                                         "Write an array with at least one item.");
}
