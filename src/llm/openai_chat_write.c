/* A neutral request, written as an OpenAI chat request. */
#include "llm/openai_chat.h"
#include "json/writer.h"

#include <stdio.h>

#define TARGET "openai-chat"

struct request_writer {
    const struct llm_neutral *request;
    struct json_writer w;
    struct buf *notes;
    struct error *err;
    unsigned made_calls, made_results; /* ids made for calls and results that have none */
    bool thinking, cache, failed;      /* dropped, each noted once */
};

static bool cannot_say(struct request_writer *x, struct view field)
{
    return llm_cannot_say(TARGET, field, x->err);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void begin_message(struct request_writer *x, struct view role, struct view name)
{
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("role"), role);
    if (name.n)
        json_put_member_string(&x->w, VIEW("name"), name);
}

static void put_text_part(struct request_writer *x, struct view text)
{
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("type"), VIEW("text"));
    json_put_member_string(&x->w, VIEW("text"), text);
    json_put_close(&x->w);
}

/* Appends the text, escaped, with `mark` in the place of the quote before it. */
static void append_escaped(struct buf *out, char mark, struct view text)
{
    size_t at = out->len;

    json_quote(out, text);
    if (buf_ok(out))
        out->p[at] = mark;
}

/* The media type and the data are the client's own text: they need not be what they should. */
static void put_data_url(struct request_writer *x, const struct llm_part *image)
{
    struct buf *out = x->w.out;

    json_put_raw(&x->w, VIEW("\"data"));
    append_escaped(out, ':', image->media_type.n ? image->media_type : VIEW("image/png"));
    if (buf_ok(out))
        out->len--;
    buf_append_lit(out, ";base64");
    append_escaped(out, ',', image->data);
}

static void put_image(struct request_writer *x, const struct llm_part *image)
{
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("type"), VIEW("image_url"));
    json_put_key(&x->w, VIEW("image_url"));
    json_put_object(&x->w);
    json_put_key(&x->w, VIEW("url"));
    if (image->url.n)
        json_put_string(&x->w, image->url);
    else
        put_data_url(x, image);
    if (image->detail.n)
        json_put_member_string(&x->w, VIEW("detail"), image->detail);
    json_put_close(&x->w);
    json_put_close(&x->w);
}

static bool is_content(const struct llm_part *part)
{
    return part->kind == LLM_PART_TEXT || part->kind == LLM_PART_IMAGE;
}

/* The parts' texts and images: a string where it is one text, else an array. */
static void put_content(struct request_writer *x, const struct llm_turn *turn, bool or_null)
{
    const struct llm_part *only = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < turn->n_parts; i++)
        if (is_content(&turn->parts[i])) {
            only = &turn->parts[i];
            n++;
        }
    json_put_key(&x->w, VIEW("content"));
    if (n == 0 && or_null) {
        json_put_null(&x->w);
    } else if (n == 0 || (n == 1 && only->kind == LLM_PART_TEXT)) {
        json_put_string(&x->w, n ? only->text : VIEW(""));
    } else {
        json_put_array(&x->w);
        for (unsigned i = 0; i < turn->n_parts; i++) {
            if (turn->parts[i].kind == LLM_PART_TEXT)
                put_text_part(x, turn->parts[i].text);
            else if (turn->parts[i].kind == LLM_PART_IMAGE)
                put_image(x, &turn->parts[i]);
        }
        json_put_close(&x->w);
    }
}

static void put_id(struct request_writer *x, struct view key, struct view id, unsigned *made)
{
    char text[24];

    if (!id.n) {
        snprintf(text, sizeof(text), "call_%u", (*made)++);
        id = view_str(text);
    }
    json_put_member_string(&x->w, key, id);
}

