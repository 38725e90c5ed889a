#include "llm/proof.h"
#include "llm/responses.h"

#define TARGET "OpenAI Responses"

struct request_writer {
    struct json_writer j;
    struct buf *notes;
    struct error *err;
    unsigned turn;
    bool noted_name, noted_cache, noted_failed, noted_proof;
};

void responses_put_raw(struct json_writer *w, struct view raw)
{
    if (!memchr(raw.p, '\n', raw.n) && !memchr(raw.p, '\r', raw.n)) {
        json_put_raw(w, raw);
        return;
    }
    json_put_raw(w, VIEW("")); /* places the comma */
    while (raw.n) {
        size_t n = 0;
        while (n < raw.n && raw.p[n] != '\n' && raw.p[n] != '\r')
            n++;
        buf_append(w->out, view_first(raw, n));
        raw = view_skip(raw, n + 1);
    }
}

static void put_raw_member(struct json_writer *j, struct view key, struct view raw)
{
    json_put_key(j, key);
    responses_put_raw(j, raw);
}

static void put_optional(struct json_writer *j, struct view key, struct view text)
{
    if (text.n)
        json_put_member_string(j, key, text);
}

void responses_put_tools(struct json_writer *w, const struct llm_neutral *n)
{
    json_put_key(w, VIEW("tools"));
    json_put_array(w);
    for (unsigned i = 0; i < n->n_tools; i++) {
        const struct llm_tool *tool = &n->tools[i];
        if (tool->foreign)
            continue;
        json_put_object(w);
        json_put_member_string(w, VIEW("type"), VIEW("function"));
        json_put_member_string(w, VIEW("name"), tool->name);
        put_optional(w, VIEW("description"), tool->description);
        put_raw_member(w, VIEW("parameters"),
                       tool->parameters.n ? tool->parameters
                                          : VIEW("{\"type\":\"object\",\"properties\":{}}"));
        /* Here alone a function is strict unless it is said not to be. */
        json_put_member_bool(w, VIEW("strict"), tool->strict > 0);
        json_put_close(w);
    }
    json_put_close(w);
}

void responses_put_choice(struct json_writer *w, const struct llm_neutral *n)
{
    json_put_key(w, VIEW("tool_choice"));
    switch (n->choice) {
    case LLM_CHOICE_NONE:
        json_put_string(w, VIEW("none"));
        break;
    case LLM_CHOICE_ANY:
        json_put_string(w, VIEW("required"));
        break;
    case LLM_CHOICE_NAMED:
        json_put_object(w);
        json_put_member_string(w, VIEW("type"), VIEW("function"));
        json_put_member_string(w, VIEW("name"), n->choice_name);
        json_put_close(w);
        break;
    case LLM_CHOICE_UNSAID:
    case LLM_CHOICE_AUTO:
        json_put_string(w, VIEW("auto"));
        break;
    }
}

void responses_put_format(struct json_writer *w, const struct llm_neutral *n)
{
    json_put_key(w, VIEW("text"));
    json_put_object(w);
    json_put_key(w, VIEW("format"));
    json_put_object(w);
    switch (n->format) {
    case LLM_FORMAT_TEXT:
        json_put_member_string(w, VIEW("type"), VIEW("text"));
        break;
    case LLM_FORMAT_JSON:
        json_put_member_string(w, VIEW("type"), VIEW("json_object"));
        break;
    case LLM_FORMAT_SCHEMA:
        json_put_member_string(w, VIEW("type"), VIEW("json_schema"));
        json_put_member_string(w, VIEW("name"), n->schema_name.n ? n->schema_name : VIEW("answer"));
        put_optional(w, VIEW("description"), n->schema_description);
        put_raw_member(w, VIEW("schema"), n->schema);
        if (n->schema_strict >= 0)
            json_put_member_bool(w, VIEW("strict"), n->schema_strict > 0);
        break;
    }
    json_put_close(w);
    json_put_close(w);
}

/* ---- input ----------------------------------------------------------------------------------- */

static void note_once(struct request_writer *x, bool *noted, struct view field)
{
    if (!*noted)
        llm_note(x->notes, field);
    *noted = true;
}

static void put_text_part(struct json_writer *j, struct view type, struct view text)
{
    json_put_object(j);
    json_put_member_string(j, VIEW("type"), type);
    json_put_member_string(j, VIEW("text"), text);
    if (view_eq(type, VIEW("output_text"))) {
        json_put_key(j, VIEW("annotations"));
        json_put_raw(j, VIEW("[]"));
    }
    json_put_close(j);
}

