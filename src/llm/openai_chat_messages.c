#include "llm/openai_chat.h"

#include <stdio.h>

/* One string of a content array. */
struct piece {
    struct json_text text;
    struct piece *next;
};

struct message_reader {
    struct json_reader *r;
    struct arena *a;
    struct error *err;
    unsigned index; /* of the message */
    struct llm_message *message;
    struct piece *pieces, **tail;
    unsigned n_pieces;
    size_t bytes;
};

/* "messages[2].content" */
struct param {
    char text[64];
};

static struct view param_of(struct param *p, const struct message_reader *m, const char *field)
{
    snprintf(p->text, sizeof(p->text), "messages[%u]%s%s", m->index, *field ? "." : "", field);
    return view_str(p->text);
}

static struct view part_param(struct param *p, const struct message_reader *m, unsigned part,
                              const char *field)
{
    snprintf(p->text, sizeof(p->text), "messages[%u].content[%u]%s%s", m->index, part,
             *field ? "." : "", field);
    return view_str(p->text);
}

static bool missing(struct message_reader *m, struct view param, const char *hint)
{
    error_set(m->err, ERROR_MISSING_VALUE, "%.*s is missing.", VIEW_ARG(param));
    error_hint(m->err, "%s", hint);
    return error_param(m->err, param);
}

static bool no_memory(struct error *err)
{
    error_set(err, ERROR_NO_MEMORY, "The request needs more memory than one exchange may use.");
    return error_hint(err, "Send a shorter request.");
}

static bool add_piece(struct message_reader *m, struct json_text text)
{
    struct piece *p = arena_new_of(m->a, struct piece);
    if (!p)
        return no_memory(m->err);
    p->text = text;
    *m->tail = p;
    m->tail = &p->next;
    m->n_pieces++;
    m->bytes += text.raw.n + 1;
    return true;
}

static bool join_pieces(struct message_reader *m)
{
    if (m->n_pieces == 0)
        return true;
    if (m->n_pieces == 1) {
        m->message->text = json_decode(m->pieces->text, m->a);
        return !arena_failed(m->a) || no_memory(m->err);
    }
    char *to = arena_bytes(m->a, m->bytes);
    if (!to)
        return no_memory(m->err);
    size_t n = 0;
    for (const struct piece *p = m->pieces; p; p = p->next) {
        if (n > 0)
            to[n++] = '\n';
        n += json_decode_to(to + n, p->text);
    }
    m->message->text = view_of(to, n);
    return true;
}

static bool is_image(struct json_text type)
{
    return json_text_eq(type, VIEW("image_url")) || json_text_eq(type, VIEW("input_image")) ||
           json_text_eq(type, VIEW("image_embeds"));
}

struct part {
    struct json_text type, text, refusal;
    bool has_type, has_text, has_refusal;
};

static bool read_part_string(struct message_reader *m, unsigned index, const char *field,
                             struct json_text *ret_text, bool *ret_has)
{
    struct param p;

    if (json_take_null(m->r))
        return true;
    if (json_peek(m->r) != JSON_STRING)
        return openai_chat_bad_type(m->r, part_param(&p, m, index, field), "Write a string.",
                                    m->err);
    *ret_has = true;
    return json_string(m->r, ret_text);
}

/* One element of a content array; types that are not known pass. */
static bool read_part(struct message_reader *m, unsigned index)
{
    struct json_object o;
    struct part part = {.has_type = false};
    struct param p;

    if (json_peek(m->r) != JSON_OBJECT)
        return openai_chat_bad_type(m->r, part_param(&p, m, index, ""),
                                    "Write a part such as {\"type\":\"text\",\"text\":\"...\"}.",
                                    m->err);
    json_object_begin(m->r, &o);
    while (json_object_next(m->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "type"))
            ok = read_part_string(m, index, "type", &part.type, &part.has_type);
        else if (json_key_is(&o, "text"))
            ok = read_part_string(m, index, "text", &part.text, &part.has_text);
        else if (json_key_is(&o, "refusal"))
            ok = read_part_string(m, index, "refusal", &part.refusal, &part.has_refusal);
        else
            ok = json_skip(m->r);
        if (!ok)
            return false;
    }
    if (json_failed(m->r))
        return false;
    if (!part.has_type)
        return missing(m, part_param(&p, m, index, "type"),
                       "Write \"text\", \"image_url\", \"input_audio\" or \"file\".");
    if (json_text_eq(part.type, VIEW("text"))) {
        if (!part.has_text)
            return missing(m, part_param(&p, m, index, "text"), "Write the text as a string.");
        return add_piece(m, part.text);
    }
    if (json_text_eq(part.type, VIEW("refusal")) && part.has_refusal)
        return add_piece(m, part.refusal);
    if (is_image(part.type) && m->message->images < UINT16_MAX)
        m->message->images++;
    return true;
}