static void put_calls(struct request_writer *x, const struct llm_turn *turn)
{
    json_put_key(&x->w, VIEW("tool_calls"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *call = &turn->parts[i];
        if (call->kind != LLM_PART_CALL)
            continue;
        json_put_object(&x->w);
        put_id(x, VIEW("id"), call->id, &x->made_calls);
        json_put_member_string(&x->w, VIEW("type"), VIEW("function"));
        json_put_key(&x->w, VIEW("function"));
        json_put_object(&x->w);
        json_put_member_string(&x->w, VIEW("name"), call->name);
        json_put_member_string(&x->w, VIEW("arguments"),
                               call->arguments.n ? call->arguments : VIEW("{}"));
        json_put_close(&x->w);
        json_put_close(&x->w);
    }
    json_put_close(&x->w);
}

static unsigned count(const struct llm_turn *turn, enum llm_part_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < turn->n_parts; i++)
        n += turn->parts[i].kind == kind;
    return n;
}

static void put_assistant(struct request_writer *x, const struct llm_turn *turn)
{
    bool calls = count(turn, LLM_PART_CALL), refusals = count(turn, LLM_PART_REFUSAL);

    begin_message(x, VIEW("assistant"), turn->name);
    put_content(x, turn, calls || refusals);
    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *part = &turn->parts[i];
        if (part->kind == LLM_PART_REFUSAL && refusals) {
            json_put_member_string(&x->w, VIEW("refusal"), part->text);
            refusals = false; /* the first one; a message has room for one */
        } else if (part->kind == LLM_PART_THINKING) {
            x->thinking = true;
        }
    }
    if (calls)
        put_calls(x, turn);
    json_put_close(&x->w);
}

/* A tool's message holds text only: its images follow as the user's. */
static void put_results(struct request_writer *x, const struct llm_turn *turn)
{
    unsigned images = 0;

    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *part = &turn->parts[i];
        if (part->kind != LLM_PART_RESULT)
            continue;
        json_put_object(&x->w);
        json_put_member_string(&x->w, VIEW("role"), VIEW("tool"));
        put_id(x, VIEW("tool_call_id"), part->id, &x->made_results);
        json_put_member_string(&x->w, VIEW("content"), part->text);
        json_put_close(&x->w);
        images += part->n_images;
        x->failed |= part->failed;
    }
    if (images == 0)
        return;
    begin_message(x, VIEW("user"), VIEW_NONE);
    json_put_key(&x->w, VIEW("content"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < turn->n_parts; i++)
        for (unsigned k = 0; k < turn->parts[i].n_images; k++)
            put_image(x, &turn->parts[i].images[k]);
    json_put_close(&x->w);
    json_put_close(&x->w);
}

static bool put_turn(struct request_writer *x, const struct llm_turn *turn)
{
    unsigned results = count(turn, LLM_PART_RESULT), content = 0;

    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *part = &turn->parts[i];
        if (part->kind == LLM_PART_OTHER)
            return cannot_say(x, part->name);
        content += is_content(part);
        x->cache |= part->cache_control.n > 0;
    }
    if (turn->role == LLM_ASSISTANT) {
        put_assistant(x, turn);
        return true;
    }
    if (results)
        put_results(x, turn);
    if (content || !results) {
        begin_message(x, turn->role == LLM_SYSTEM ? VIEW("system") : VIEW("user"), turn->name);
        put_content(x, turn, false);
        json_put_close(&x->w);
    }
    return true;
}

static bool put_messages(struct request_writer *x)
{
    json_put_key(&x->w, VIEW("messages"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < x->request->n_turns; i++)
        if (!put_turn(x, &x->request->turns[i]))
            return false;
    json_put_close(&x->w);
    return true;
}

/* ---- tools and format ------------------------------------------------------------------------ */

static void put_raw_member(struct request_writer *x, struct view key, struct view raw)
{
    if (!raw.n)
        return;
    json_put_key(&x->w, key);
    json_put_raw(&x->w, raw);
}

static bool put_tool(struct request_writer *x, unsigned index)
{
    const struct llm_tool *tool = &x->request->tools[index];

    if (tool->foreign)
        return llm_foreign_tool(TARGET, index, tool->name, x->err);
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("type"), VIEW("function"));
    json_put_key(&x->w, VIEW("function"));
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("name"), tool->name);
    if (tool->description.n)
        json_put_member_string(&x->w, VIEW("description"), tool->description);
    put_raw_member(x, VIEW("parameters"), tool->parameters);
    if (tool->strict >= 0)
        json_put_member_bool(&x->w, VIEW("strict"), tool->strict);
    json_put_close(&x->w);
    json_put_close(&x->w);
    x->cache |= tool->cache_control.n > 0;
    return true;
}

