/*
 * OpenAI chat in the neutral form. The first byte says what follows: 'r' a request, 'p' a plain
 * answer, else the lines of a stream. What was read can be written, and what was written is JSON
 * that reads again.
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

static void must_be_json(struct view text)
{
    struct json_reader r;

    json_begin(&r, text);
    json_skip(&r);
    must(json_end(&r));
}

static void run_request(struct view body, struct arena *a)
{
    static struct llm_neutral first, second;
    const struct llm_rewrite rewrite = {.model = VIEW("m"), .add_usage = true};
    struct buf out = BUF_MAX(1 << 24), again = BUF_MAX(1 << 24), notes = BUF_MAX(1 << 16);
    struct llm_request facts;
    struct error err = {.code = ERROR_NONE};

    if (openai_chat_ops.request_read(body, a, &first, &err)) {
        must(first.model.n > 0 && first.n_turns > 0);
        if (llm_request_from_neutral(LLM_OPENAI_CHAT, body, &first, VIEW_NONE, a, &facts, &err))
            must(facts.n_messages == first.n_turns);
        first.n_extras = 0;
        if (openai_chat_ops.request_write(&first, &rewrite, &out, &notes, &err)) {
            must_be_json(buf_view(&out));
            if (openai_chat_ops.request_read(buf_view(&out), a, &second, &err)) {
                must(openai_chat_ops.request_write(&second, &rewrite, &again, &notes, &err));
                must(view_eq(buf_view(&out), buf_view(&again)));
            }
        }
    } else {
        must(err.code != ERROR_NONE && err.text[0]);
    }
    buf_done(&out);
    buf_done(&again);
    buf_done(&notes);
}

struct chain {
    struct llm_writer w;
    struct buf out;
};

static bool forward(void *arg, const struct llm_ev *ev)
{
    struct chain *c = arg;
    return openai_chat_ops.event_write(&c->w, ev, &c->out);
}

static void check_stream(struct view out)
{
    while (out.n) {
        struct view line = view_cut(&out, '\n');
        if (line.n > 1 && !view_eq(line, VIEW("data: [DONE]"))) {
            must(view_starts(line, VIEW("data: ")));
            must_be_json(view_skip(line, 6));
        }
    }
}

static void run_answer(struct view input, bool plain, struct arena *a)
{
    struct llm_reader r = {.dialect = LLM_OPENAI_CHAT, .arena = a};
    struct chain c = {.out = BUF_MAX(1 << 24)};
    struct error err = {.code = ERROR_NONE};

    llm_writer_init(&c.w, LLM_OPENAI_CHAT, plain, VIEW("au\"to"), a);
    if (plain) {
        if (openai_chat_ops.plain_read(&r, input, forward, &c, &err))
            must_be_json(buf_view(&c.out));
    } else {
        while (input.n &&
               openai_chat_ops.event_read(&r, VIEW_NONE, view_cut(&input, '\n'), forward, &c, &err))
            ;
        check_stream(buf_view(&c.out));
    }
    llm_writer_done(&c.w);
    buf_done(&c.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1 << 24);
    struct view input = view_of((const char *)data, size);

    if (size > 0) {
        char kind = input.p[0];
        input = view_skip(input, 1);
        if (kind == 'r')
            run_request(input, a);
        else
            run_answer(input, kind == 'p', a);
    }
    arena_free(a);
    return 0;
}