static bool read_content(struct message_reader *m)
{
    struct json_array parts;
    struct json_text text;
    struct param p;

    switch ((int)json_peek(m->r)) {
    case JSON_NULL:
        return json_skip(m->r);
    case JSON_STRING:
        if (!json_string(m->r, &text))
            return false;
        m->message->text = json_decode(text, m->a);
        return !arena_failed(m->a) || no_memory(m->err);
    case JSON_ARRAY:
        break;
    default:
        return openai_chat_bad_type(m->r, param_of(&p, m, "content"),
                                    "Write a string or an array of parts.", m->err);
    }
    json_array_begin(m->r, &parts);
    for (unsigned i = 0; json_array_next(m->r, &parts); i++)
        if (!read_part(m, i))
            return false;
    return !json_failed(m->r) && join_pieces(m);
}

static bool read_role(struct message_reader *m)
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
    struct json_text text;
    struct param p;

    if (json_peek(m->r) != JSON_STRING)
        return openai_chat_bad_type(m->r, param_of(&p, m, "role"), want, m->err);
    if (!json_string(m->r, &text))
        return false;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (json_text_eq(text, roles[i].name)) {
            m->message->role = roles[i].role;
            return true;
        }
    error_set(m->err, ERROR_BAD_VALUE, "%.*s is not a role that is known.",
              VIEW_ARG(param_of(&p, m, "role")));
    error_hint(m->err, "%s", want);
    return error_param(m->err, param_of(&p, m, "role"));
}

static bool read_message(struct message_reader *m)
{
    struct json_object o;
    struct param p;
    bool has_role = false, has_content = false;

    if (json_peek(m->r) != JSON_OBJECT)
        return openai_chat_bad_type(
            m->r, param_of(&p, m, ""),
            "Write a message such as {\"role\":\"user\",\"content\":\"...\"}.", m->err);
    json_object_begin(m->r, &o);
    while (json_object_next(m->r, &o)) {
        bool ok = true;
        if (json_key_is(&o, "role"))
            ok = has_role = read_role(m);
        else if (json_key_is(&o, "content"))
            ok = has_content = read_content(m);
        else
            ok = json_skip(m->r);
        if (!ok)
            return false;
    }
    if (json_failed(m->r))
        return false;
    if (!has_role)
        return missing(m, param_of(&p, m, "role"),
                       "Write \"system\", \"user\", \"assistant\" or \"tool\".");
    if (!has_content && m->message->role != LLM_ASSISTANT)
        return missing(m, param_of(&p, m, "content"), "Write a string or an array of parts.");
    return true;
}

/* Room for one more message. */
static struct llm_message *next_message(struct arena *a, struct llm_request *req, unsigned *room)
{
    if (req->n_messages == *room) {
        unsigned more = *room ? *room * 2 : 8;
        struct llm_message *grown = arena_new_array(a, struct llm_message, more);
        if (!grown)
            return NULL;
        if (req->n_messages)
            memcpy(grown, req->messages, req->n_messages * sizeof(*grown));
        req->messages = grown;
        *room = more;
    }
    return &req->messages[req->n_messages++];
}

bool openai_chat_messages(struct json_reader *r, struct arena *a, struct llm_request *req,
                          struct error *err)
{
    static const char want[] = "Write an array with at least one message.";
    struct json_array array;
    unsigned room = 0;

    if (json_peek(r) != JSON_ARRAY)
        return openai_chat_bad_type(r, VIEW("messages"), want, err);
    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        struct message_reader m = {.r = r, .a = a, .err = err, .index = req->n_messages};
        m.tail = &m.pieces;
        m.message = next_message(a, req, &room);
        if (!m.message)
            return no_memory(err);
        if (!read_message(&m))
            return false;
        if (m.message->images)
            req->needs |= LLM_NEED_IMAGES;
    }
    if (json_failed(r))
        return false;
    if (req->n_messages > 0)
        return true;
    error_set(err, ERROR_BAD_VALUE, "messages is an empty array.");
    error_hint(err, want);
    return error_param(err, VIEW("messages"));
}
