/*
 * Ollama's dialect, and those that only clients speak: what is read as a request can be written and
 * read again with the same meaning; what is read of an answer leaves as whole lines of JSON, and is
 * read again.
 */
#include "llm/dialects.h"

#include "llm/embeddings.h"
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
    must(json_peek(&r) == JSON_OBJECT && json_skip(&r) && json_end(&r));
}

static void run_request(const struct llm_dialect_ops *ops, struct view body)
{
    struct arena *a = arena_new(1 << 24);
    struct buf out = BUF_MAX(1 << 24), again = BUF_MAX(1 << 24), notes = BUF_MAX(1 << 16);
    struct llm_rewrite rw = {.model = VIEW("au\"to")};
    struct error err = {.code = ERROR_NONE};
    struct llm_neutral n, m;

    must(a != NULL);
    if (!ops->request_read(body, a, &n, &err)) {
        must(err.code != ERROR_NONE && err.text[0] != '\0');
    } else if (ollama_ops.request_write(&n, &rw, &out, &notes, &err)) {
        check_json(buf_view(&out));
        must(ollama_ops.request_read(buf_view(&out), a, &m, &err));
        must(view_eq(m.model, rw.model) && m.stream == n.stream && m.n_turns == n.n_turns);
        must(m.n_tools == n.n_tools && m.max_tokens == n.max_tokens && m.n_stops == n.n_stops);
        must(ollama_ops.request_write(&m, &rw, &again, &notes, &err));
        must(view_eq(buf_view(&out), buf_view(&again)));
    } else {
        must(err.code == ERROR_BAD_VALUE && err.param[0] != '\0' && out.len == 0);
    }
    buf_done(&out);
    buf_done(&again);
    buf_done(&notes);
    arena_free(a);
}

/* What clients alone speak: read, and said again to a backend of their own dialect. */
static void run_client(const struct llm_dialect_ops *ops, struct view body)
{
    struct arena *a = arena_new(1 << 24);
    struct llm_rewrite rw = {.model = VIEW("au\"to"), .add_usage = true};
    struct error err = {.code = ERROR_NONE};
    struct llm_request q;
    struct llm_neutral n;
    struct llm_body out;
    struct view notes;

    must(a != NULL);
    if (ops->request_read(body, a, &n, &err) &&
        llm_request_from_neutral(LLM_OLLAMA_GENERATE, body, &n, VIEW_NONE, a, &q, &err)) {
        q.stream = true;
        must(ops->request_pass(&q, &rw, a, &out, &notes, &err));
        struct buf whole = BUF_MAX(1 << 24);
        for (unsigned i = 0; i < out.n; i++)
            buf_append(&whole, out.pieces[i]);
        check_json(buf_view(&whole));
        must(ops->request_read(buf_view(&whole), a, &n, &err) && view_eq(n.model, rw.model));
        buf_done(&whole);
    } else {
        must(err.code != ERROR_NONE && err.text[0] != '\0');
    }
    arena_free(a);
}

struct relay {
    struct llm_writer w;
    struct buf out;
    unsigned calls;
};

static bool to_writer(void *arg, const struct llm_ev *ev)
{
    struct relay *relay = arg;

    relay->calls += ev->kind == LLM_EV_CALL;
    must(ollama_ops.event_write(&relay->w, ev, &relay->out));
    return true;
}

static void begin(struct relay *relay, struct arena *a, bool plain)
{
    *relay = (struct relay){.out = BUF_MAX(1 << 24)};
    relay->w.model = VIEW("au\"to");
    relay->w.arena = a;
    relay->w.plain = plain;
    relay->w.text = relay->w.thinking = relay->w.arguments = relay->w.refusal = BUF_MAX(1 << 24);
}

static void end(struct relay *relay)
{
    buf_done(&relay->w.text);
    buf_done(&relay->w.thinking);
    buf_done(&relay->w.arguments);
    buf_done(&relay->w.refusal);
    buf_done(&relay->out);
}

