#include "base/clock.h"
#include "llm/dialects.h"
#include "json/writer.h"

#include <stdio.h>

/* Bounds of what is kept of one answer. */
#define MAX_KEPT_BYTES  (16u << 20)
#define MAX_TOOLS_BYTES (32u << 20)

static const struct llm_dialect_ops *const rows[] = {
    [LLM_OPENAI_CHAT] = &openai_chat_ops,
    [LLM_OPENAI_RESPONSES] = &openai_responses_ops,
    [LLM_ANTHROPIC] = &anthropic_ops,
    [LLM_OLLAMA] = &ollama_ops,
    [LLM_OLLAMA_GENERATE] = &ollama_generate_ops,
    [LLM_OPENAI_COMPLETIONS] = &openai_completions_ops,
    [LLM_OPENAI_EMBEDDINGS] = &openai_embeddings_ops,
    [LLM_OLLAMA_EMBED] = &ollama_embed_ops,
    [LLM_OLLAMA_EMBEDDINGS] = &ollama_embeddings_ops,
};

const struct llm_dialect_ops *llm_dialect(enum llm_dialect dialect)
{
    return dialect < sizeof(rows) / sizeof(rows[0]) ? rows[dialect] : NULL;
}

/* ---- ways ------------------------------------------------------------------------------------ */

#define NO_WAY ((enum llm_dialect)LLM_DIALECTS)
#define CHAT_WAYS                                                        \
    {                                                                    \
        LLM_OPENAI_CHAT, LLM_OPENAI_RESPONSES, LLM_ANTHROPIC, LLM_OLLAMA \
    }

/* A row for each dialect of a client, a column for each of a backend. */
static const enum llm_dialect ways[LLM_DIALECTS][LLM_BACKEND_DIALECTS] = {
    [LLM_OPENAI_CHAT] = CHAT_WAYS,
    [LLM_OPENAI_RESPONSES] = CHAT_WAYS,
    [LLM_ANTHROPIC] = CHAT_WAYS,
    [LLM_OLLAMA] = CHAT_WAYS,
    [LLM_OLLAMA_GENERATE] = {LLM_OPENAI_CHAT, LLM_OPENAI_RESPONSES, LLM_ANTHROPIC,
                             LLM_OLLAMA_GENERATE},
    [LLM_OPENAI_COMPLETIONS] = CHAT_WAYS,
    [LLM_OPENAI_EMBEDDINGS] = {LLM_OPENAI_EMBEDDINGS, LLM_OPENAI_EMBEDDINGS, NO_WAY,
                               LLM_OLLAMA_EMBED},
    [LLM_OLLAMA_EMBED] = {LLM_OPENAI_EMBEDDINGS, LLM_OPENAI_EMBEDDINGS, NO_WAY, LLM_OLLAMA_EMBED},
    /* The older path does not scale its vectors to length 1, so it is another request. */
    [LLM_OLLAMA_EMBEDDINGS] = {LLM_OPENAI_EMBEDDINGS, LLM_OPENAI_EMBEDDINGS, NO_WAY,
                               LLM_OLLAMA_EMBEDDINGS},
};

bool llm_asked_in(enum llm_dialect client, enum llm_dialect backend, enum engine engine,
                  enum llm_dialect *ret_asked)
{
    enum llm_dialect way = ways[client][backend];
    /* Only these continue a text without the form of a chat around it. */
    bool continues = engine == ENGINE_VLLM || engine == ENGINE_LLAMACPP;

    if (client == LLM_OPENAI_COMPLETIONS && backend == LLM_OPENAI_CHAT && continues)
        way = LLM_OPENAI_COMPLETIONS;
    if (way == NO_WAY)
        return false;
    *ret_asked = way;
    return true;
}

/* ---- losses ---------------------------------------------------------------------------------- */

static const struct {
    struct view name;
    enum llm_loss loss;
} losses[] = {
#define LOSS(name, loss, reason) {VIEW_LIT(name), LLM_LOSS_##loss},
#include "llm/losses.def"
#undef LOSS
};

