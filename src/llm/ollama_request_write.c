/* Neutral requests as Ollama's /api/chat wants them. */
#include "llm/ollama.h"

#define MAX_LOOK_BACK 1024

enum note {
    NOTE_SIGNATURE = 1 << 0,
    NOTE_REDACTED = 1 << 1,
    NOTE_CACHE = 1 << 2,
    NOTE_DETAIL = 1 << 3,
    NOTE_NAME = 1 << 4,
    NOTE_STRICT = 1 << 5,
    NOTE_FAILED = 1 << 6,
};

struct writing {
    const struct llm_neutral *n;
    struct json_writer w;
    struct error *err;
    unsigned notes; /* bits of enum note */
};

static bool cannot(struct error *err, struct view param, const char *what)
{
    error_set(err, ERROR_BAD_VALUE, "Ollama's API cannot say %s.", what);
    return error_param(err, param);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void put_role(struct writing *x, struct view role)
{
    json_put_object(&x->w);
    json_put_member_string(&x->w, VIEW("role"), role);
}

/* The parts of one kind, or two, as one string; a newline stands between two parts. */
static void put_texts(struct writing *x, const struct llm_turn *turn, enum llm_part_kind kind,
                      enum llm_part_kind other)
{
    const struct llm_part *only = NULL;
    unsigned n = 0;
    size_t room = 0;

    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *p = &turn->parts[i];
        if ((p->kind != kind && p->kind != other) || (p->kind == LLM_PART_THINKING && p->redacted))
            continue;
        only = p;
        n++;
        room += p->text.n + 1;
    }
    if (n <= 1) {
        json_put_string(&x->w, only ? only->text : VIEW(""));
        return;
    }
    struct buf joined = BUF_MAX(room);
    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *p = &turn->parts[i];
        if ((p->kind != kind && p->kind != other) || (p->kind == LLM_PART_THINKING && p->redacted))
            continue;
        if (joined.len)
            buf_append_char(&joined, '\n');
        buf_append(&joined, p->text);
    }
    if (!buf_ok(&joined))
        x->w.out->failed = true;
    json_put_string(&x->w, buf_view(&joined));
    buf_done(&joined);
}

static bool put_images(struct writing *x, const struct llm_part *parts, unsigned n)
{
    bool open = false;

    for (unsigned i = 0; i < n; i++) {
        if (parts[i].kind != LLM_PART_IMAGE)
            continue;
        if (!parts[i].data.n)
            return cannot(x->err, VIEW("messages.image_url"),
                          "an image by its address, only by its data");
        if (!open) {
            json_put_key(&x->w, VIEW("images"));
            json_put_array(&x->w);
            open = true;
        }
        json_put_string(&x->w, parts[i].data);
        if (parts[i].detail.n && !view_eq(parts[i].detail, VIEW("auto")))
            x->notes |= NOTE_DETAIL;
    }
    if (open)
        json_put_close(&x->w);
    return true;
}

