#include "llm/anthropic.h"
#include "json/writer.h"

bool anthropic_cannot_say(struct anthropic_request_writer *x, const char *param, const char *why)
{
    error_set(x->err, ERROR_BAD_VALUE, "The Anthropic messages API cannot say %s: %s.", param, why);
    error_hint(x->err, "Leave it out, or ask a model behind another API.");
    return error_param(x->err, view_str(param));
}

static void member(struct anthropic_request_writer *x, struct view raw_key, struct view raw)
{
    buf_append(x->out, raw_key);
    buf_append(x->out, raw);
}

static void note(struct anthropic_request_writer *x, const char *text)
{
    buf_append(x->notes, view_str(text));
}

static bool is_zero(struct view number)
{
    double value;

    return number.n && view_to_double(number, &value) && value == 0;
}

static bool write_sampling(struct anthropic_request_writer *x, bool drop)
{
    const struct llm_neutral *n = x->n;
    double value;

    if (drop) {
        if (n->temperature.n)
            note(x, "temperature dropped, ");
        if (n->top_p.n)
            note(x, "top_p dropped, ");
        if (n->top_k.n)
            note(x, "top_k dropped, ");
        return true;
    }
    if (n->temperature.n) {
        if (view_to_double(n->temperature, &value) && value > 1)
            return anthropic_cannot_say(x, "temperature", "its values end at 1");
        member(x, VIEW(",\"temperature\":"), n->temperature);
    }
    if (n->top_p.n)
        member(x, VIEW(",\"top_p\":"), n->top_p);
    if (n->top_k.n)
        member(x, VIEW(",\"top_k\":"), n->top_k);
    return true;
}

/* What this dialect has no field for; a value that asks for nothing is no loss. */
static bool write_losses(struct anthropic_request_writer *x)
{
    const struct llm_neutral *n = x->n;
    const struct {
        const char *field;
        bool said;
    } rows[] = {
        {"n", n->n.n && !view_eq(n->n, VIEW("1"))},
        {"seed", n->seed.n > 0},
        {"min_p", n->min_p.n && !is_zero(n->min_p)},
        {"presence_penalty", n->presence_penalty.n && !is_zero(n->presence_penalty)},
        {"frequency_penalty", n->frequency_penalty.n && !is_zero(n->frequency_penalty)},
        {"logprobs", n->logprobs},
        {"top_logprobs", n->top_logprobs.n && !is_zero(n->top_logprobs)},
        {"metadata", n->metadata.n > 0},
        {"keep_alive", n->keep_alive.n > 0},
        {"num_ctx", n->num_ctx.n > 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].said && !llm_lose("anthropic", view_str(rows[i].field), x->notes, x->err))
            return false;
    return llm_lose_extras("anthropic", n, x->notes, x->err);
}

static bool write_tools(struct anthropic_request_writer *x)
{
    const struct llm_neutral *n = x->n;

    if (n->n_tools == 0)
        return true;
    buf_append_lit(x->out, ",\"tools\":[");
    for (unsigned i = 0; i < n->n_tools; i++) {
        const struct llm_tool *tool = &n->tools[i];
        if (tool->foreign)
            return llm_foreign_tool("anthropic", i, tool->name, x->err);
        member(x, i ? VIEW(",{\"name\":") : VIEW("{\"name\":"), VIEW_NONE);
        json_quote(x->out, tool->name);
        if (tool->description.n) {
            buf_append_lit(x->out, ",\"description\":");
            json_quote(x->out, tool->description);
        }
        member(x, VIEW(",\"input_schema\":"),
               tool->parameters.n ? tool->parameters : VIEW("{\"type\":\"object\"}"));
        if (tool->strict >= 0)
            member(x, VIEW(",\"strict\":"), tool->strict ? VIEW("true") : VIEW("false"));
        if (tool->cache_control.n)
            member(x, VIEW(",\"cache_control\":"), tool->cache_control);
        buf_append_char(x->out, '}');
    }
    buf_append_char(x->out, ']');
    return true;
}

static bool write_choice(struct anthropic_request_writer *x)
{
    static const struct view types[] = {
        [LLM_CHOICE_UNSAID] = VIEW_LIT("auto"), [LLM_CHOICE_AUTO] = VIEW_LIT("auto"),
        [LLM_CHOICE_NONE] = VIEW_LIT("none"),   [LLM_CHOICE_ANY] = VIEW_LIT("any"),
        [LLM_CHOICE_NAMED] = VIEW_LIT("tool"),
    };
    const struct llm_neutral *n = x->n;

    if (n->n_tools == 0) { /* a choice among none is refused */
        if (n->choice == LLM_CHOICE_ANY || n->choice == LLM_CHOICE_NAMED)
            return anthropic_cannot_say(x, "tool_choice", "there are no tools");
        return true;
    }
    if (n->choice == LLM_CHOICE_UNSAID && n->parallel_calls != 0)
        return true;
    member(x, VIEW(",\"tool_choice\":{\"type\":\""), types[n->choice]);
    buf_append_char(x->out, '"');
    if (n->choice == LLM_CHOICE_NAMED) {
        buf_append_lit(x->out, ",\"name\":");
        json_quote(x->out, n->choice_name);
    }
    if (n->parallel_calls >= 0 && n->choice != LLM_CHOICE_NONE)
        member(x, VIEW(",\"disable_parallel_tool_use\":"),
               n->parallel_calls ? VIEW("false") : VIEW("true"));
    buf_append_char(x->out, '}');
    return true;
}

