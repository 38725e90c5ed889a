/*
 * The Responses dialect: whatever a client or a backend sends, what is written is JSON, framed line
 * by line, and reads back.
 */
#include "llm/dialects.h"
#include "llm/stored.h"
#include "json/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct llm_dialect_ops *ops = &openai_responses_ops;

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
    struct buf out = BUF_MAX(1 << 24), notes = BUF_MAX(1 << 20);
    struct llm_rewrite rewrite = {.model = VIEW("m")};
    struct llm_neutral n, again;
    struct error err = {.code = ERROR_NONE};

    if (!ops->request_read(body, a, &n, &err)) {
        must(err.code != ERROR_NONE && err.text[0]);
    } else if (ops->request_write(&n, &rewrite, &out, &notes, &err)) {
        must_be_json(buf_view(&out));
        /* Instructions alone leave no item, and duplicate keys pass where nobody reads them. */
        if (ops->request_read(buf_view(&out), a, &again, &err))
            must(again.max_tokens == n.max_tokens && again.stream == n.stream);
    }
    buf_done(&out);
    buf_done(&notes);
}

/* A conversation goes on: its first request or answer, and the same request behind it. */
static void run_stored(struct view body, struct arena *a)
{
    struct buf items = BUF_MAX(1 << 24), made = BUF_MAX(1 << 24), out = BUF_MAX(1 << 25);
    struct stored_request req, again;
    struct view said;
    struct error err = {.code = ERROR_NONE};

    if (stored_output_items(body, &made, &said))
        stored_add_items(&items, said);
    if (!stored_request_read(body, a, &req, &err)) {
        must(err.code != ERROR_NONE && err.text[0]);
    } else {
        stored_add_items(&items, req.items);
        stored_request_write(body, buf_view(&items), &out);
        must_be_json(buf_view(&out));
        must(stored_request_read(buf_view(&out), a, &again, &err));
        must(!again.store && !again.previous.n && view_eq(again.items, buf_view(&items)));
    }
    buf_done(&items);
    buf_done(&made);
    buf_done(&out);
}

struct relay {
    struct llm_writer w;
    struct buf out;
};

static bool relay(void *arg, const struct llm_ev *ev)
{
    struct relay *to = arg;

    return ops->event_write(&to->w, ev, &to->out);
}

/* Every line is a field of an event; the data of one event is JSON. */
static void check_stream(struct view out)
{
    struct buf data = BUF_MAX(1 << 24);

    while (out.n) {
        struct view line = view_cut(&out, '\n');
        must(view_find_char(line, '\r') == VIEW_NPOS);
        if (line.n) {
            must(view_starts(line, VIEW("event: ")) || view_starts(line, VIEW("data: ")));
            if (view_starts(line, VIEW("data: "))) {
                buf_append(&data, view_skip(line, 6));
                buf_append_char(&data, '\n');
            }
        } else {
            must_be_json(buf_view(&data));
            data.len = 0;
        }
    }
    must(data.len == 0);
    buf_done(&data);
}

/* One event a line. */
static void run_stream(struct view body, struct arena *a)
{
    struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
    struct relay to = {.out = BUF_MAX(1 << 24)};
    struct llm_answer answer = {.model = VIEW("au\"to"), .id = VIEW("resp_1")};
    struct buf passed = BUF_MAX(1 << 24);
    struct error err;
    unsigned kinds;

    llm_writer_init(&to.w, LLM_OPENAI_RESPONSES, false, VIEW("au\"to"), a);
    while (body.n) {
        struct view line = view_cut(&body, '\n');
        if (ops->event_pass(&answer, VIEW("e"), line, &passed, &kinds, &err))
            must(memchr(answer.finish, '\0', sizeof(answer.finish)) != NULL);
        if (!ops->event_read(&r, VIEW(""), line, relay, &to, &err))
            break;
    }
    check_stream(buf_view(&to.out));
    check_stream(buf_view(&passed));
    llm_writer_done(&to.w);
    buf_done(&to.out);
    buf_done(&passed);
}

static void run_plain(struct view body, struct arena *a)
{
    struct llm_reader r = {.dialect = LLM_OPENAI_RESPONSES, .arena = a};
    struct relay to = {.out = BUF_MAX(1 << 24)};
    struct llm_answer answer = {.model = VIEW("au\"to"), .id = VIEW("resp_1")};
    struct llm_body pieces;
    struct error err;

    llm_writer_init(&to.w, LLM_OPENAI_RESPONSES, true, VIEW("au\"to"), a);
    if (ops->plain_read(&r, body, relay, &to, &err) && to.out.len)
        must_be_json(buf_view(&to.out));
    if (ops->plain_pass(&answer, body, a, &pieces, &err)) {
        to.out.len = 0;
        for (unsigned i = 0; i < pieces.n; i++)
            buf_append(&to.out, pieces.pieces[i]);
        must(to.out.len == pieces.bytes);
        must_be_json(buf_view(&to.out));
    }
    llm_writer_done(&to.w);
    buf_done(&to.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view body = view_of((const char *)data, size);
    struct arena *a = arena_new(1 << 24);

    must(a != NULL);
    run_request(body, a);
    arena_reset(a);
    run_stored(body, a);
    arena_reset(a);
    run_stream(body, a);
    arena_reset(a);
    run_plain(body, a);
    arena_free(a);
    return 0;
}