static void put_calls(struct writing *x, const struct llm_turn *turn)
{
    json_put_key(&x->w, VIEW("tool_calls"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *p = &turn->parts[i];
        if (p->kind != LLM_PART_CALL)
            continue;
        json_put_object(&x->w);
        if (p->id.n)
            json_put_member_string(&x->w, VIEW("id"), p->id);
        json_put_key(&x->w, VIEW("function"));
        json_put_object(&x->w);
        json_put_member_string(&x->w, VIEW("name"), p->name);
        json_put_key(&x->w, VIEW("arguments"));
        ollama_put_arguments(x->w.out, p->arguments);
        x->w.comma = true;
        json_put_close(&x->w);
        json_put_close(&x->w);
    }
    json_put_close(&x->w);
}

/* The name of the function whose call has this id, looked for backwards. */
static struct view name_of_call(const struct llm_neutral *n, unsigned turn, struct view id)
{
    unsigned seen = 0;

    for (unsigned t = turn; t-- > 0 && seen < MAX_LOOK_BACK;)
        for (unsigned i = n->turns[t].n_parts; i-- > 0 && seen < MAX_LOOK_BACK; seen++) {
            const struct llm_part *p = &n->turns[t].parts[i];
            if (p->kind == LLM_PART_CALL && view_eq(p->id, id))
                return p->name;
        }
    return VIEW_NONE;
}

/* Each result is a message of its own. */
static bool put_result(struct writing *x, unsigned turn, const struct llm_part *p)
{
    struct view name = p->name.n ? p->name : name_of_call(x->n, turn, p->id);

    put_role(x, VIEW("tool"));
    json_put_member_string(&x->w, VIEW("content"), p->text);
    if (name.n)
        json_put_member_string(&x->w, VIEW("tool_name"), name);
    if (p->id.n)
        json_put_member_string(&x->w, VIEW("tool_call_id"), p->id);
    if (!put_images(x, p->images, p->n_images))
        return false;
    json_put_close(&x->w);
    x->notes |= p->failed ? NOTE_FAILED : 0;
    return true;
}

static void note_part(struct writing *x, const struct llm_part *p)
{
    if (p->cache_control.n)
        x->notes |= NOTE_CACHE;
    if (p->kind == LLM_PART_THINKING && p->redacted)
        x->notes |= NOTE_REDACTED;
    else if (p->kind == LLM_PART_THINKING && p->signature.n)
        x->notes |= NOTE_SIGNATURE;
}

static bool put_turn(struct writing *x, unsigned index)
{
    static const struct view roles[] = {[LLM_SYSTEM] = VIEW_LIT("system"),
                                        [LLM_USER] = VIEW_LIT("user"),
                                        [LLM_ASSISTANT] = VIEW_LIT("assistant"),
                                        [LLM_TOOL] = VIEW_LIT("user")};
    const struct llm_turn *turn = &x->n->turns[index];
    unsigned kinds = 0;

    for (unsigned i = 0; i < turn->n_parts; i++) {
        const struct llm_part *p = &turn->parts[i];
        note_part(x, p);
        if (p->kind == LLM_PART_OTHER)
            return cannot(x->err, p->name.n ? p->name : VIEW("messages"),
                          "what one part of a message holds");
        if (p->kind == LLM_PART_RESULT && !put_result(x, index, p))
            return false;
        kinds |= p->kind == LLM_PART_THINKING && p->redacted ? 0 : 1U << p->kind;
    }
    if (turn->name.n)
        x->notes |= NOTE_NAME;
    if ((kinds & ~(1U << LLM_PART_RESULT)) == 0 && kinds != 0)
        return true;
    put_role(x, roles[turn->role]);
    json_put_key(&x->w, VIEW("content"));
    put_texts(x, turn, LLM_PART_TEXT, LLM_PART_REFUSAL);
    if (kinds & 1U << LLM_PART_THINKING) {
        json_put_key(&x->w, VIEW("thinking"));
        put_texts(x, turn, LLM_PART_THINKING, LLM_PART_THINKING);
    }
    if (!put_images(x, turn->parts, turn->n_parts))
        return false;
    if (kinds & 1U << LLM_PART_CALL)
        put_calls(x, turn);
    json_put_close(&x->w);
    return true;
}

static bool put_messages(struct writing *x)
{
    json_put_key(&x->w, VIEW("messages"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < x->n->n_turns; i++)
        if (!put_turn(x, i))
            return false;
    json_put_close(&x->w);
    return true;
}

/* ---- tools and options ----------------------------------------------------------------------- */

static bool put_tools(struct writing *x)
{
    json_put_key(&x->w, VIEW("tools"));
    json_put_array(&x->w);
    for (unsigned i = 0; i < x->n->n_tools; i++) {
        const struct llm_tool *t = &x->n->tools[i];
        if (t->foreign)
            return llm_foreign_tool("ollama", i, t->name, x->err);
        json_put_object(&x->w);
        json_put_member_string(&x->w, VIEW("type"), VIEW("function"));
        json_put_key(&x->w, VIEW("function"));
        json_put_object(&x->w);
        json_put_member_string(&x->w, VIEW("name"), t->name);
        if (t->description.n)
            json_put_member_string(&x->w, VIEW("description"), t->description);
        json_put_key(&x->w, VIEW("parameters"));
        json_put_raw(&x->w, t->parameters.n ? t->parameters
                                            : VIEW("{\"type\":\"object\",\"properties\":{}}"));
        json_put_close(&x->w);
        json_put_close(&x->w);
        x->notes |= (t->strict == 1 ? NOTE_STRICT : 0) | (t->cache_control.n ? NOTE_CACHE : 0);
    }
    json_put_close(&x->w);
    return true;
}

static void option_key(struct writing *x, bool *open, struct view key)
{
    if (!*open) {
        json_put_key(&x->w, VIEW("options"));
        json_put_object(&x->w);
        *open = true;
    }
    json_put_key(&x->w, key);
}

static void put_options(struct writing *x, bool sampling)
{
    const struct llm_neutral *n = x->n;
    const struct {
        struct view key, raw;
    } numbers[] = {
        {VIEW("num_ctx"), n->num_ctx},
        {VIEW("temperature"), sampling ? n->temperature : VIEW_NONE},
        {VIEW("top_p"), sampling ? n->top_p : VIEW_NONE},
        {VIEW("top_k"), n->top_k},
        {VIEW("min_p"), n->min_p},
        {VIEW("seed"), n->seed},
        {VIEW("presence_penalty"), n->presence_penalty},
        {VIEW("frequency_penalty"), n->frequency_penalty},
    };
    bool open = false;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!numbers[i].raw.n)
            continue;
        option_key(x, &open, numbers[i].key);
        json_put_raw(&x->w, numbers[i].raw);
    }
    if (n->max_tokens) {
        option_key(x, &open, VIEW("num_predict"));
        json_put_u64(&x->w, n->max_tokens);
    }
    if (n->n_stops) {
        option_key(x, &open, VIEW("stop"));
        json_put_array(&x->w);
        for (unsigned i = 0; i < n->n_stops; i++)
            json_put_string(&x->w, n->stops[i]);
        json_put_close(&x->w);
    }
    if (open)
        json_put_close(&x->w);
}

