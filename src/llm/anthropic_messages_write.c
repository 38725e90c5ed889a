/* Turns become messages that alternate: neighbours of one role are one message, results of tools
 * stand first in the user's, and system text leaves the turns altogether. */
#include "llm/anthropic.h"
#include "llm/proof.h"
#include "json/writer.h"

static void note_once(struct anthropic_request_writer *x, bool *noted, struct view text)
{
    if (!*noted)
        buf_append(x->notes, text);
    *noted = true;
}

static void put_key_string(struct buf *out, struct view raw_key, struct view text)
{
    buf_append(out, raw_key);
    json_quote(out, text);
}

static void close_block(struct anthropic_request_writer *x, const struct llm_part *part)
{
    if (part->cache_control.n) {
        buf_append_lit(x->out, ",\"cache_control\":");
        buf_append(x->out, part->cache_control);
    }
    buf_append_char(x->out, '}');
}

static bool is_object(struct view json)
{
    struct json_reader r;

    json_begin(&r, json);
    return json_peek(&r) == JSON_OBJECT && json_skip(&r) && json_end(&r);
}

bool anthropic_put_input(struct buf *out, struct view arguments)
{
    if (!arguments.n) {
        buf_append_lit(out, "{}");
        return true;
    }
    if (is_object(arguments)) {
        buf_append(out, arguments);
        return true;
    }
    put_key_string(out, VIEW("{\"arguments\":"), arguments);
    buf_append_char(out, '}');
    return false;
}

/* Ids are letters, digits, '_' and '-' here; other signs that engines put into theirs become '_',
 * the same way for the call and its result. */
static void put_id(struct buf *out, struct view id)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '_' || c == '-';
        buf_append_char(out, plain ? c : '_');
    }
    buf_append_char(out, '"');
}

static void put_made_id(struct buf *out, unsigned number)
{
    buf_append_lit(out, "\"toolu_");
    buf_append_u64(out, number);
    buf_append_char(out, '"');
}

static bool put_image(struct anthropic_request_writer *x, const struct llm_part *part)
{
    static const struct view known[] = {VIEW_LIT("image/png"), VIEW_LIT("image/jpeg"),
                                        VIEW_LIT("image/webp"), VIEW_LIT("image/gif")};
    struct view type =
        view_eq_nocase(part->media_type, VIEW("image/jpg")) ? VIEW("image/jpeg") : part->media_type;
    size_t i = 0;

    if (part->detail.n && !view_eq(part->detail, VIEW("auto")))
        note_once(x, &x->noted_detail, VIEW("detail of images dropped, "));
    if (part->url.n) {
        put_key_string(x->out, VIEW("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"),
                       part->url);
        buf_append_char(x->out, '}');
        return true;
    }
    while (i < sizeof(known) / sizeof(known[0]) && !view_eq_nocase(type, known[i]))
        i++;
    if (i == sizeof(known) / sizeof(known[0]))
        return anthropic_cannot_say(x, "messages", "an image's type is not png, jpeg, webp or gif");
    put_key_string(x->out,
                   VIEW("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"),
                   known[i]);
    put_key_string(x->out, VIEW(",\"data\":"), part->data);
    buf_append_char(x->out, '}');
    return true;
}

static bool put_result(struct anthropic_request_writer *x, const struct llm_part *part)
{
    buf_append_lit(x->out, "{\"type\":\"tool_result\",\"tool_use_id\":");
    if (part->id.n)
        put_id(x->out, part->id);
    else /* they answer in the order of their calls */
        put_made_id(x->out, x->group_unnamed + x->results++);
    if (part->n_images) {
        buf_append_lit(x->out, ",\"content\":[");
        if (part->text.n) {
            put_key_string(x->out, VIEW("{\"type\":\"text\",\"text\":"), part->text);
            buf_append_lit(x->out, "},");
        }
        for (unsigned i = 0; i < part->n_images; i++) {
            if (i)
                buf_append_char(x->out, ',');
            if (!put_image(x, &part->images[i]))
                return false;
            close_block(x, &part->images[i]);
        }
        buf_append_char(x->out, ']');
    } else if (part->text.n) {
        put_key_string(x->out, VIEW(",\"content\":"), part->text);
    }
    if (part->failed)
        buf_append_lit(x->out, ",\"is_error\":true");
    return true;
}

static void put_call(struct anthropic_request_writer *x, const struct llm_part *part)
{
    buf_append_lit(x->out, "{\"type\":\"tool_use\",\"id\":");
    if (part->id.n)
        put_id(x->out, part->id);
    else
        put_made_id(x->out, x->unnamed++);
    put_key_string(x->out, VIEW(",\"name\":"), part->name);
    buf_append_lit(x->out, ",\"input\":");
    if (!anthropic_put_input(x->out, part->arguments))
        note_once(x, &x->noted_arguments, VIEW("arguments that are no object wrapped, "));
}

/* Whether a block comes of it: this dialect takes no empty text, and no reasoning but its own. */
static bool leaves(struct anthropic_request_writer *x, const struct llm_part *part)
{
    switch (part->kind) {
    case LLM_PART_TEXT:
    case LLM_PART_REFUSAL:
        return part->text.n > 0;
    case LLM_PART_THINKING:
        if (llm_proof_for(LLM_ANTHROPIC, part).n)
            return true;
        if (part->text.n || part->signature.n)
            note_once(x, &x->noted_reasoning, VIEW("reasoning of earlier turns dropped, "));
        return false;
    case LLM_PART_IMAGE:
    case LLM_PART_CALL:
    case LLM_PART_RESULT:
    case LLM_PART_OTHER:
        break;
    }
    return true;
}