/* Media types and base64 need no escapes; what does is neither, and stays away. */
static void put_plain(struct buf *out, struct view text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '"' || text.p[i] == '\\' || (unsigned char)text.p[i] < 0x20)
            return;
    buf_append(out, text);
}

static void put_image(struct json_writer *j, const struct llm_part *image)
{
    json_put_object(j);
    json_put_member_string(j, VIEW("type"), VIEW("input_image"));
    json_put_member_string(j, VIEW("detail"), image->detail.n ? image->detail : VIEW("auto"));
    json_put_key(j, VIEW("image_url"));
    if (image->url.n) {
        json_put_string(j, image->url);
    } else {
        json_put_raw(j, VIEW("\"data:"));
        put_plain(j->out, image->media_type);
        buf_append_lit(j->out, ";base64,");
        put_plain(j->out, image->data);
        buf_append_char(j->out, '"');
    }
    json_put_close(j);
}

static bool is_content(const struct llm_part *part)
{
    return part->kind == LLM_PART_TEXT || part->kind == LLM_PART_IMAGE ||
           part->kind == LLM_PART_REFUSAL;
}

static struct view role_name(enum llm_role role)
{
    return role == LLM_SYSTEM      ? VIEW("system")
           : role == LLM_ASSISTANT ? VIEW("assistant")
                                   : VIEW("user");
}

static void put_content(struct request_writer *x, enum llm_role role, const struct llm_part *part)
{
    struct json_writer *j = &x->j;
    bool assistant = role == LLM_ASSISTANT;

    if (part->kind == LLM_PART_IMAGE) {
        put_image(j, part);
    } else if (part->kind == LLM_PART_REFUSAL && assistant) {
        json_put_object(j);
        json_put_member_string(j, VIEW("type"), VIEW("refusal"));
        json_put_member_string(j, VIEW("refusal"), part->text);
        json_put_close(j);
    } else {
        put_text_part(j, assistant ? VIEW("output_text") : VIEW("input_text"), part->text);
    }
}

static void put_id(struct json_writer *j, const char *prefix, unsigned turn)
{
    json_put_key(j, VIEW("id"));
    json_put_raw(j, VIEW("\""));
    buf_append(j->out, view_str(prefix));
    buf_append_u64(j->out, turn);
    buf_append_char(j->out, '"');
}

/* A run of parts that one message holds. */
static void put_message(struct request_writer *x, enum llm_role role, const struct llm_part *parts,
                        unsigned n)
{
    struct json_writer *j = &x->j;
    bool simple = n == 1 && parts->kind == LLM_PART_TEXT;

    json_put_object(j);
    if (role == LLM_ASSISTANT) /* may be left out, but llama.cpp refuses it then */
        json_put_member_string(j, VIEW("type"), VIEW("message"));
    if (!simple && role == LLM_ASSISTANT) { /* the form that an answer has */
        put_id(j, "msg_", x->turn);
        json_put_member_string(j, VIEW("status"), VIEW("completed"));
    }
    json_put_member_string(j, VIEW("role"), role_name(role));
    json_put_key(j, VIEW("content"));
    if (simple) {
        json_put_string(j, parts->text);
    } else {
        json_put_array(j);
        for (unsigned i = 0; i < n; i++)
            put_content(x, role, &parts[i]);
        json_put_close(j);
    }
    json_put_close(j);
}

static void put_call(struct json_writer *j, const struct llm_part *call)
{
    json_put_object(j);
    json_put_member_string(j, VIEW("type"), VIEW("function_call"));
    json_put_member_string(j, VIEW("call_id"), call->id);
    json_put_member_string(j, VIEW("name"), call->name);
    json_put_member_string(j, VIEW("arguments"), call->arguments.n ? call->arguments : VIEW("{}"));
    json_put_close(j);
}

static void put_result(struct request_writer *x, const struct llm_part *result)
{
    struct json_writer *j = &x->j;

    if (result->failed)
        note_once(x, &x->noted_failed, VIEW("is_error"));
    json_put_object(j);
    json_put_member_string(j, VIEW("type"), VIEW("function_call_output"));
    json_put_member_string(j, VIEW("call_id"), result->id);
    json_put_key(j, VIEW("output"));
    if (result->n_images) {
        json_put_array(j);
        if (result->text.n)
            put_text_part(j, VIEW("input_text"), result->text);
        for (unsigned i = 0; i < result->n_images; i++)
            put_image(j, &result->images[i]);
        json_put_close(j);
    } else {
        json_put_string(j, result->text);
    }
    json_put_close(j);
}