static void run_stream(struct view body, struct arena *a)
{
    struct llm_reader r = {.arena = a}, again = {.arena = a};
    struct relay one, two;
    struct error err = {.code = ERROR_NONE};
    bool ok = true;

    begin(&one, a, false);
    begin(&two, a, false);
    while (body.n && ok)
        ok = ollama_ops.event_read(&r, VIEW_NONE, view_cut(&body, '\n'), to_writer, &one, &err);
    must(ok || err.code == ERROR_UPSTREAM_STATUS || err.code == ERROR_UPSTREAM_PROTOCOL);
    must(one.out.len == 0 || one.out.p[one.out.len - 1] == '\n');
    for (struct view rest = buf_view(&one.out); rest.n;) {
        struct view line = view_cut(&rest, '\n');
        check_json(line);
        must(ollama_ops.event_read(&again, VIEW_NONE, line, to_writer, &two, &err));
    }
    must(!r.ended || (again.ended && two.calls == one.calls));
    end(&one);
    end(&two);
}

static void run_plain(struct view body, struct arena *a)
{
    struct llm_reader r = {.arena = a};
    struct relay relay;
    struct error err = {.code = ERROR_NONE};

    begin(&relay, a, true);
    if (ollama_ops.plain_read(&r, body, to_writer, &relay, &err))
        check_json(buf_view(&relay.out));
    else
        must(err.code == ERROR_UPSTREAM_STATUS || err.code == ERROR_UPSTREAM_PROTOCOL);
    end(&relay);
}

static void run_pass(struct view body, struct arena *a)
{
    struct llm_answer answer = {.dialect = LLM_OLLAMA, .model = VIEW("au\"to")};
    struct buf out = BUF_MAX(1 << 24);
    struct llm_body pieces;
    struct error err = {.code = ERROR_NONE};
    unsigned kinds = 0;

    if (ollama_ops.event_pass(&answer, VIEW_NONE, body, &out, &kinds, &err) && out.len) {
        must(memchr(out.p, '\n', out.len) == out.p + out.len - 1);
        check_json(view_first(buf_view(&out), out.len - 1));
    }
    buf_reset(&out);
    if (ollama_ops.plain_pass(&answer, body, a, &pieces, &err)) {
        for (unsigned i = 0; i < pieces.n; i++)
            buf_append(&out, pieces.pieces[i]);
        must(out.len == pieces.bytes);
        check_json(buf_view(&out));
    }
    buf_done(&out);
}

static void run_embeddings(struct view body, struct arena *a)
{
    struct buf out = BUF_MAX(1 << 24), notes = BUF_MAX(4096);
    struct error err = {.code = ERROR_NONE};

    for (unsigned i = 0; i < 9; i++) {
        enum llm_embed_form from = (enum llm_embed_form)(i / 3), to = (enum llm_embed_form)(i % 3);
        struct llm_embed_request q;
        struct llm_embed_answer answer;
        buf_reset(&out);
        if (llm_embed_request_read(from, body, a, &q, &err) &&
            llm_embed_request_write(to, &q, VIEW("x"), &out, &notes, &err))
            check_json(buf_view(&out));
        buf_reset(&out);
        if (!llm_embed_answer_read(from, body, a, &answer, &err))
            continue;
        q = (struct llm_embed_request){.n_inputs = answer.n_vectors, .base64 = body.n & 1};
        if (llm_embed_answer_write(to, &q, &answer, VIEW("x"), 1, &out, &err))
            check_json(buf_view(&out));
        else
            must(out.len == 0);
    }
    buf_done(&out);
    buf_done(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view body = view_of((const char *)data, size);
    struct arena *a = arena_new(1 << 26);

    must(a != NULL);
    run_request(&ollama_ops, body);
    run_request(&ollama_generate_ops, body);
    run_client(&openai_completions_ops, body);
    run_client(&openai_embeddings_ops, body);
    run_client(&ollama_embed_ops, body);
    run_client(&ollama_embeddings_ops, body);
    run_stream(body, a);
    run_plain(body, a);
    run_pass(body, a);
    run_embeddings(body, a);
    arena_free(a);
    return 0;
}
