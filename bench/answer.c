#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_reset(struct answer *a)
{
    a->state = ANSWER_HEAD;
    a->status = 0;
    a->close = a->chunked = a->is_stream = a->finished = false;
    a->left = a->body_bytes = 0;
    a->events = a->disordered = 0;
    a->line_len = a->event_len = 0;
}

static void stream_line(struct answer *a, int64_t now_ns)
{
    a->event[a->event_len] = 0;
    if (!strncmp(a->event, "data: [DONE]", 12)) {
        a->finished = true;
        return;
    }
    const char *stamp = strstr(a->event, "\" t=");
    const char *number = stamp ? strstr(stamp, " n=") : NULL;
    if (!number)
        return;
    if (strtoul(number + 3, NULL, 10) != a->events)
        a->disordered++;
    a->events++;
    if (a->on_event)
        a->on_event(a->context, strtoll(stamp + 4, NULL, 10), now_ns);
}

static bool body(struct answer *a, const char *p, size_t n, int64_t now_ns)
{
    a->body_bytes += n;
    while (a->is_stream && n) {
        const char *end = memchr(p, '\n', n);
        size_t part = end ? (size_t)(end - p) : n;
        if (a->event_len + part >= sizeof a->event)
            return false;
        memcpy(a->event + a->event_len, p, part);
        a->event_len += part;
        if (!end)
            break;
        stream_line(a, now_ns);
        a->event_len = 0;
        p = end + 1;
        n -= part + 1;
    }
    return true;
}

static void head_line(struct answer *a, const char *line)
{
    if (!a->status) {
        a->status = strncmp(line, "HTTP/1.1 ", 9) ? -1 : (int)strtol(line + 9, NULL, 10);
        a->left = UINT64_MAX;
    } else if (!strncasecmp(line, "content-length:", 15)) {
        a->left = strtoull(line + 15, NULL, 10);
    } else if (!strncasecmp(line, "transfer-encoding:", 18)) {
        a->chunked = true;
    } else if (!strncasecmp(line, "content-type:", 13)) {
        a->is_stream = strstr(line, "text/event-stream") != NULL;
    } else if (!strncasecmp(line, "connection:", 11)) {
        a->close = strcasestr(line + 11, "close") != NULL;
    }
}

/* One whole line of the chunked coding. */
static enum answer_state line_state(struct answer *a, enum answer_state at)
{
    if (at == ANSWER_CHUNK_END)
        return a->line_len ? ANSWER_BROKEN : ANSWER_CHUNK_SIZE;
    if (at == ANSWER_TRAILER)
        return a->line_len ? ANSWER_TRAILER : ANSWER_DONE;
    char *end;
    a->left = strtoull(a->line, &end, 16);
    if (end == a->line)
        return ANSWER_BROKEN;
    return a->left ? ANSWER_CHUNK : ANSWER_TRAILER;
}

static enum answer_state head_state(struct answer *a)
{
    if (a->line_len) {
        head_line(a, a->line);
        return a->status < 0 ? ANSWER_BROKEN : ANSWER_HEAD;
    }
    if (a->chunked)
        return ANSWER_CHUNK_SIZE;
    if (a->left == UINT64_MAX)
        return ANSWER_BROKEN;
    return a->left ? ANSWER_BODY : ANSWER_DONE;
}

/* Takes bytes up to the end of a line. Returns how many. */
static size_t take_line(struct answer *a, const char *p, size_t n)
{
    const char *end = memchr(p, '\n', n);
    size_t part = end ? (size_t)(end - p) : n;
    if (a->line_len + part >= sizeof a->line) {
        a->state = ANSWER_BROKEN;
        return n;
    }
    memcpy(a->line + a->line_len, p, part);
    a->line_len += part;
    if (!end)
        return n;
    if (a->line_len && a->line[a->line_len - 1] == '\r')
        a->line_len--;
    a->line[a->line_len] = 0;
    a->state = a->state == ANSWER_HEAD ? head_state(a) : line_state(a, a->state);
    a->line_len = 0;
    return part + 1;
}

bool answer_feed(struct answer *a, const char *p, size_t n, int64_t now_ns)
{
    while (n && a->state != ANSWER_BROKEN) {
        size_t part;
        if (a->state == ANSWER_DONE)
            return false;
        if (a->state == ANSWER_BODY || a->state == ANSWER_CHUNK) {
            part = n < a->left ? n : (size_t)a->left;
            if (!body(a, p, part, now_ns))
                return false;
            a->left -= part;
            if (!a->left)
                a->state = a->state == ANSWER_BODY ? ANSWER_DONE : ANSWER_CHUNK_END;
        } else {
            part = take_line(a, p, n);
        }
        p += part;
        n -= part;
    }
    return a->state != ANSWER_BROKEN;
}

bool answer_is_right(const struct answer *a, unsigned events)
{
    if (a->state != ANSWER_DONE || a->status != 200)
        return false;
    if (!events)
        return a->body_bytes > 0 && !a->is_stream;
    return a->is_stream && a->finished && a->events == events && !a->disordered;
}