/* What is encrypted came with a summary; other reasoning is told as what it is. */
static void put_reasoning(struct request_writer *x, const struct llm_part *part)
{
    struct json_writer *j = &x->j;
    struct view proof = llm_proof_for(LLM_OPENAI_RESPONSES, part);

    if (part->signature.n && !proof.n)
        note_once(x, &x->noted_proof, VIEW("others' signatures"));
    if (!part->text.n && !proof.n)
        return;
    json_put_object(j);
    json_put_member_string(j, VIEW("type"), VIEW("reasoning"));
    if (part->id.n)
        json_put_member_string(j, VIEW("id"), part->id);
    else
        put_id(j, "rs_", x->turn);
    json_put_key(j, VIEW("summary"));
    json_put_array(j);
    if (part->text.n && proof.n)
        put_text_part(j, VIEW("summary_text"), part->text);
    json_put_close(j);
    if (part->text.n && !proof.n) {
        json_put_key(j, VIEW("content"));
        json_put_array(j);
        put_text_part(j, VIEW("reasoning_text"), part->text);
        json_put_close(j);
    }
    if (proof.n)
        json_put_member_string(j, VIEW("encrypted_content"), proof);
    json_put_close(j);
}

static bool put_turn(struct request_writer *x, const struct llm_turn *turn)
{
    if (turn->name.n)
        note_once(x, &x->noted_name, VIEW("name"));
    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *part = &turn->parts[i];
        unsigned n = 1;
        if (part->cache_control.n)
            note_once(x, &x->noted_cache, VIEW("cache_control"));
        switch (part->kind) {
        case LLM_PART_TEXT:
        case LLM_PART_IMAGE:
        case LLM_PART_REFUSAL:
            while (i + n < turn->n_parts && is_content(&turn->parts[i + n]))
                n++;
            put_message(x, turn->role, part, n);
            i += n - 1;
            break;
        case LLM_PART_CALL:
            put_call(&x->j, part);
            break;
        case LLM_PART_RESULT:
            put_result(x, part);
            break;
        case LLM_PART_THINKING:
            put_reasoning(x, part);
            break;
        case LLM_PART_OTHER:
            return llm_cannot_say(TARGET, part->name.n ? part->name : VIEW("content"), x->err);
        }
    }
    return true;
}

