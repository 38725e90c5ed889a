/* The edits of a chat request on its way to one candidate: a handful of spans are replaced, all
 * else stays the client's bytes. */
#include "llm/openai_chat.h"
#include "json/writer.h"

#define MAX_EDITS 6

struct edit {
    struct llm_span span; /* n == 0: an insertion before `at` */
    struct view text;     /* what stands there instead */
    bool drop;            /* a member, to be removed together with one comma */
};

struct editor {
    const struct llm_request *req;
    struct edit edits[MAX_EDITS];
    unsigned n;
    char notes[128];
    size_t notes_n;
};

static void add_edit(struct editor *e, struct edit edit)
{
    unsigned i = e->n++;

    for (; i > 0 && e->edits[i - 1].span.at > edit.span.at; i--)
        e->edits[i] = e->edits[i - 1];
    e->edits[i] = edit;
}

static void note(struct editor *e, struct view text)
{
    if (e->notes_n > 0) {
        memcpy(e->notes + e->notes_n, ", ", 2);
        e->notes_n += 2;
    }
    memcpy(e->notes + e->notes_n, text.p, text.n);
    e->notes_n += text.n;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static uint32_t skip_space(struct view body, uint32_t at)
{
    while (at < body.n && is_space(body.p[at]))
        at++;
    return at;
}

/* Behind the opening brace of the object at `at`. */
static uint32_t inside(struct view body, uint32_t at)
{
    return skip_space(body, at) + 1;
}

static void drop_member(struct editor *e, struct llm_span member, struct view words)
{
    if (member.n == 0)
        return;
    add_edit(e, (struct edit){.span = member, .drop = true});
    note(e, words);
}

/* Gives a limit the name that the model knows; where both stand there, the one it knows stays. */
static void rename_limit(struct editor *e, struct llm_span from, struct llm_span other,
                         struct view to, struct view renamed, struct view dropped)
{
    const char *key = e->req->body.p + from.at;
    uint32_t n = 1;

    if (from.n == 0)
        return;
    if (other.n) {
        drop_member(e, from, dropped);
        return;
    }
    while (key[n] != '"') /* the key may be written with escapes */
        n += key[n] == '\\' ? 2 : 1;
    add_edit(e, (struct edit){.span = {from.at, n + 1}, .text = to});
    note(e, renamed);
}

static void edit_usage(struct editor *e)
{
    const struct llm_request *req = e->req;
    struct llm_span options = req->stream_options;
    const char *body = req->body.p;
    struct edit edit = {.text = VIEW("{\"include_usage\":true}")};

    if (!req->stream || req->include_usage)
        return;
    if (options.n == 0) {
        /* In front of the first member; there is one, for `model` always stands somewhere. */
        edit.span = (struct llm_span){inside(req->body, 0), 0};
        edit.text = VIEW("\"stream_options\":{\"include_usage\":true},");
    } else if (req->usage_value.n) {
        edit.span = req->usage_value;
        edit.text = VIEW("true");
    } else {
        uint32_t first = skip_space(req->body, inside(req->body, options.at));
        edit.span = options; /* null and {} are replaced whole */
        if (body[options.at] == '{' && body[first] != '}') {
            edit.span = (struct llm_span){first, 0};
            edit.text = VIEW("\"include_usage\":true,");
        }
    }
    add_edit(e, edit);
    note(e, VIEW("include_usage added"));
}

struct llm_span openai_chat_cut(struct view body, struct llm_span member, uint32_t *lead)
{
    uint32_t from = member.at, to = member.at + member.n;

    if (*lead == 0)
        *lead = inside(body, 0);
    if (skip_space(body, *lead) == from) {
        to = skip_space(body, to);
        if (body.p[to] == ',')
            to++;
        *lead = to;
    } else {
        do
            from--;
        while (body.p[from] != ',');
    }
    return (struct llm_span){from, to - from};
}

static void add_piece(struct llm_body *body, struct view piece)
{
    if (piece.n == 0)
        return;
    body->pieces[body->n++] = piece;
    body->bytes += piece.n;
}

static void apply(const struct editor *e, struct llm_body *ret_body)
{
    struct view body = e->req->body;
    uint32_t at = 0, lead = 0;

    ret_body->n = 0;
    ret_body->bytes = 0;
    for (unsigned i = 0; i < e->n; i++) {
        struct llm_span span = e->edits[i].span;
        if (e->edits[i].drop)
            span = openai_chat_cut(body, span, &lead);
        add_piece(ret_body, view_of(body.p + at, span.at - at));
        add_piece(ret_body, e->edits[i].text);
        at = span.at + span.n;
    }
    add_piece(ret_body, view_skip(body, at));
}

bool openai_chat_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                              struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                              struct error *err)
{
    struct editor e = {.req = request};
    struct buf name = BUF_MAX(8 * LLM_MAX_MODEL);

    json_quote(&name, rewrite->model);
    struct view model = buf_ok(&name) ? arena_dup(a, buf_view(&name)) : VIEW("");
    buf_done(&name);
    if (!model.n)
        return error_set(err, ERROR_NO_MEMORY,
                         "The request to the backend needs more memory than one exchange may use.");
    add_edit(&e, (struct edit){.span = request->model_value, .text = model});
    if (rewrite->add_usage)
        edit_usage(&e);
    if (rewrite->max_completion_tokens)
        rename_limit(&e, request->max_tokens_member, request->max_completion_tokens_member,
                     VIEW("\"max_completion_tokens\""), VIEW("max_tokens renamed"),
                     VIEW("max_tokens dropped"));
    else if (rewrite->max_tokens)
        rename_limit(&e, request->max_completion_tokens_member, request->max_tokens_member,
                     VIEW("\"max_tokens\""), VIEW("max_completion_tokens renamed"),
                     VIEW("max_completion_tokens dropped"));
    if (rewrite->drop_sampling) {
        drop_member(&e, request->temperature_member, VIEW("temperature dropped"));
        drop_member(&e, request->top_p_member, VIEW("top_p dropped"));
    }
    if (rewrite->goes_on)
        add_edit(&e, (struct edit){.span = {inside(request->body, 0), 0},
                                   .text = VIEW("\"continue_final_message\":true,"
                                                "\"add_generation_prompt\":false,")});
    struct view notes = e.notes_n ? arena_dup(a, view_of(e.notes, e.notes_n)) : VIEW("");
    if (e.notes_n && !notes.n)
        return error_set(err, ERROR_NO_MEMORY,
                         "The request to the backend needs more memory than one exchange may use.");
    apply(&e, ret_body);
    *ret_notes = notes;
    return true;
}