enum llm_loss llm_loss_of(struct view field)
{
    struct view options = VIEW("options.");

    if (view_starts(field, options)) /* Ollama's */
        field = view_skip(field, options.n);
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
        if (view_eq(losses[i].name, field))
            return losses[i].loss;
    return LLM_LOSS_FATAL;
}

void llm_note(struct buf *notes, struct view field)
{
    buf_append(notes, field);
    buf_append_lit(notes, " dropped, ");
}

bool llm_lose(const char *target, struct view field, struct buf *notes, struct error *err)
{
    if (llm_loss_of(field) == LLM_LOSS_HARMLESS) {
        llm_note(notes, field);
        return true;
    }
    return llm_cannot_say(target, field, err);
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Whether this may be a protocol's name ("web_search_20250305"). What is none is the client's own
 * text and stays out of messages: these stand in the ledger too. */
static bool is_protocol_name(struct view name)
{
    unsigned digits = 0;

    if (name.n > 64 || name.n == 0 || !is_lower(name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        bool digit = name.p[i] >= '0' && name.p[i] <= '9';
        digits = digit ? digits + 1 : 0;
        if (digits > 8 || (!digit && !is_lower(name.p[i]) && !strchr("_.[]", name.p[i])))
            return false;
    }
    return true;
}

bool llm_cannot_say(const char *target, struct view field, struct error *err)
{
    bool named = is_protocol_name(field);
    struct view shown = named ? field : VIEW("A field");

    error_set(err, ERROR_BAD_VALUE, "%.*s cannot be said in the protocol of the backend (%s).",
              VIEW_ARG(shown), target);
    error_hint(err, "Leave it out, or ask for a model whose backend speaks your protocol.");
    return named && error_param(err, field);
}

bool llm_foreign_tool(const char *target, unsigned index, struct view tool, struct error *err)
{
    struct view shown = is_protocol_name(tool) ? tool : VIEW("such tool");
    char param[32];

    snprintf(param, sizeof(param), "tools[%u].type", index);
    error_set(err, ERROR_BAD_VALUE, "%s: %s has no %.*s.", param, target, VIEW_ARG(shown));
    error_hint(err, "Leave it out, or ask for a model whose backend speaks your protocol.");
    return error_param(err, view_str(param));
}

bool llm_lose_extras(const char *target, const struct llm_neutral *request, struct buf *notes,
                     struct error *err)
{
    for (unsigned i = 0; i < request->n_extras; i++)
        if (!llm_lose(target, request->extras[i], notes, err))
            return false;
    return true;
}

/* ---- the writer of answers ------------------------------------------------------------------- */

void llm_writer_init(struct llm_writer *w, enum llm_dialect dialect, bool plain, struct view model,
                     struct arena *a)
{
    *w = (struct llm_writer){
        .dialect = dialect,
        .plain = plain,
        .model = model,
        .arena = a,
        .text = BUF_MAX(MAX_KEPT_BYTES),
        .thinking = BUF_MAX(MAX_KEPT_BYTES),
        .arguments = BUF_MAX(MAX_KEPT_BYTES),
        .refusal = BUF_MAX(MAX_KEPT_BYTES),
        .created_s = clock_wall_ms() / 1000,
        .open_kind = -1,
    };
}

void llm_writer_done(struct llm_writer *w)
{
    buf_done(&w->text);
    buf_done(&w->thinking);
    buf_done(&w->arguments);
    buf_done(&w->refusal);
}

/* ---- the facts of a neutral request ---------------------------------------------------------- */

/* What inspection reads of a part; calls and reasoning are no text of the turn, as in the quick
 * reader. */
static bool is_text(const struct llm_part *part)
{
    return part->text.n && (part->kind == LLM_PART_TEXT || part->kind == LLM_PART_REFUSAL ||
                            part->kind == LLM_PART_RESULT);
}

static unsigned images_of(const struct llm_part *part)
{
    return (part->kind == LLM_PART_IMAGE) + part->n_images;
}

/* False without memory. */
static bool message_of(const struct llm_turn *turn, struct arena *a, struct llm_message *ret)
{
    size_t bytes = 0, texts = 0, images = 0, at = 0;
    struct view only = VIEW_NONE;

    for (unsigned i = 0; i < turn->n_parts; i++) {
        images += images_of(&turn->parts[i]);
        if (!is_text(&turn->parts[i]))
            continue;
        only = turn->parts[i].text;
        bytes += only.n + 1;
        texts++;
    }
    *ret = (struct llm_message){
        .role = turn->role,
        .text = only,
        .images = images < UINT16_MAX ? (uint16_t)images : UINT16_MAX,
    };
    if (texts < 2)
        return true;
    char *to = arena_bytes(a, bytes);
    if (!to)
        return false;
    for (unsigned i = 0; i < turn->n_parts; i++) {
        struct view text = turn->parts[i].text;
        if (!is_text(&turn->parts[i]))
            continue;
        if (at)
            to[at++] = '\n';
        memcpy(to + at, text.p, text.n);
        at += text.n;
    }
    ret->text = view_of(to, at);
    return true;
}

/* As OpenAI chat writes them: estimates of tokens count this text. */
static void write_tools(const struct llm_neutral *neutral, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_array(&w);
    for (unsigned i = 0; i < neutral->n_tools; i++) {
        const struct llm_tool *tool = &neutral->tools[i];
        json_put_object(&w);
        json_put_member_string(&w, VIEW("type"), tool->foreign ? tool->name : VIEW("function"));
        if (!tool->foreign) {
            json_put_key(&w, VIEW("function"));
            json_put_object(&w);
            json_put_member_string(&w, VIEW("name"), tool->name);
            if (tool->description.n)
                json_put_member_string(&w, VIEW("description"), tool->description);
            if (tool->parameters.n) {
                json_put_key(&w, VIEW("parameters"));
                json_put_raw(&w, tool->parameters);
            }
            json_put_close(&w);
        }
        json_put_close(&w);
    }
    json_put_close(&w);
}

static bool tools_of(const struct llm_neutral *neutral, struct arena *a, struct view *ret_tools)
{
    struct buf out = BUF_MAX(MAX_TOOLS_BYTES);

    if (neutral->n_tools == 0)
        return true;
    write_tools(neutral, &out);
    struct view tools = buf_ok(&out) ? arena_dup(a, buf_view(&out)) : VIEW("");
    buf_done(&out);
    *ret_tools = tools;
    return tools.n > 0;
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERROR_NO_MEMORY,
                     "The request needs more memory than one exchange may use.");
}

bool llm_request_from_neutral(enum llm_dialect dialect, struct view body,
                              const struct llm_neutral *neutral, struct view model, struct arena *a,
                              struct llm_request *ret, struct error *err)
{
    struct llm_request req = {
        .dialect = dialect,
        .body = body,
        .model = model.n ? model : neutral->model,
        .stream = neutral->stream,
        .include_usage = neutral->include_usage,
        .load = neutral->load,
        .n_messages = neutral->n_turns,
        .max_tokens = neutral->max_tokens,
        .user = neutral->user,
        .metadata = neutral->metadata,
        .neutral = neutral,
    };

    if (neutral->n_turns) {
        req.messages = arena_new_array(a, struct llm_message, neutral->n_turns);
        if (!req.messages)
            return no_memory(err);
    }
    for (unsigned i = 0; i < neutral->n_turns; i++) {
        if (!message_of(&neutral->turns[i], a, &req.messages[i]))
            return no_memory(err);
        if (req.messages[i].images)
            req.needs |= LLM_NEED_IMAGES;
    }
    if (neutral->embed)
        req.needs |= LLM_NEED_EMBEDDINGS;
    if (!tools_of(neutral, a, &req.tools))
        return no_memory(err);
    if (req.tools.n)
        req.needs |= LLM_NEED_TOOLS;
    if (neutral->format == LLM_FORMAT_SCHEMA) {
        req.schema = neutral->schema;
        req.needs |= LLM_NEED_SCHEMA;
    }
    *ret = req;
    return true;
}
