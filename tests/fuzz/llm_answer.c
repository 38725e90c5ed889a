/*
 * Answers of backends: whatever comes, an event that leaves is framed line by line, and a plain
 * answer that leaves names the model that was asked for.
 */
#include "base/utf8.h"
#include "llm/answer.h"
#include "json/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* JSON, and a top-level `model` is ours. */
static void check_json(struct view text)
{
    struct json_reader r;
    struct json_object o;
    struct json_text model;

    json_begin(&r, text);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!json_key_is(&o, "model"))
            json_skip(&r);
        else
            must(json_string(&r, &model) && json_text_eq(model, VIEW("au\"to")));
    }
    must(json_end(&r));
}

/* Every line is a field of an event; put together they are the JSON. */
static void check_event(struct view out)
{
    struct buf joined = BUF_MAX(1 << 24);

    must(view_ends(out, VIEW("\n\n")));
    out.n -= 2;
    must(view_find_char(out, '\r') == VIEW_NPOS);
    while (out.n) {
        struct view line = view_cut(&out, '\n');
        must(view_starts(line, VIEW("data: ")));
        buf_append(&joined, view_skip(line, 6));
        buf_append_char(&joined, '\n');
    }
    check_json(buf_view(&joined));
    buf_done(&joined);
}

static void run_event(struct view data, bool hide_usage)
{
    struct llm_answer answer = {.model = VIEW("au\"to"), .hide_usage = hide_usage};
    struct buf out = BUF_MAX(1 << 24);
    struct error err = {.code = ERROR_NONE};
    unsigned events = 0;

    if (llm_answer_event(&answer, VIEW_NONE, data, &out, &events, &err)) {
        if (out.len)
            check_event(buf_view(&out));
        must(!(events & LLM_EVENT_ERROR) || (out.len == 0 && err.text[0]));
        must(answer.text_bytes <= data.n && memchr(answer.finish, '\0', sizeof(answer.finish)));
    } else {
        must(err.code == ERROR_UPSTREAM_PROTOCOL && out.len == 0);
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view body = view_of((const char *)data, size);
    struct llm_answer answer = {.model = VIEW("au\"to")};
    struct arena *a = arena_new(1 << 24);
    struct buf out = BUF_MAX(1 << 24);
    struct llm_body pieces;
    struct error err;

    must(a != NULL);
    run_event(body, false);
    run_event(body, true);
    if (llm_answer_plain(&answer, body, a, &pieces, &err)) {
        for (unsigned i = 0; i < pieces.n; i++)
            buf_append(&out, pieces.pieces[i]);
        must(out.len == pieces.bytes);
        check_json(buf_view(&out));
    }
    struct view message = llm_error_message(body, a, VIEW("fallback"));
    must(message.n > 0 && message.n <= 400 && utf8_valid(message));
    buf_done(&out);
    arena_free(a);
    return 0;
}
