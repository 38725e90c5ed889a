/*
 * What another dialect costs: microseconds to translate a chat request of 4 KB to Anthropic's
 * messages and the plain answer back, a streamed event translated less the same event passed on to
 * a client of its own dialect, and the trial that a plan makes for a fallback. One core; the best
 * of several rounds.
 */
#include "base/clock.h"
#include "llm/dialect.h"
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 9, LOOPS = 3000, EVENT_LOOPS = 60000 };

static const char sentence[] =
    "Please summarise the thread below in \"five\" bullet points and name the open questions.\n";

static struct arena *arena;
static struct buf request_body = BUF_MAX(1 << 16), answer_body = BUF_MAX(1 << 16);
static struct buf out = BUF_MAX(1 << 20), notes = BUF_MAX(1 << 10);
static struct llm_writer writer; /* of the stream that is going on */
static struct error err;

static const char anthropic_event[] =
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":"
    "\" there, and more\"}}";
static void check(bool ok)
{
    if (!ok) {
        fprintf(stderr, "micro_translate: the reference data was refused: %s\n", err.text);
        exit(1);
    }
}

static void put_text(struct json_writer *w, struct view key, size_t bytes)
{
    struct buf text = BUF_MAX(1 << 16);

    while (text.len < bytes)
        buf_append(&text, view_str(sentence));
    json_put_member_string(w, key, buf_view(&text));
    buf_done(&text);
}

/* A system prompt, a question, an answer and the user's text, which makes up most of it. */
static void build_request(void)
{
    static const char *const roles[] = {"system", "user", "assistant", "user"};
    struct json_writer w = JSON_WRITER(&request_body);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("model"), VIEW("auto"));
    json_put_key(&w, VIEW("messages"));
    json_put_array(&w);
    for (int i = 0; i < 4; i++) {
        json_put_object(&w);
        json_put_member_string(&w, VIEW("role"), view_str(roles[i]));
        put_text(&w, VIEW("content"), i == 3 ? 2500 : 300);
        json_put_close(&w);
    }
    json_put_close(&w);
    json_put_member_double(&w, VIEW("temperature"), 0.7);
    json_put_member_u64(&w, VIEW("max_tokens"), 512);
    json_put_close(&w);
    check(buf_ok(&request_body));
}

/* As long as an answer of some 200 tokens. */
static void build_answer(void)
{
    struct json_writer w = JSON_WRITER(&answer_body);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("id"), VIEW("msg_013Zva2CMHLNnXjNJJKqJ2EF"));
    json_put_member_string(&w, VIEW("type"), VIEW("message"));
    json_put_member_string(&w, VIEW("role"), VIEW("assistant"));
    json_put_member_string(&w, VIEW("model"), VIEW("some-model"));
    json_put_key(&w, VIEW("content"));
    json_put_array(&w);
    json_put_object(&w);
    json_put_member_string(&w, VIEW("type"), VIEW("text"));
    put_text(&w, VIEW("text"), 800);
    json_put_close(&w);
    json_put_close(&w);
    json_put_member_string(&w, VIEW("stop_reason"), VIEW("end_turn"));
    json_put_key(&w, VIEW("usage"));
    json_put_raw(&w, VIEW("{\"input_tokens\":950,\"output_tokens\":200}"));
    json_put_close(&w);
    check(buf_ok(&answer_body));
}

static bool forward(void *arg, const struct llm_ev *ev)
{
    return llm_dialect(LLM_OPENAI_CHAT)->event_write(arg, ev, &out);
}

/* ---- what is measured ------------------------------------------------------------------------ */

static const struct llm_rewrite rewrite = {.model = VIEW_LIT("some-model")};

static void run_exchange(void)
{
    struct llm_neutral neutral;
    struct llm_reader reader = {.dialect = LLM_ANTHROPIC, .arena = arena};
    struct llm_writer plain;

    arena_reset(arena);
    buf_reset(&out);
    buf_reset(&notes);
    check(llm_dialect(LLM_OPENAI_CHAT)
              ->request_read(buf_view(&request_body), arena, &neutral, &err) &&
          llm_dialect(LLM_ANTHROPIC)->request_write(&neutral, &rewrite, &out, &notes, &err));
    buf_reset(&out);
    llm_writer_init(&plain, LLM_OPENAI_CHAT, true, VIEW("auto"), arena);
    check(llm_dialect(LLM_ANTHROPIC)
              ->plain_read(&reader, buf_view(&answer_body), forward, &plain, &err));
    llm_writer_done(&plain);
}

static void run_event_translated(void)
{
    struct llm_reader reader = {.dialect = LLM_ANTHROPIC, .arena = arena, .started = true};

    buf_reset(&out);
    check(llm_dialect(LLM_ANTHROPIC)
              ->event_read(&reader, VIEW("content_block_delta"), view_str(anthropic_event), forward,
                           &writer, &err));
}

static void run_event_passed(void)
{
    struct llm_answer answer = {.dialect = LLM_ANTHROPIC, .model = VIEW("auto")};
    unsigned kinds;

    buf_reset(&out);
    check(llm_dialect(LLM_ANTHROPIC)
              ->event_pass(&answer, VIEW("content_block_delta"), view_str(anthropic_event), &out,
                           &kinds, &err));
}

static struct llm_neutral read_once;

static void run_trial(void)
{
    struct buf nothing = BUF_MAX(0), none = BUF_MAX(0);

    if (llm_dialect(LLM_ANTHROPIC)->request_write(&read_once, &rewrite, &nothing, &none, &err))
        abort(); /* a writing that kept nothing is not one */
    check(err.code == ERROR_NO_MEMORY);
}

static double measure(void (*run)(void), int loops)
{
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t from = clock_mono_ns();
        for (int i = 0; i < loops; i++)
            run();
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
    }
    return (double)best / loops / 1000;
}

static void print(const char *name, double us, bool informative)
{
    printf("{\"name\": \"%s\", \"us\": %.2f%s}\n", name, us,
           informative ? ", \"informative\": true" : "");
}

int main(void)
{
    struct arena *whole = arena_new(1 << 24);

    arena = arena_new(1 << 24);
    check(arena && whole);
    build_request();
    build_answer();
    check(llm_dialect(LLM_OPENAI_CHAT)
              ->request_read(buf_view(&request_body), whole, &read_once, &err));
    llm_writer_init(&writer, LLM_OPENAI_CHAT, false, VIEW("auto"), whole);

    print("translate 4 KB and its answer", measure(run_exchange, LOOPS), false);
    double passed = measure(run_event_passed, EVENT_LOOPS);
    double translated = measure(run_event_translated, EVENT_LOOPS);
    print("event translated, less passed", translated - passed, false);
    print("event translated, all of it", translated, true);
    print("trial of a fallback, 4 KB", measure(run_trial, EVENT_LOOPS), false);

    llm_writer_done(&writer);
    buf_done(&request_body);
    buf_done(&answer_body);
    buf_done(&out);
    buf_done(&notes);
    arena_free(whole);
    arena_free(arena);
    return 0;
}
