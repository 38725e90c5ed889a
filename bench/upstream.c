/*
 * The upstream of the bench: OpenAI chat completions as fast as one thread can.
 *
 *   upstream --port 9000 [--tls-port 9001 --cert FILE --key FILE] [--core 0]
 *
 * What it answers stands in the request, near its beginning, in a value that a gateway leaves
 * alone (the load tool uses `user`): "events=64;interval_us=10000;burst=1;first_us=0" asks for a
 * stream of 64 events with content, `burst` of them in one write each interval, the first after
 * `first_us`. "answer=1048576" asks for a plain answer with so many bytes of content. Without any
 * of it the answer is plain and 600 bytes long, and a stream has 64 events.
 *
 * An event is what vLLM writes: one HTTP chunk, about 235 bytes. Its content begins with the
 * moment it was written (CLOCK_MONOTONIC, ns) and its number: " t=0000123456789012345 n=000007".
 */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

enum {
    HEAD_MAX = 64 * 1024,
    BODY_MAX = 64 * 1024 * 1024,
    FIELDS_MAX = 1024, /* where in a body the fields before the messages stand */
    EVENT_MAX = 512,
    NOT_WAITING = -1,
};

struct bytes {
    char *p;
    size_t len, cap;
};

struct conn {
    int fd;
    SSL *ssl; /* NULL: plain */
    struct bytes in, out;
    size_t out_sent;
    size_t request; /* bytes of head and body; 0 until the head is there */
    size_t head;
    bool wants_write, leaving;

    bool streaming, usage;
    unsigned sent, total, burst;
    int64_t interval_ns, due_ns;
    int heap_at; /* place in the heap of those that wait for their time */
    char event[EVENT_MAX];
    size_t event_len, stamp_at, number_at;
};

static int epoll_fd;
static SSL_CTX *tls;
static struct conn **heap;
static int heap_len, heap_cap;
static uint64_t answers;

static void bytes_reserve(struct bytes *b, size_t n)
{
    if (b->cap - b->len >= n)
        return;
    while (b->cap - b->len < n)
        b->cap = b->cap ? b->cap * 2 : 4096;
    b->p = must_grow(b->p, b->cap);
}

static void bytes_add(struct bytes *b, const char *p, size_t n)
{
    bytes_reserve(b, n);
    memcpy(b->p + b->len, p, n);
    b->len += n;
}

static void bytes_drop(struct bytes *b, size_t n)
{
    memmove(b->p, b->p + n, b->len - n);
    b->len -= n;
}

/* --- who waits for which moment --- */

static void heap_put(struct conn *c, int at)
{
    heap[at] = c;
    c->heap_at = at;
}

static void heap_up(struct conn *c, int at)
{
    for (int above; at > 0 && heap[above = (at - 1) / 2]->due_ns > c->due_ns; at = above)
        heap_put(heap[above], at);
    heap_put(c, at);
}

static void heap_down(struct conn *c, int at)
{
    for (int below; (below = 2 * at + 1) < heap_len; at = below) {
        if (below + 1 < heap_len && heap[below + 1]->due_ns < heap[below]->due_ns)
            below++;
        if (heap[below]->due_ns >= c->due_ns)
            break;
        heap_put(heap[below], at);
    }
    heap_put(c, at);
}

static void wait_until(struct conn *c, int64_t due_ns)
{
    if (heap_len == heap_cap) {
        heap_cap = heap_cap ? heap_cap * 2 : 256;
        heap = must_grow(heap, sizeof *heap * (size_t)heap_cap);
    }
    c->due_ns = due_ns;
    heap_up(c, heap_len++);
}

static void wait_cancel(struct conn *c)
{
    if (c->heap_at == NOT_WAITING)
        return;
    int at = c->heap_at;
    struct conn *last = heap[--heap_len];
    c->heap_at = NOT_WAITING;
    if (last == c)
        return;
    if (at > 0 && heap[(at - 1) / 2]->due_ns > last->due_ns)
        heap_up(last, at);
    else
        heap_down(last, at);
}

/* --- connections --- */

static void conn_close(struct conn *c)
{
    wait_cancel(c);
    if (c->ssl)
        SSL_free(c->ssl);
    close(c->fd);
    free(c->in.p);
    free(c->out.p);
    free(c);
}