static void put_choice(struct request_writer *x)
{
    static const struct view words[] = {
        [LLM_CHOICE_AUTO] = VIEW_LIT("auto"),
        [LLM_CHOICE_NONE] = VIEW_LIT("none"),
        [LLM_CHOICE_ANY] = VIEW_LIT("required"),
    };
    enum llm_choice choice = x->request->choice;

    if (choice == LLM_CHOICE_UNSAID)
        return;
    json_put_key(&x->w, VIEW("tool_choice"));
    if (choice != LLM_CHOICE_NAMED) {
        json_put_string(&x->w, words[choice]);
        return;
    }
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("type"), VIEW("function"));
    json_put_key(&x->w, VIEW("function"));
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("name"), x->request->choice_name);
    json_put_close(&x->w);
    json_put_close(&x->w);
}

/* The choice without tools is refused by some, and means nothing. */
static bool put_tools(struct request_writer *x)
{
    const struct llm_neutral *request = x->request;

    if (request->n_tools == 0)
        return true;
    json_put_key(&x->w, VIEW("tools"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < request->n_tools; i++)
        if (!put_tool(x, i))
            return false;
    json_put_close(&x->w);
    put_choice(x);
    if (request->parallel_calls >= 0)
        json_put_member_bool(&x->w, VIEW("parallel_tool_calls"), request->parallel_calls);
    return true;
}

static void put_format(struct request_writer *x)
{
    const struct llm_neutral *request = x->request;

    if (request->format == LLM_FORMAT_TEXT)
        return;
    json_put_key(&x->w, VIEW("response_format"));
    json_put_object(&x->w);
    if (request->format == LLM_FORMAT_JSON) {
        json_put_member_string(&x->w, VIEW("type"), VIEW("json_object"));
    } else {
        json_put_member_string(&x->w, VIEW("type"), VIEW("json_schema"));
        json_put_key(&x->w, VIEW("json_schema"));
        json_put_object(&x->w);
        json_put_member_string(&x->w, VIEW("name"),
                               request->schema_name.n ? request->schema_name : VIEW("answer"));
        if (request->schema_description.n)
            json_put_member_string(&x->w, VIEW("description"), request->schema_description);
        put_raw_member(x, VIEW("schema"), request->schema);
        if (request->schema_strict >= 0)
            json_put_member_bool(&x->w, VIEW("strict"), request->schema_strict);
        json_put_close(&x->w);
    }
    json_put_close(&x->w);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void put_sampling(struct request_writer *x, bool drop)
{
    const struct llm_neutral *request = x->request;

    if (!drop) {
        put_raw_member(x, VIEW("temperature"), request->temperature);
        put_raw_member(x, VIEW("top_p"), request->top_p);
    } else {
        if (request->temperature.n)
            llm_note(x->notes, VIEW("temperature"));
        if (request->top_p.n)
            llm_note(x->notes, VIEW("top_p"));
    }
    put_raw_member(x, VIEW("seed"), request->seed);
    put_raw_member(x, VIEW("presence_penalty"), request->presence_penalty);
    put_raw_member(x, VIEW("frequency_penalty"), request->frequency_penalty);
    put_raw_member(x, VIEW("n"), request->n);
    if (request->logprobs)
        json_put_member_bool(&x->w, VIEW("logprobs"), true);
    if (request->logprobs)
        put_raw_member(x, VIEW("top_logprobs"), request->top_logprobs);
    if (request->n_stops == 0)
        return;
    json_put_key(&x->w, VIEW("stop"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < request->n_stops; i++)
        json_put_string(&x->w, request->stops[i]);
    json_put_close(&x->w);
}

/* A budget of thinking becomes the effort that comes near. */
static void put_effort(struct request_writer *x)
{
    const struct llm_neutral *request = x->request;
    struct view effort = request->effort;

    if (!effort.n && request->thinking == 1 && request->thinking_budget)
        effort = request->thinking_budget < 4096    ? VIEW("low")
                 : request->thinking_budget < 16384 ? VIEW("medium")
                                                    : VIEW("high");
    if (effort.n)
        json_put_member_string(&x->w, VIEW("reasoning_effort"), effort);
    else if (request->thinking == 1)
        llm_note(x->notes, VIEW("thinking"));
}

static void put_tier(struct request_writer *x)
{
    static const struct view known[] = {VIEW_LIT("auto"),  VIEW_LIT("default"),  VIEW_LIT("flex"),
                                        VIEW_LIT("scale"), VIEW_LIT("priority"), VIEW_LIT("fast")};
    struct view tier = x->request->service_tier;

    if (!tier.n)
        return;
    if (view_eq(tier, VIEW("standard_only"))) /* Anthropic's word */
        tier = VIEW("default");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (view_eq(tier, known[i])) {
            json_put_member_string(&x->w, VIEW("service_tier"), tier);
            return;
        }
    llm_note(x->notes, VIEW("service_tier"));
}

static void put_stream(struct request_writer *x, bool add_usage)
{
    if (!x->request->stream)
        return;
    json_put_member_bool(&x->w, VIEW("stream"), true);
    if (!x->request->include_usage && !add_usage)
        return;
    json_put_key(&x->w, VIEW("stream_options"));
    json_put_object(&x->w);
    json_put_member_bool(&x->w, VIEW("include_usage"), true);
    json_put_close(&x->w);
}

static void note_drops(struct request_writer *x)
{
    const struct llm_neutral *request = x->request;
    const struct {
        bool dropped;
        struct view name;
    } drops[] = {
        {x->thinking, VIEW("thinking of earlier turns")},
        {x->failed, VIEW("is_error")},
        {x->cache, VIEW("cache_control")},
        {request->top_k.n > 0, VIEW("top_k")},
        {request->min_p.n > 0, VIEW("min_p")},
        {request->keep_alive.n > 0, VIEW("keep_alive")},
        {request->num_ctx.n > 0, VIEW("num_ctx")},
    };

    for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
        if (drops[i].dropped)
            llm_note(x->notes, drops[i].name);
}

bool openai_chat_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                               struct buf *out, struct buf *notes, struct error *err)
{
    struct request_writer x = {
        .request = request, .w = JSON_WRITER(out), .notes = notes, .err = err};

    if (!llm_lose_extras(TARGET, request, notes, err))
        return false;
    json_put_object(&x.w);
    json_put_member_string(&x.w, VIEW("model"), rewrite->model);
    if (!put_messages(&x) || !put_tools(&x))
        return false;
    put_format(&x);
    if (request->max_tokens)
        json_put_member_u64(&x.w,
                            rewrite->max_completion_tokens ? VIEW("max_completion_tokens")
                                                           : VIEW("max_tokens"),
                            request->max_tokens);
    put_sampling(&x, rewrite->drop_sampling);
    put_effort(&x);
    if (request->user.n)
        json_put_member_string(&x.w, VIEW("user"), request->user);
    put_raw_member(&x, VIEW("metadata"), request->metadata);
    put_tier(&x);
    put_stream(&x, rewrite->add_usage);
    if (rewrite->goes_on) {
        json_put_member_bool(&x.w, VIEW("continue_final_message"), true);
        json_put_member_bool(&x.w, VIEW("add_generation_prompt"), false);
    }
    json_put_close(&x.w);
    note_drops(&x);
    return buf_ok(out) || error_set(err, ERROR_NO_MEMORY,
                                    "The request to the backend needs more memory than one "
                                    "exchange may use.");
}