static bool put_part(struct anthropic_request_writer *x, const struct llm_part *part)
{
    bool ok = true;

    switch (part->kind) {
    case LLM_PART_TEXT:
    case LLM_PART_REFUSAL:
        put_key_string(x->out, VIEW("{\"type\":\"text\",\"text\":"), part->text);
        break;
    case LLM_PART_IMAGE:
        ok = put_image(x, part);
        break;
    case LLM_PART_CALL:
        put_call(x, part);
        break;
    case LLM_PART_RESULT:
        ok = put_result(x, part);
        break;
    case LLM_PART_THINKING:
        if (part->redacted) {
            put_key_string(x->out, VIEW("{\"type\":\"redacted_thinking\",\"data\":"),
                           part->signature);
        } else {
            put_key_string(x->out, VIEW("{\"type\":\"thinking\",\"thinking\":"), part->text);
            put_key_string(x->out, VIEW(",\"signature\":"), part->signature);
        }
        buf_append_char(x->out, '}'); /* it takes no cache_control */
        return true;
    case LLM_PART_OTHER:
        return anthropic_cannot_say(x, "messages", "one holds a part of a kind it does not know");
    }
    if (ok)
        close_block(x, part);
    return ok;
}

static bool put_system(struct anthropic_request_writer *x)
{
    const struct llm_neutral *n = x->n;
    unsigned written = 0;
    bool behind = false, moved = false;

    for (unsigned t = 0; t < n->n_turns; t++) {
        const struct llm_turn *turn = &n->turns[t];
        if (turn->role != LLM_SYSTEM) {
            behind = true;
            continue;
        }
        for (unsigned i = 0; i < turn->n_parts; i++) {
            if (turn->parts[i].kind != LLM_PART_TEXT)
                return anthropic_cannot_say(x, "messages", "system text holds more than text");
            if (!turn->parts[i].text.n)
                continue;
            moved |= behind;
            buf_append(x->out, written++ ? VIEW(",") : VIEW(",\"system\":["));
            if (!put_part(x, &turn->parts[i]))
                return false;
        }
    }
    if (written)
        buf_append_char(x->out, ']');
    if (moved)
        buf_append_lit(x->notes, "system text moved to the front, ");
    return true;
}

static bool is_assistant(const struct llm_turn *turn)
{
    return turn->role == LLM_ASSISTANT;
}

/* The turns from `from` on that become one message; system turns among them are passed over. */
static unsigned group_end(const struct llm_neutral *n, unsigned from)
{
    unsigned to = from + 1;

    while (to < n->n_turns && (n->turns[to].role == LLM_SYSTEM ||
                               is_assistant(&n->turns[to]) == is_assistant(&n->turns[from])))
        to++;
    return to;
}

/* The blocks of a group, those of results alone or all others. */
static bool put_group(struct anthropic_request_writer *x, unsigned from, unsigned to, bool results,
                      struct view head, unsigned *written)
{
    for (unsigned t = from; t < to; t++) {
        const struct llm_turn *turn = &x->n->turns[t];
        if (turn->role == LLM_SYSTEM)
            continue;
        if (turn->name.n)
            note_once(x, &x->noted_name, VIEW("names of speakers dropped, "));
        for (unsigned i = 0; i < turn->n_parts; i++) {
            const struct llm_part *part = &turn->parts[i];
            if ((part->kind == LLM_PART_RESULT) != results || !leaves(x, part))
                continue;
            buf_append(x->out, (*written)++ ? VIEW(",") : head);
            if (!put_part(x, part))
                return false;
        }
    }
    return true;
}

/* Takes back what was just written; a buffer that failed wrote nothing. */
static void take_back(struct anthropic_request_writer *x, size_t n)
{
    if (buf_ok(x->out))
        x->out->len -= n;
}

bool anthropic_write_messages(struct anthropic_request_writer *x)
{
    const struct llm_neutral *n = x->n;
    unsigned messages = 0;
    bool last_assistant = true;

    if (!put_system(x))
        return false;
    buf_append_lit(x->out, ",\"messages\":[");
    for (unsigned from = 0, to; from < n->n_turns; from = to) {
        unsigned written = 0;
        bool assistant = is_assistant(&n->turns[from]);
        to = from + 1;
        if (n->turns[from].role == LLM_SYSTEM)
            continue;
        to = group_end(n, from);
        /* When what stood between was empty, the message before goes on. */
        bool same = messages && assistant == last_assistant;
        if (same)
            take_back(x, 2); /* "]}" */
        struct view head = same        ? VIEW(",")
                           : assistant ? VIEW("{\"role\":\"assistant\",\"content\":[")
                                       : VIEW("{\"role\":\"user\",\"content\":[");
        if (messages && !same)
            buf_append_char(x->out, ',');
        if (assistant) {
            x->group_unnamed = x->unnamed;
            x->results = 0;
        }
        if (!put_group(x, from, to, true, head, &written) ||
            !put_group(x, from, to, false, head, &written))
            return false;
        if (written && !messages && assistant)
            return anthropic_cannot_say(x, "messages", "the first one is not the user's");
        if (written || same)
            buf_append_lit(x->out, "]}");
        else if (messages)
            take_back(x, 1); /* the comma */
        if (written) {
            messages++;
            last_assistant = assistant;
        }
    }
    buf_append_char(x->out, ']');
    if (!messages)
        return anthropic_cannot_say(x, "messages", "none of them says anything");
    return true;
}