static void conn_watch(struct conn *c, bool wants_write)
{
    if (c->wants_write == wants_write)
        return;
    c->wants_write = wants_write;
    struct epoll_event e = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

/* As read() and write(): bytes moved, 0 at the end, -1 with EAGAIN when it would wait. */
static ssize_t tls_result(struct conn *c, int n)
{
    if (n > 0)
        return n;
    int why = SSL_get_error(c->ssl, n);
    ERR_clear_error();
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t conn_read(struct conn *c, char *p, size_t n)
{
    if (!c->ssl)
        return recv(c->fd, p, n, 0);
    return tls_result(c, SSL_read(c->ssl, p, (int)n));
}

static ssize_t conn_write(struct conn *c, const char *p, size_t n)
{
    if (!c->ssl)
        return send(c->fd, p, n, MSG_NOSIGNAL);
    return tls_result(c, SSL_write(c->ssl, p, (int)n));
}

/* False when the connection is gone. */
static bool conn_flush(struct conn *c)
{
    while (c->out_sent < c->out.len) {
        ssize_t n = conn_write(c, c->out.p + c->out_sent, c->out.len - c->out_sent);
        if (n <= 0) {
            conn_watch(c, true);
            return n < 0 && errno == EAGAIN;
        }
        c->out_sent += (size_t)n;
    }
    c->out.len = c->out_sent = 0;
    conn_watch(c, false);
    return true;
}

/* --- answers --- */

static void write_digits(char *p, int n, uint64_t value)
{
    while (n--) {
        p[n] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void answer_plain(struct conn *c, const char *status, const char *json, size_t n)
{
    char head[256];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 %s\r\nserver: uvicorn\r\ncontent-type: application/json\r\n"
                       "content-length: %zu\r\n\r\n",
                       status, n);
    bytes_add(&c->out, head, (size_t)len);
    bytes_add(&c->out, json, n);
}

static const char models_json[] =
    "{\"object\":\"list\",\"data\":["
    "{\"id\":\"small\",\"object\":\"model\",\"created\":1795499538,\"owned_by\":\"vllm\","
    "\"max_model_len\":1048576},"
    "{\"id\":\"gpt-5-mini\",\"object\":\"model\",\"created\":1795499538,\"owned_by\":\"bench\","
    "\"max_model_len\":1048576}]}";

static void answer_chat(struct conn *c, const char *model, size_t content, size_t prompt)
{
    static const char words[] = "The order was sent on Monday and should reach the customer before "
                                "the weekend; no further step is needed. ";
    static struct bytes json;
    char text[512];
    json.len = 0;
    int n = snprintf(text, sizeof text,
                     "{\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion\",\"created\":"
                     "1795499538,\"model\":\"%s\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                     "\"assistant\",\"content\":\"",
                     (unsigned long long)++answers, model);
    bytes_add(&json, text, (size_t)n);
    for (size_t left = content, part; left; left -= part) {
        part = left < sizeof words - 1 ? left : sizeof words - 1;
        bytes_add(&json, words, part);
    }
    unsigned long in = prompt / 4, out = content / 4;
    n = snprintf(text, sizeof text,
                 "\",\"refusal\":null,\"tool_calls\":[]},\"logprobs\":null,\"finish_reason\":"
                 "\"stop\"}],\"usage\":{\"prompt_tokens\":%lu,\"total_tokens\":%lu,"
                 "\"completion_tokens\":%lu,\"prompt_tokens_details\":null}}",
                 in, in + out, out);
    bytes_add(&json, text, (size_t)n);
    answer_plain(c, "200 OK", json.p, json.len);
}

/* One chunk around one piece of the stream. */
static void add_chunk(struct conn *c, const char *text, size_t n)
{
    char size[16];
    bytes_add(&c->out, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
    bytes_add(&c->out, text, n);
    bytes_add(&c->out, "\r\n", 2);
}

#define CHUNK_START                                                                        \
    "data: {\"id\":\"chatcmpl-%016llx\",\"object\":\"chat.completion.chunk\",\"created\":" \
    "1795499538,\"model\":\"%s\",\"choices\":["

static void stream_begin(struct conn *c, const char *model)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nserver: uvicorn\r\n"
                               "content-type: text/event-stream; charset=utf-8\r\n"
                               "transfer-encoding: chunked\r\n\r\n";
    unsigned long long id = ++answers;
    char text[EVENT_MAX];
    bytes_add(&c->out, head, sizeof head - 1);
    int n = snprintf(text, sizeof text,
                     CHUNK_START "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                                 "\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                     id, model);
    add_chunk(c, text, (size_t)n);

    n = snprintf(text, sizeof text,
                 CHUNK_START "{\"index\":0,\"delta\":{\"content\":\" t=0000000000000000000 "
                             "n=000000\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                 id, model);
    c->event_len = (size_t)snprintf(c->event, sizeof c->event, "%x\r\n%s\r\n", (unsigned)n, text);
    char *stamp = memmem(c->event, c->event_len, " t=", 3);
    c->stamp_at = (size_t)(stamp + 3 - c->event);
    c->number_at = c->stamp_at + 19 + 3;
    c->streaming = true;
    c->sent = 0;
}

static void stream_events(struct conn *c, int64_t now)
{
    write_digits(c->event + c->stamp_at, 19, (uint64_t)now);
    for (unsigned i = 0; i < c->burst && c->sent < c->total; i++) {
        write_digits(c->event + c->number_at, 6, c->sent++);
        bytes_add(&c->out, c->event, c->event_len);
    }
}

static void stream_end(struct conn *c)
{
    char text[EVENT_MAX], id[64];
    /* The id and the model stand in the template of the events up to `choices`. */
    const char *start = memmem(c->event, c->event_len, "data: ", 6);
    const char *choices = memmem(c->event, c->event_len, "\"choices\"", 9);
    int same = (int)(choices - start);
    int n = snprintf(text, sizeof text,
                     "%.*s\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
                     "\"finish_reason\":\"stop\"}]}\n\n",
                     same, start);
    add_chunk(c, text, (size_t)n);
    if (c->usage) {
        n = snprintf(text, sizeof text,
                     "%.*s\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"total_tokens\":%u,"
                     "\"completion_tokens\":%u}}\n\n",
                     same, start, 100 + c->total, c->total);
        add_chunk(c, text, (size_t)n);
    }
    n = snprintf(id, sizeof id, "data: [DONE]\n\n");
    add_chunk(c, id, (size_t)n);
    bytes_add(&c->out, "0\r\n\r\n", 5);
    c->streaming = false;
}

/* --- requests --- */

/* "name=123" in `text`; `otherwise` when it is not there. */
static unsigned long field(const char *text, const char *name, unsigned long otherwise)
{
    const char *p = strstr(text, name);
    return p ? strtoul(p + strlen(name), NULL, 10) : otherwise;
}

static void chat_model(const char *fields, char *ret_model, size_t cap)
{
    const char *p = strstr(fields, "\"model\"");
    snprintf(ret_model, cap, "small");
    if (!p || !(p = strchr(p + 7, '"')))
        return;
    size_t n = strcspn(++p, "\"");
    if (n < cap)
        snprintf(ret_model, cap, "%.*s", (int)n, p);
}

static void chat(struct conn *c, const char *body, size_t n)
{
    char fields[FIELDS_MAX + 1], model[128];
    size_t front = n < FIELDS_MAX ? n : FIELDS_MAX;
    memcpy(fields, body, front);
    fields[front] = 0;
    chat_model(fields, model, sizeof model);
    bool stream = strstr(fields, "\"stream\":true") || strstr(fields, "\"stream\": true");
    if (!stream) {
        answer_chat(c, model, field(fields, "answer=", 230), n);
        return;
    }
    size_t back = n < FIELDS_MAX / 4 ? n : FIELDS_MAX / 4;
    c->usage =
        strstr(fields, "include_usage") || memmem(body + n - back, back, "include_usage", 13);
    c->total = (unsigned)field(fields, "events=", 64);
    c->burst = (unsigned)field(fields, "burst=", 1);
    c->burst = c->burst ? c->burst : 1;
    c->interval_ns = (int64_t)field(fields, "interval_us=", 10000) * NS_PER_US;
    int64_t now = clock_mono_ns(), first = (int64_t)field(fields, "first_us=", 0) * NS_PER_US;
    stream_begin(c, model);
    if (!first)
        stream_events(c, now);
    wait_until(c, now + (first ? first : c->interval_ns));
}

static void answer(struct conn *c)
{
    const char *p = c->in.p;
    static const char ok[] = "{\"status\":\"ok\"}";
    static const char missing[] = "{\"error\":{\"message\":\"Not Found\",\"code\":404}}";
    if (!strncmp(p, "POST /v1/chat/completions", 25))
        chat(c, p + c->head, c->request - c->head);
    else if (!strncmp(p, "GET /v1/models", 14))
        answer_plain(c, "200 OK", models_json, sizeof models_json - 1);
    else if (!strncmp(p, "GET /health", 11))
        answer_plain(c, "200 OK", ok, sizeof ok - 1);
    else
        answer_plain(c, "404 Not Found", missing, sizeof missing - 1);
}

/* Finds where the request ends. False: wait for more, or (leaving) it is no request. */
static bool request_frame(struct conn *c)
{
    char *end = memmem(c->in.p, c->in.len, "\r\n\r\n", 4);
    if (!end) {
        c->leaving = c->in.len > HEAD_MAX;
        return false;
    }
    *end = 0;
    const char *length = strcasestr(c->in.p, "\r\ncontent-length:");
    bool chunked = strcasestr(c->in.p, "\r\ntransfer-encoding:") != NULL;
    *end = '\r';
    unsigned long body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (chunked || body > BODY_MAX) {
        answer_plain(c, "411 Length Required", "{}", 2);
        c->leaving = true;
        return false;
    }
    c->head = (size_t)(end + 4 - c->in.p);
    c->request = c->head + body;
    return true;
}

/* Answers what is there; a stream is finished before the next request is looked at. */
static void conn_requests(struct conn *c)
{
    while (!c->streaming && !c->leaving && c->in.len) {
        if (!c->request && !request_frame(c))
            return;
        if (c->in.len < c->request) {
            bytes_reserve(&c->in, c->request - c->in.len);
            return;
        }
        answer(c);
        bytes_drop(&c->in, c->request);
        c->request = 0;
    }
}

/* --- the loop --- */

static void on_time(struct conn *c, int64_t now)
{
    wait_cancel(c);
    if (c->sent < c->total) {
        stream_events(c, now);
        int64_t next = c->due_ns + c->interval_ns;
        wait_until(c, next > now ? next : now);
    } else {
        stream_end(c);
        conn_requests(c);
    }
    if (!conn_flush(c))
        conn_close(c);
}

static void on_accept(int listener, bool with_tls)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    socket_tune(fd);
    struct conn *c = must_alloc(sizeof *c);
    c->fd = fd;
    c->heap_at = NOT_WAITING;
    if (with_tls) {
        c->ssl = SSL_new(tls);
        if (!c->ssl || !SSL_set_fd(c->ssl, fd))
            die("no memory for a TLS connection");
        SSL_set_accept_state(c->ssl);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void on_ready(struct conn *c, uint32_t events)
{
    bool gone = false;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        bytes_reserve(&c->in, 4096);
        ssize_t n;
        /* What OpenSSL holds already does not make the socket readable again. */
        do {
            bytes_reserve(&c->in, 1);
            n = conn_read(c, c->in.p + c->in.len, c->in.cap - c->in.len);
            if (n > 0)
                c->in.len += (size_t)n;
        } while (n > 0 && c->ssl);
        gone = n == 0 || (n < 0 && errno != EAGAIN);
        if (!gone)
            conn_requests(c);
    }
    if (gone || !conn_flush(c) || (c->leaving && !c->out.len))
        conn_close(c);
}

static void tls_setup(const char *cert, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        die("cannot read %s and %s", cert, key);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
}

int main(int argc, char **argv)
{
    long port = 0, tls_port = 0, core = -1;
    const char *cert = "", *key = "";
    const struct option_row rows[] = {
        {"--port", .number = &port}, {"--tls-port", .number = &tls_port},
        {"--core", .number = &core}, {"--cert", .text = &cert},
        {"--key", .text = &key},
    };
    options_read(argc, argv, rows, sizeof rows / sizeof *rows);
    process_setup(core);
    int listeners[2] = {socket_listen(port), -1};
    if (tls_port) {
        tls_setup(cert, key);
        listeners[1] = socket_listen(tls_port);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < 2 && listeners[i] >= 0; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listeners[i]};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listeners[i], &e);
    }
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait_until(epoll_fd, events, 64, heap_len ? heap[0]->due_ns : 0);
        for (int i = 0; i < n; i++) {
            int *listener = events[i].data.ptr;
            if (listener == &listeners[0] || listener == &listeners[1])
                on_accept(*listener, listener == &listeners[1]);
            else
                on_ready(events[i].data.ptr, events[i].events);
        }
        for (int64_t now = clock_mono_ns(); heap_len && heap[0]->due_ns <= now;
             now = clock_mono_ns())
            on_time(heap[0], now);
    }
}
