/* What reading HTTP costs: nanoseconds of CPU for a head, an event, a chunk. */
#include "http/chunked.h"
#include "http/forward.h"
#include "http/head.h"
#include "http/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 200000, EVENTS = 64, TRIES = 5 };

static const struct view request =
    VIEW_LIT("POST /v1/chat/completions HTTP/1.1\r\n"
             "Host: gateway.example:8484\r\n"
             "Accept-Encoding: gzip, deflate\r\n"
             "Connection: keep-alive\r\n"
             "Accept: application/json\r\n"
             "Content-Type: application/json\r\n"
             "User-Agent: OpenAI/Python 1.99.0\r\n"
             "Authorization: Bearer wk-0123456789abcdef0123456789abcdef\r\n"
             "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
             "X-Request-Id: 5d0c7f6e4f6a4f0b9b8f\r\n"
             "Content-Length: 4096\r\n\r\n");

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Each returns how many things it did. */
static uint64_t read_heads(void)
{
    struct arena *a = arena_new(1 << 16);
    struct http_head head;
    struct error err;

    must(a != NULL);
    for (int i = 0; i < ROUNDS; i++) {
        size_t scanned = 0;
        must(http_head_end(request, &scanned) == request.n);
        must(http_request_parse(request, a, &head, &err) && head.n_headers == 10);
        arena_reset(a);
    }
    arena_free(a);
    return ROUNDS;
}

static uint64_t ask_lists(void)
{
    static const struct view names[] = {VIEW_LIT("content-type"), VIEW_LIT("x-request-id"),
                                        VIEW_LIT("openai-version"), VIEW_LIT("authorization")};
    unsigned hits = 0;

    for (int i = 0; i < ROUNDS; i++)
        for (int n = 0; n < 4; n++) {
            struct view name = names[n];
            __asm__ volatile("" : "+r"(name.p));
            hits += http_forward_to_client(name);
        }
    must(hits == ROUNDS);
    return (uint64_t)ROUNDS * 4;
}

/* Events of 250 bytes, as an engine sends them; cut in pieces of `piece` bytes. */
static uint64_t read_events(size_t piece)
{
    struct buf stream = BUF_MAX(1 << 20);
    struct sse_reader r = sse_reader_new(1 << 16);
    struct sse_event e;
    uint64_t n = 0;

    for (int i = 0; i < EVENTS; i++)
        buf_printf(&stream, "data: %0242d\n\n", i);
    must(buf_ok(&stream) && stream.len == (size_t)EVENTS * 250);
    for (int i = 0; i < ROUNDS / EVENTS; i++)
        for (struct view rest = buf_view(&stream); rest.n;) {
            struct view input = view_first(rest, piece);
            rest = view_skip(rest, input.n);
            while (sse_next(&r, &input, &e) == SSE_EVENT)
                n++;
        }
    must(n == ROUNDS / EVENTS * EVENTS);
    sse_reader_done(&r);
    buf_done(&stream);
    return n;
}

static uint64_t read_whole_events(void)
{
    return read_events(SIZE_MAX);
}

static uint64_t read_cut_events(void)
{
    return read_events(125);
}

static uint64_t read_chunks(void)
{
    struct buf coded = BUF_MAX(1 << 20);
    struct error err;
    uint64_t n = 0;

    for (int i = 0; i < EVENTS; i++)
        buf_printf(&coded, "fa\r\n%0250d\r\n", i);
    buf_append_lit(&coded, "0\r\n\r\n");
    for (int i = 0; i < ROUNDS / EVENTS; i++) {
        struct http_chunks c = HTTP_CHUNKS_START;
        struct view input = buf_view(&coded), data;
        while (http_chunks_next(&c, &input, &data, &err) == HTTP_CHUNKS_DATA)
            n++;
    }
    must(n == ROUNDS / EVENTS * EVENTS);
    buf_done(&coded);
    return n;
}

/* The fastest of several tries: the others were disturbed. */
static void measure(const char *what, uint64_t (*fn)(void))
{
    double best = 1e9;

    for (int i = 0; i < TRIES; i++) {
        uint64_t start = cpu_ns(), n = fn();
        double each = (double)(cpu_ns() - start) / (double)n;
        best = each < best ? each : best;
    }
    printf("%-48s %8.1f ns\n", what, best);
}

int main(void)
{
    char head[64];

    snprintf(head, sizeof(head), "request head, %zu bytes, 10 fields", request.n);
    measure(head, read_heads);
    measure("field name against the list for clients", ask_lists);
    measure("event of 250 bytes, whole", read_whole_events);
    measure("event of 250 bytes, in pieces of 125", read_cut_events);
    measure("chunk of 250 bytes", read_chunks);
    return 0;
}