/* The engine knows on, off and three levels. */
static void put_think(struct writing *x)
{
    const struct llm_neutral *n = x->n;
    struct view level = VIEW_NONE;

    if (n->thinking != 0 && n->effort.n && !view_eq(n->effort, VIEW("none"))) {
        if (view_eq(n->effort, VIEW("minimal")) || view_eq(n->effort, VIEW("low")))
            level = VIEW("low");
        else if (view_eq(n->effort, VIEW("medium")))
            level = VIEW("medium");
        else
            level = VIEW("high");
    } else if (n->thinking < 0 && !n->effort.n) {
        return;
    }
    json_put_key(&x->w, VIEW("think"));
    if (level.n)
        json_put_string(&x->w, level);
    else
        json_put_bool(&x->w, n->thinking == 1 && !n->effort.n);
}

static void put_format(struct writing *x)
{
    if (x->n->format == LLM_FORMAT_TEXT)
        return;
    json_put_key(&x->w, VIEW("format"));
    if (x->n->format == LLM_FORMAT_JSON || !x->n->schema.n)
        json_put_string(&x->w, VIEW("json"));
    else
        json_put_raw(&x->w, x->n->schema);
}

/* ---- what cannot be said --------------------------------------------------------------------- */

static bool check(const struct llm_neutral *n, struct error *err)
{
    if (n->choice == LLM_CHOICE_ANY || n->choice == LLM_CHOICE_NAMED)
        return cannot(err, VIEW("tool_choice"), "by tool_choice that a tool must be called");
    if (n->parallel_calls == 0 && n->n_tools && n->choice != LLM_CHOICE_NONE)
        return cannot(err, VIEW("parallel_tool_calls"), "that one tool at most may be called");
    if (n->n.n && !view_eq(n->n, VIEW("1")))
        return cannot(err, VIEW("n"), "how many answers are wanted");
    return true;
}

static void write_notes(const struct writing *x, bool sampling, struct buf *notes)
{
    const struct llm_neutral *n = x->n;
    bool schema = n->format == LLM_FORMAT_SCHEMA;
    const struct {
        bool dropped;
        struct view words;
    } rows[] = {
        {x->notes & NOTE_SIGNATURE, VIEW("signature")},
        {x->notes & NOTE_REDACTED, VIEW("redacted_thinking")},
        {x->notes & NOTE_CACHE, VIEW("cache_control")},
        {x->notes & NOTE_DETAIL, VIEW("detail")},
        {x->notes & NOTE_NAME, VIEW("name")},
        {x->notes & NOTE_STRICT, VIEW("strict")},
        {x->notes & NOTE_FAILED, VIEW("is_error")},
        {!sampling && n->temperature.n, VIEW("temperature")},
        {!sampling && n->top_p.n, VIEW("top_p")},
        {schema && (n->schema_name.n || n->schema_description.n), VIEW("json_schema.name")},
        {n->thinking_budget != 0, VIEW("budget_tokens")},
        {n->user.n, VIEW("user")},
        {n->metadata.n, VIEW("metadata")},
        {n->service_tier.n, VIEW("service_tier")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].dropped)
            continue;
        buf_append(notes, rows[i].words);
        buf_append_lit(notes, " dropped, ");
    }
}

bool ollama_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                          struct buf *out, struct buf *notes, struct error *err)
{
    struct writing x = {.n = request, .w = JSON_WRITER(out), .err = err};
    size_t from = out->len;

    if (!check(request, err) || !llm_lose_extras("ollama", request, notes, err))
        return false;
    json_put_object(&x.w);
    json_put_member_string(&x.w, VIEW("model"), rewrite->model);
    if (!put_messages(&x) ||
        (request->n_tools && request->choice != LLM_CHOICE_NONE && !put_tools(&x))) {
        out->len = from;
        return false;
    }
    put_format(&x);
    put_think(&x);
    json_put_member_bool(&x.w, VIEW("stream"), request->stream);
    json_put_member_bool(&x.w, VIEW("truncate"), false); /* see OLLAMA_WHOLE_PROMPT */
    json_put_member_bool(&x.w, VIEW("shift"), false);
    if (request->keep_alive.n) {
        json_put_key(&x.w, VIEW("keep_alive"));
        json_put_raw(&x.w, request->keep_alive);
    }
    if (request->logprobs)
        json_put_member_bool(&x.w, VIEW("logprobs"), true);
    if (request->top_logprobs.n) {
        json_put_key(&x.w, VIEW("top_logprobs"));
        json_put_raw(&x.w, request->top_logprobs);
    }
    put_options(&x, !rewrite->drop_sampling);
    json_put_close(&x.w);
    if (!buf_ok(out))
        return ollama_no_memory(err);
    write_notes(&x, !rewrite->drop_sampling, notes);
    return true;
}
