/*
 * Anthropic requests and answers: whatever comes, a request that is read is written as JSON that is
 * read again (or refused), and an answer that is read makes a plain body that is JSON.
 */
#include "llm/dialects.h"
#include "json/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_json(struct view text)
{
    struct json_reader r;

    json_begin(&r, text);
    must(json_skip(&r) && json_end(&r));
}

static void run_request(struct view body, struct arena *a)
{
    struct llm_rewrite rewrite = {.model = VIEW("m")};
    struct llm_neutral n, again;
    struct buf out = BUF_MAX(1 << 24), notes = BUF_MAX(1 << 16);
    struct error err = {.code = ERROR_NONE};

    if (!anthropic_count_tokens_read(body, a, &n, &err)) {
        must(err.code != ERROR_NONE && err.text[0]);
    } else if (anthropic_ops.request_write(&n, &rewrite, &out, &notes, &err)) {
        check_json(buf_view(&out));
        must(anthropic_ops.request_read(buf_view(&out), a, &again, &err));
    }
    buf_done(&out);
    buf_done(&notes);
}

struct sink {
    struct llm_writer w;
    struct buf out;
};

static bool take(void *arg, const struct llm_ev *ev)
{
    struct sink *s = arg;

    must(anthropic_ops.event_write(&s->w, ev, &s->out));
    return true;
}

static void run_answer(struct view body, struct arena *a, bool plain)
{
    struct sink s = {.out = BUF_MAX(1 << 24)};
    struct llm_reader r = {.dialect = LLM_ANTHROPIC, .arena = a};
    struct error err = {.code = ERROR_NONE};

    llm_writer_init(&s.w, LLM_ANTHROPIC, plain, VIEW("au\"to"), a);
    if (plain && anthropic_ops.plain_read(&r, body, take, &s, &err))
        check_json(buf_view(&s.out));
    while (!plain && body.n) /* an event a line */
        if (!anthropic_ops.event_read(&r, VIEW_NONE, view_cut(&body, '\n'), take, &s, &err))
            break;
    llm_writer_done(&s.w);
    buf_done(&s.out);
}

static void run_pass(struct view body, struct arena *a)
{
    struct llm_answer answer = {.model = VIEW("au\"to")};
    struct buf out = BUF_MAX(1 << 24);
    struct llm_body pieces;
    struct error err = {.code = ERROR_NONE};
    unsigned kinds;

    if (anthropic_ops.event_pass(&answer, VIEW_NONE, body, &out, &kinds, &err) && out.len)
        must(view_starts(buf_view(&out), VIEW("data: ")) &&
             view_ends(buf_view(&out), VIEW("\n\n")));
    out.len = 0;
    if (anthropic_ops.plain_pass(&answer, body, a, &pieces, &err)) {
        for (unsigned i = 0; i < pieces.n; i++)
            buf_append(&out, pieces.pieces[i]);
        must(out.len == pieces.bytes);
        check_json(buf_view(&out));
    }
    buf_done(&out);
}

/* What nests to the reader's bound is one level too deep once it is translated. */
static bool is_deep(struct view body)
{
    int depth = 0, most = 0;

    for (size_t i = 0; i < body.n; i++) {
        depth += (body.p[i] == '{' || body.p[i] == '[') - (body.p[i] == '}' || body.p[i] == ']');
        most = depth > most ? depth : most;
    }
    return most > JSON_MAX_DEPTH - 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (is_deep(view_of((const char *)data, size)))
        return 0;
    struct view body = view_of((const char *)data, size);
    struct arena *a = arena_new(1 << 26);

    must(a != NULL);
    run_request(body, a);
    run_answer(body, a, true);
    run_answer(body, a, false);
    run_pass(body, a);
    arena_free(a);
    return 0;
}