/* The first turn's text is the `instructions`, unless there would be no item at all. */
static bool put_input(struct request_writer *x, const struct llm_neutral *n)
{
    const struct llm_turn *first = n->n_turns ? &n->turns[0] : NULL;
    bool instructs = first && n->n_turns > 1 && first->role == LLM_SYSTEM && first->n_parts == 1 &&
                     first->parts->kind == LLM_PART_TEXT && first->parts->text.n && !first->name.n;

    if (instructs)
        json_put_member_string(&x->j, VIEW("instructions"), first->parts->text);
    json_put_key(&x->j, VIEW("input"));
    json_put_array(&x->j);
    for (x->turn = instructs; x->turn < n->n_turns; x->turn++)
        if (!put_turn(x, &n->turns[x->turn]))
            return false;
    json_put_close(&x->j);
    return true;
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Raw numbers that say nothing: 0, 0.0, -0. */
static bool is_zero(struct view raw)
{
    double value;

    return view_to_double(raw, &value) && value == 0;
}

static bool lose(struct request_writer *x, bool said, const char *field)
{
    return !said || llm_lose(TARGET, view_str(field), x->notes, x->err);
}

static bool lose_rest(struct request_writer *x, const struct llm_neutral *n)
{
    for (unsigned i = 0; i < n->n_tools; i++) {
        if (n->tools[i].foreign)
            return llm_foreign_tool(TARGET, i, n->tools[i].name, x->err);
        if (n->tools[i].cache_control.n)
            note_once(x, &x->noted_cache, VIEW("cache_control"));
    }
    bool many = n->n.n && !view_eq(n->n, VIEW("1"));
    if (n->n_stops)
        return llm_cannot_say(TARGET, VIEW("stop"), x->err);
    return lose(x, many, "n") && lose(x, n->top_k.n > 0, "top_k") &&
           lose(x, n->min_p.n && !is_zero(n->min_p), "min_p") && lose(x, n->seed.n > 0, "seed") &&
           lose(x, n->presence_penalty.n && !is_zero(n->presence_penalty), "presence_penalty") &&
           lose(x, n->frequency_penalty.n && !is_zero(n->frequency_penalty), "frequency_penalty") &&
           lose(x, n->keep_alive.n > 0, "keep_alive") && lose(x, n->num_ctx.n > 0, "num_ctx") &&
           llm_lose_extras(TARGET, n, x->notes, x->err);
}

/* Who asks for thinking in tokens means about this much effort. */
static struct view effort_of(const struct llm_neutral *n)
{
    if (n->effort.n || n->thinking <= 0)
        return n->effort;
    return !n->thinking_budget           ? VIEW("medium")
           : n->thinking_budget <= 2048  ? VIEW("low")
           : n->thinking_budget <= 16384 ? VIEW("medium")
                                         : VIEW("high");
}

static void put_reasoning_options(struct request_writer *x, const struct llm_neutral *n)
{
    struct view effort = effort_of(n);

    if (n->thinking_budget)
        llm_note(x->notes, VIEW("thinking.budget_tokens"));
    if (!effort.n && n->thinking == 0) /* only some models know "none", others refuse it */
        llm_note(x->notes, VIEW("thinking"));
    if (!effort.n)
        return;
    json_put_key(&x->j, VIEW("reasoning"));
    json_put_object(&x->j);
    json_put_member_string(&x->j, VIEW("effort"), effort);
    json_put_close(&x->j);
}

static void put_sampling(struct request_writer *x, const struct llm_neutral *n, bool drop)
{
    if (n->temperature.n && drop)
        llm_note(x->notes, VIEW("temperature"));
    else if (n->temperature.n)
        put_raw_member(&x->j, VIEW("temperature"), n->temperature);
    if (n->top_p.n && drop)
        llm_note(x->notes, VIEW("top_p"));
    else if (n->top_p.n)
        put_raw_member(&x->j, VIEW("top_p"), n->top_p);
    if (n->logprobs && n->top_logprobs.n)
        put_raw_member(&x->j, VIEW("top_logprobs"), n->top_logprobs);
}

/* Only models that reason know the proof, and only they are asked for an effort. */
static void put_include(struct request_writer *x, const struct llm_neutral *n)
{
    struct view effort = effort_of(n);
    bool proof = n->keep_proof && effort.n && !view_eq(effort, VIEW("none"));

    if (!n->logprobs && !proof)
        return;
    json_put_key(&x->j, VIEW("include"));
    json_put_array(&x->j);
    if (n->logprobs)
        json_put_string(&x->j, VIEW("message.output_text.logprobs"));
    if (proof)
        json_put_string(&x->j, VIEW("reasoning.encrypted_content"));
    json_put_close(&x->j);
}

static void put_tier(struct request_writer *x, struct view tier)
{
    static const struct view known[] = {VIEW_LIT("auto"), VIEW_LIT("default"), VIEW_LIT("flex"),
                                        VIEW_LIT("scale"), VIEW_LIT("priority")};

    if (!tier.n)
        return;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (view_eq(tier, known[i])) {
            json_put_member_string(&x->j, VIEW("service_tier"), tier);
            return;
        }
    llm_note(x->notes, VIEW("service_tier"));
}

static void put_options(struct request_writer *x, const struct llm_neutral *n,
                        const struct llm_rewrite *rewrite)
{
    struct json_writer *j = &x->j;

    if (n->n_tools) { /* without tools a choice among them says nothing */
        responses_put_tools(j, n);
        if (n->choice != LLM_CHOICE_UNSAID)
            responses_put_choice(j, n);
        if (n->parallel_calls >= 0)
            json_put_member_bool(j, VIEW("parallel_tool_calls"), n->parallel_calls > 0);
    }
    if (n->format != LLM_FORMAT_TEXT)
        responses_put_format(j, n);
    if (n->max_tokens)
        json_put_member_u64(j, VIEW("max_output_tokens"), n->max_tokens);
    put_sampling(x, n, rewrite->drop_sampling);
    put_include(x, n);
    put_reasoning_options(x, n);
    if (n->metadata.n)
        put_raw_member(j, VIEW("metadata"), n->metadata);
    put_optional(j, VIEW("user"), n->user);
    put_tier(x, n->service_tier);
    json_put_member_bool(j, VIEW("store"), false); /* a backend's default is to keep the answer */
    if (n->stream)
        json_put_member_bool(j, VIEW("stream"), true);
}

bool responses_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                             struct buf *out, struct buf *notes, struct error *err)
{
    struct request_writer x = {.j = JSON_WRITER(out), .notes = notes, .err = err};

    json_put_object(&x.j);
    json_put_member_string(&x.j, VIEW("model"), rewrite->model);
    if (!put_input(&x, request) || !lose_rest(&x, request))
        return false;
    put_options(&x, request, rewrite);
    json_put_close(&x.j);
    return buf_ok(out) || responses_no_memory(err);
}
