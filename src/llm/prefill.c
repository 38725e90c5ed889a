#include "llm/prefill.h"

#include "llm/models.h"
#include "json/reader.h"
#include "json/writer.h"

enum { PREFILL_SLACK = 4096 };

bool llm_goes_on(enum engine engine, enum llm_dialect asked, struct view model)
{
    switch ((int)asked) {
    case LLM_OPENAI_CHAT:
        return engine == ENGINE_VLLM || engine == ENGINE_LLAMACPP;
    case LLM_ANTHROPIC:
        return engine == ENGINE_LLAMACPP ||
               (engine == ENGINE_ANTHROPIC && llm_model_facts(model).goes_on);
    case LLM_OLLAMA:
        return engine == ENGINE_OLLAMA;
    default:
        return false;
    }
}

bool llm_may_go_on(const struct llm_neutral *request)
{
    bool one = request->n.n == 0 || view_eq(request->n, VIEW("1"));
    bool begun =
        request->n_turns == 0 || request->turns[request->n_turns - 1].role == LLM_ASSISTANT;

    return one && !begun && request->format == LLM_FORMAT_TEXT && !request->logprobs &&
           request->thinking != 1 && !request->embed && request->load == LLM_LOAD_NONE;
}

/* ---- the body with one turn more ------------------------------------------------------------- */

struct prefill {
    struct json_reader r;
    struct view body, said;
    uint32_t spent, copied; /* the body up to there stands in `out` */
    struct buf *out;
    bool has_turn;
};

static void copy_up_to(struct prefill *p, uint32_t at)
{
    buf_append(p->out, view_of(p->body.p + p->copied, at - p->copied));
    p->copied = at;
}

static void put_turn(struct prefill *p)
{
    struct json_writer w = JSON_WRITER(p->out);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("role"), VIEW("assistant"));
    json_put_member_string(&w, VIEW("content"), p->said);
    json_put_close(&w);
    p->has_turn = true;
}

/* Behind the last of an array that is not empty. */
static void add_to_turns(struct prefill *p)
{
    struct view turns;

    if (!json_value(&p->r, &turns))
        return;
    copy_up_to(p, json_offset(&p->r) - 1);
    buf_append_char(p->out, ',');
    put_turn(p);
}

/* Responses: a text alone is the user's turn. */
static void add_to_text(struct prefill *p)
{
    struct view text;

    json_peek(&p->r);
    copy_up_to(p, json_offset(&p->r));
    if (!json_value(&p->r, &text))
        return;
    buf_append_lit(p->out, "[{\"role\":\"user\",\"content\":");
    copy_up_to(p, json_offset(&p->r));
    buf_append_lit(p->out, "},");
    put_turn(p);
    buf_append_char(p->out, ']');
}

static void lessen(struct prefill *p)
{
    struct view number;
    uint64_t limit;

    if (json_peek(&p->r) != JSON_NUMBER) {
        json_skip(&p->r);
        return;
    }
    uint32_t at = json_offset(&p->r);
    if (!json_number(&p->r, &number) || !view_to_u64(number, &limit))
        return;
    copy_up_to(p, at);
    buf_append_u64(p->out, limit > p->spent ? limit - p->spent : 1);
    p->copied = json_offset(&p->r);
}

static void edit_options(struct prefill *p)
{
    struct json_object o;

    if (json_peek(&p->r) != JSON_OBJECT) {
        json_skip(&p->r);
        return;
    }
    json_object_begin(&p->r, &o);
    while (json_object_next(&p->r, &o)) {
        if (json_key_is(&o, "num_predict"))
            lessen(p);
        else
            json_skip(&p->r);
    }
}

static void edit_member(struct prefill *p, const struct json_object *o)
{
    enum json_type type = json_peek(&p->r);

    if ((json_key_is(o, "messages") || json_key_is(o, "input")) && type == JSON_ARRAY)
        add_to_turns(p);
    else if (json_key_is(o, "input") && type == JSON_STRING)
        add_to_text(p);
    else if (json_key_is(o, "max_tokens") || json_key_is(o, "max_completion_tokens") ||
             json_key_is(o, "max_output_tokens"))
        lessen(p);
    else if (json_key_is(o, "options"))
        edit_options(p);
    else
        json_skip(&p->r);
}

static bool edit(struct prefill *p)
{
    struct json_object o;

    json_begin(&p->r, p->body);
    json_object_begin(&p->r, &o);
    while (json_object_next(&p->r, &o))
        edit_member(p, &o);
    copy_up_to(p, (uint32_t)p->body.n);
    return json_end(&p->r) && p->has_turn;
}

bool llm_prefill(const struct llm_request *request, struct view said, uint32_t spent,
                 struct arena *a, struct llm_request *ret, struct error *err)
{
    struct buf out = BUF_MAX(request->body.n + 6 * said.n + PREFILL_SLACK);
    struct prefill p = {.body = request->body, .said = said, .spent = spent, .out = &out};
    struct llm_request read;

    bool ok = edit(&p) || error_set(err, ERROR_NOT_CONTINUED, "the request has no turns to add to");
    if (ok && !buf_ok(&out))
        ok = error_set(err, ERROR_NO_MEMORY, "no memory to go on with a request");
    struct view body = ok ? arena_dup(a, buf_view(&out)) : VIEW_NONE;
    buf_done(&out);
    if (!ok || (body.n == 0 && !error_set(err, ERROR_NO_MEMORY, "no memory to go on")) ||
        !llm_request_read(request->dialect, body, a, &read, err))
        return false;
    *ret = read;
    return true;
}

/* ---- Ollama ---------------------------------------------------------------------------------- */

static void put_raw_member(struct json_writer *w, struct view key, struct view raw)
{
    json_put_key(w, key);
    json_put_raw(w, raw);
}

void llm_prefill_render(struct view chat, struct buf *out)
{
    buf_append_lit(out, "{\"_debug_render_only\":true,");
    buf_append(out, view_skip(chat, 1));
}

/* {"_debug_info":{"rendered_template":...}} */
static struct view prompt_of(struct view rendered, struct arena *a)
{
    struct json_reader r;
    struct json_object o, info;
    struct json_text text = {.escaped = false};

    json_begin(&r, rendered);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!json_key_is(&o, "_debug_info") || json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        json_object_begin(&r, &info);
        while (json_object_next(&r, &info)) {
            if (json_key_is(&info, "rendered_template"))
                json_string(&r, &text);
            else
                json_skip(&r);
        }
    }
    return json_failed(&r) ? VIEW_NONE : json_decode(text, a);
}

bool llm_prefill_generate(struct view chat, struct view rendered, struct arena *a, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    struct json_reader r;
    struct json_object o;
    struct view prompt = prompt_of(rendered, a), value;
    size_t end = prompt.n;

    while (end > 0 && !view_ends(view_first(prompt, end), LLM_PREFILL_MARK))
        end--;
    if (end == 0)
        return false;
    json_put_object(&w);
    json_put_member_bool(&w, VIEW("raw"), true);
    json_put_member_string(&w, VIEW("prompt"), view_first(prompt, end - LLM_PREFILL_MARK.n));
    json_begin(&r, chat);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!json_value(&r, &value))
            break;
        if (json_key_is(&o, "model") || json_key_is(&o, "options") || json_key_is(&o, "stream") ||
            json_key_is(&o, "keep_alive"))
            put_raw_member(&w, o.key, value);
    }
    json_put_close(&w);
    return !json_failed(&r) && buf_ok(out);
}