/* The effort in this dialect's words; empty: it has none for it. */
static struct view effort_of(struct view effort)
{
    static const struct view known[] = {VIEW_LIT("low"), VIEW_LIT("medium"), VIEW_LIT("high"),
                                        VIEW_LIT("xhigh"), VIEW_LIT("max")};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (view_eq(effort, known[i]))
            return known[i];
    return view_eq(effort, VIEW("minimal")) ? VIEW("low") : VIEW_NONE;
}

static bool write_format(struct anthropic_request_writer *x)
{
    const struct llm_neutral *n = x->n;
    struct view effort = effort_of(n->effort);

    if (n->format == LLM_FORMAT_JSON)
        return anthropic_cannot_say(x, "response_format", "it knows no JSON without a schema");
    bool schema = n->format == LLM_FORMAT_SCHEMA;
    if (schema && !n->schema.n)
        return anthropic_cannot_say(x, "response_format", "the schema is missing");
    if (schema && n->schema_description.n)
        note(x, "description of the schema dropped, ");
    if (n->effort.n && !effort.n && !view_eq(n->effort, VIEW("none")))
        note(x, "reasoning effort dropped, ");
    else if (view_eq(n->effort, VIEW("minimal")))
        note(x, "reasoning effort raised to low, ");
    if (!schema && !effort.n)
        return true;
    buf_append_lit(x->out, ",\"output_config\":{");
    if (effort.n) {
        member(x, VIEW("\"effort\":\""), effort);
        member(x, schema ? VIEW("\",") : VIEW("\""), VIEW_NONE);
    }
    if (schema) {
        member(x, VIEW("\"format\":{\"type\":\"json_schema\",\"schema\":"), n->schema);
        buf_append_char(x->out, '}');
    }
    buf_append_char(x->out, '}');
    return true;
}

static void write_thinking(struct anthropic_request_writer *x)
{
    const struct llm_neutral *n = x->n;

    if (n->thinking == 0 || (n->thinking < 0 && view_eq(n->effort, VIEW("none")))) {
        buf_append_lit(x->out, ",\"thinking\":{\"type\":\"disabled\"}");
    } else if (n->thinking == 1 && n->thinking_budget) {
        buf_append_lit(x->out, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":");
        buf_append_u64(x->out, n->thinking_budget);
        buf_append_char(x->out, '}');
    } else if (n->thinking == 1) {
        buf_append_lit(x->out, ",\"thinking\":{\"type\":\"adaptive\"}");
    }
}

static void write_max_tokens(struct anthropic_request_writer *x)
{
    uint64_t tokens = x->n->max_tokens;

    if (!tokens) {
        /* The budget of thinking must fit into it. */
        tokens = ANTHROPIC_MAX_TOKENS + (uint64_t)x->n->thinking_budget;
        note(x, "max_tokens set to ");
        buf_append_u64(x->notes, tokens);
        note(x, ", ");
    }
    buf_append_lit(x->out, ",\"max_tokens\":");
    buf_append_u64(x->out, tokens);
}

static void write_stops(struct anthropic_request_writer *x)
{
    unsigned written = 0;

    for (unsigned i = 0; i < x->n->n_stops; i++) {
        if (!x->n->stops[i].n)
            continue;
        member(x, written++ ? VIEW(",") : VIEW(",\"stop_sequences\":["), VIEW_NONE);
        json_quote(x->out, x->n->stops[i]);
    }
    if (written)
        buf_append_char(x->out, ']');
}

static void write_tier(struct anthropic_request_writer *x)
{
    struct view tier = x->n->service_tier;

    if (view_eq(tier, VIEW("auto")))
        buf_append_lit(x->out, ",\"service_tier\":\"auto\"");
    else if (view_eq(tier, VIEW("default")) || view_eq(tier, VIEW("standard_only")))
        buf_append_lit(x->out, ",\"service_tier\":\"standard_only\"");
    else if (tier.n)
        note(x, "service_tier dropped, ");
}

bool anthropic_request_write(const struct llm_neutral *request, const struct llm_rewrite *rewrite,
                             struct buf *out, struct buf *notes, struct error *err)
{
    struct anthropic_request_writer x = {.n = request, .out = out, .notes = notes, .err = err};

    buf_append_lit(out, "{\"model\":");
    json_quote(out, rewrite->model);
    write_max_tokens(&x);
    if (!anthropic_write_messages(&x) || !write_tools(&x) || !write_choice(&x) ||
        !write_sampling(&x, rewrite->drop_sampling) || !write_losses(&x))
        return false;
    write_stops(&x);
    write_thinking(&x);
    if (!write_format(&x))
        return false;
    if (request->user.n) {
        buf_append_lit(out, ",\"metadata\":{\"user_id\":");
        json_quote(out, request->user);
        buf_append_char(out, '}');
    }
    write_tier(&x);
    if (request->stream)
        buf_append_lit(out, ",\"stream\":true");
    buf_append_char(out, '}');
    return (buf_ok(out) && buf_ok(notes)) || anthropic_no_memory(err);
}
