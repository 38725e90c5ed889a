/*
 * What reading JSON costs: nanoseconds a chat request of 4 KB and of 100 KB and a streamed event,
 * by the bare reader and by the llm/ folder's functions. One core; the best of several rounds.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "llm/answer.h"
#include "llm/request.h"
#include "json/reader.h"
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const sentences[] = {
    "The customer wrote on Monday that the parcel had not come, tracking said \"delivered\".\n",
    "Please summarise the thread below in five bullet points and name the open questions.\n",
    "Die Rechnung über 1.240,50 € wurde am 3. März beglichen; die Mahnung war also unbegründet.\n",
    "\tfor (size_t i = 0; i < n; i++) { total += items[i].price * items[i].count; }\n",
    "Our refund policy allows returns within thirty days if the goods are unused and complete.\n",
    "She asked whether the warranty covers a cracked display - it does not, see section 4.2.\n",
};

static void append_text(struct buf *b, size_t bytes)
{
    for (size_t i = 0, from = b->len; b->len - from < bytes; i++)
        buf_append(b, view_str(sentences[i % (sizeof(sentences) / sizeof(sentences[0]))]));
}

/* A system prompt, a question, an answer and the user's text, which makes up most of it. */
static struct buf build_request(size_t bytes)
{
    static const char *const roles[] = {"system", "user", "assistant", "user"};
    struct buf out = BUF_MAX(1 << 24), text = BUF_MAX(1 << 24);
    struct json_writer w = JSON_WRITER(&out);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("model"), VIEW("auto"));
    json_put_key(&w, VIEW("messages"));
    json_put_array(&w);
    for (int i = 0; i < 4; i++) {
        buf_reset(&text);
        append_text(&text, i == 3 ? bytes * 5 / 8 : bytes / 12);
        json_put_object(&w);
        json_put_member_string(&w, VIEW("role"), view_str(roles[i]));
        json_put_member_string(&w, VIEW("content"), buf_view(&text));
        json_put_close(&w);
    }
    json_put_close(&w);
    json_put_member_bool(&w, VIEW("stream"), true);
    json_put_member_double(&w, VIEW("temperature"), 0.7);
    json_put_member_u64(&w, VIEW("max_tokens"), 512);
    json_put_member_string(&w, VIEW("user"), VIEW("u-48213"));
    json_put_close(&w);
    buf_done(&text);
    return out;
}

static const char event_text[] =
    "{\"id\":\"chatcmpl-b302cb441e1d7420\",\"object\":\"chat.completion.chunk\",\"created\":"
    "1795499542,"
    "\"model\":\"smollm2-135m-instruct\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" "
    "there\"},"
    "\"logprobs\":null,\"finish_reason\":null,\"token_ids\":null}],\"system_fingerprint\":null}";

static struct arena *arena;
static struct buf sink = BUF_MAX(4096);

static void check(bool ok)
{
    if (!ok) {
        fputs("micro_json: the reference data was refused\n", stderr);
        exit(1);
    }
}

static void run_reader(struct view v)
{
    struct json_reader r;

    json_begin(&r, v);
    json_skip(&r);
    check(json_end(&r));
}

static void run_request(struct view v)
{
    struct llm_request request;
    struct error err;

    arena_reset(arena);
    check(llm_request_read(LLM_OPENAI_CHAT, v, arena, &request, &err));
}

static void run_write(struct view v)
{
    struct llm_request request;
    struct llm_rewrite rewrite = {VIEW("gpt-5-mini"), true, true, true};
    struct llm_body body;
    struct view notes;
    struct error err;

    arena_reset(arena);
    check(llm_request_read(LLM_OPENAI_CHAT, v, arena, &request, &err) &&
          llm_request_write(&request, &rewrite, arena, &body, &notes, &err));
}

static void run_event(struct view v)
{
    struct llm_answer answer = {.model = VIEW("auto"), .hide_usage = true};
    struct error err;
    unsigned events;

    buf_reset(&sink);
    check(llm_answer_event(&answer, VIEW_NONE, v, &sink, &events, &err));
}

static double measure(const char *name, void (*run)(struct view), struct view v)
{
    int64_t best = INT64_MAX;
    int loops = (int)(8000000 / (v.n + 300));

    for (int round = 0; round < 9; round++) {
        int64_t from = clock_mono_ns();
        for (int i = 0; i < loops; i++)
            run(v);
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
    }
    double ns = (double)best / loops;
    printf("%-28s %7zu bytes %9.0f ns %6.2f GB/s\n", name, v.n, ns, (double)v.n / ns);
    return ns;
}

int main(void)
{
    struct buf small = build_request(4096), large = build_request(100 * 1024);
    struct view event = view_str(event_text);

    arena = arena_new(1 << 24);
    check(arena && buf_ok(&small) && buf_ok(&large));
    measure("reader, request", run_reader, buf_view(&small));
    double small_ns = measure("llm_request_read", run_request, buf_view(&small));
    measure("llm_request_read and _write", run_write, buf_view(&small));
    measure("reader, request", run_reader, buf_view(&large));
    measure("llm_request_read", run_request, buf_view(&large));
    measure("reader, event", run_reader, event);
    measure("llm_answer_event", run_event, event);
    /* for bench/run */
    printf("{\"name\": \"json 4 KB, read\", \"us\": %.2f}\n", small_ns / 1000);
    buf_done(&small);
    buf_done(&large);
    buf_done(&sink);
    arena_free(arena);
    return 0;
}
