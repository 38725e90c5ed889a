/* Ollama on both sides: only the model's name is replaced. */
#include "llm/ollama.h"

#include "llm/said.h"

static void keep(struct llm_answer *answer, const struct ollama_line *line)
{
    answer->text_bytes += line->content.raw.n + line->thinking.raw.n + line->calls.n;
    if (line->usage.reported)
        answer->usage = line->usage;
    if (line->done) {
        struct view reason = line->done_reason.raw.n ? line->done_reason.raw : VIEW("stop");
        reason = view_first(reason, sizeof(answer->finish) - 1);
        memcpy(answer->finish, reason.p, reason.n);
        answer->finish[reason.n] = '\0';
    }
}

static void keep_said(struct llm_said *said, struct view data, const struct ollama_line *line)
{
    llm_said_first(said, data);
    llm_said_piece(said, line->content);
    said->more |= line->thinking.raw.n || line->calls.n || line->logprobs.n;
}

static unsigned kinds_of(const struct ollama_line *line)
{
    bool content = line->content.raw.n || line->thinking.raw.n || line->calls.n;

    return (content ? LLM_EVENT_CONTENT : 0) | (line->usage.reported ? LLM_EVENT_USAGE : 0) |
           (line->done ? LLM_EVENT_FINISH | LLM_EVENT_DONE : 0);
}

bool ollama_event_pass(struct llm_answer *answer, struct view name, struct view data,
                       struct buf *out, unsigned *ret_kinds, struct error *err)
{
    struct ollama_line line;

    (void)name;
    if (view_trim(data).n == 0) {
        *ret_kinds = 0;
        return true;
    }
    if (!ollama_line_read(data, &line, err))
        return false;
    if (line.failed) {
        llm_upstream_error(data, err);
        *ret_kinds = LLM_EVENT_ERROR;
        return true;
    }
    struct llm_span model = line.model_value;
    if (model.n) {
        ollama_put_line(out, view_first(data, model.at));
        json_quote(out, answer->model);
    }
    ollama_put_line(out, view_skip(data, model.at + model.n));
    buf_append_char(out, '\n');
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY,
                         "A line of the answer does not fit into the client's buffer.");
    keep(answer, &line);
    if (answer->said)
        keep_said(answer->said, data, &line);
    *ret_kinds = kinds_of(&line);
    return true;
}

bool ollama_replace(struct view body, struct llm_span span, struct view model, struct arena *a,
                    struct llm_body *ret_body, struct error *err)
{
    struct buf quoted = BUF_MAX(8 * LLM_MAX_MODEL);
    struct llm_body out = {.n = 0};

    json_quote(&quoted, model);
    struct view name = buf_ok(&quoted) ? arena_dup(a, buf_view(&quoted)) : VIEW("");
    buf_done(&quoted);
    if (name.n == 0)
        return error_set(err, ERROR_NO_MEMORY, "The exchange needs more memory than one may use.");
    const struct view pieces[] = {view_first(body, span.at), span.n ? name : VIEW_NONE,
                                  view_skip(body, span.at + span.n)};
    for (unsigned i = 0; i < 3; i++) {
        if (pieces[i].n == 0)
            continue;
        out.pieces[out.n++] = pieces[i];
        out.bytes += pieces[i].n;
    }
    *ret_body = out;
    return true;
}

bool ollama_plain_pass(struct llm_answer *answer, struct view body, struct arena *a,
                       struct llm_body *ret_body, struct error *err)
{
    struct ollama_line line;

    if (!ollama_line_read(body, &line, err))
        return false;
    if (line.failed)
        return llm_upstream_error(body, err);
    if (!line.done)
        return ollama_protocol(err, "is not done");
    if (!ollama_replace(body, line.model_value, answer->model, a, ret_body, err))
        return false;
    keep(answer, &line);
    return true;
}

bool ollama_request_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                         struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                         struct error *err)
{
    struct llm_span model = request->model_value;
    struct json_reader r;
    struct json_object o;

    if (model.n == 0) {
        json_begin(&r, request->body);
        json_object_begin(&r, &o);
        while (model.n == 0 && json_object_next(&r, &o)) {
            bool here = json_key_is(&o, "model");
            json_peek(&r);
            uint32_t at = json_offset(&r);
            if (json_skip(&r) && here)
                model = llm_span_from(&r, at);
        }
        if (model.n == 0)
            return error_set(err, ERROR_INTERNAL, "The request has no model to be replaced.");
    }
    if (!ollama_replace(request->body, model, rewrite->model, a, ret_body, err))
        return false;
    *ret_notes = VIEW("");
    return true;
}

/* Ollama cuts a prompt that is longer than its window and forgets its beginning when the answer
 * grows beyond it, without a word, unless it is told not to. Who asked for either is left alone. */
static struct view whole_prompt(struct view body)
{
    struct json_reader r;
    struct json_object o;
    bool truncate = false, shift = false;

    json_begin(&r, body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        truncate |= json_key_is(&o, "truncate");
        shift |= json_key_is(&o, "shift");
        json_skip(&r);
    }
    if (json_failed(&r) || (truncate && shift))
        return VIEW_NONE;
    return truncate ? VIEW("\"shift\":false,")
           : shift  ? VIEW("\"truncate\":false,")
                    : VIEW(OLLAMA_WHOLE_PROMPT ",");
}

bool ollama_chat_pass(const struct llm_request *request, const struct llm_rewrite *rewrite,
                      struct arena *a, struct llm_body *ret_body, struct view *ret_notes,
                      struct error *err)
{
    struct view added = whole_prompt(request->body);
    struct llm_body out;

    if (!ollama_request_pass(request, rewrite, a, &out, ret_notes, err))
        return false;
    if (added.n) { /* behind the brace, and before the member that names the model at least */
        struct view first = out.pieces[0];
        size_t at = view_find_char(first, '{') + 1;
        memmove(&out.pieces[3], &out.pieces[1], (out.n - 1) * sizeof(out.pieces[0]));
        out.pieces[0] = view_first(first, at);
        out.pieces[1] = added;
        out.pieces[2] = view_skip(first, at);
        out.n += 2;
        out.bytes += added.n;
    }
    *ret_body = out;
    return true;
}
