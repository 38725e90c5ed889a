/* Any bytes as the head of a request and of an answer. */
#include "http/head.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool inside(struct view v, struct view all)
{
    return v.n == 0 || (v.p >= all.p && v.p + v.n <= all.p + all.n);
}

static void check_fields(const struct http_head *h, struct view all)
{
    check(h->n_headers <= HTTP_MAX_HEADERS);
    for (unsigned i = 0; i < h->n_headers; i++) {
        struct view name = h->headers[i].name, value = h->headers[i].value;
        check(name.n > 0 && inside(name, all) && inside(value, all));
        for (size_t at = 0; at < value.n; at++)
            check((unsigned char)value.p[at] >= ' ' || value.p[at] == '\t');
        check(view_find_char(name, ' ') == VIEW_NPOS && view_find_char(name, ':') == VIEW_NPOS);
        check(http_header_get(h, name).p != NULL);
    }
}

static void check_request(struct view all, struct arena *a)
{
    struct http_head h;
    struct error err = {0};

    if (!http_request_parse(all, a, &h, &err)) {
        check(err.code == ERROR_BAD_HTTP || err.code == ERROR_BAD_CODING ||
              err.code == ERROR_BAD_VERSION || err.code == ERROR_BAD_EXPECTATION ||
              err.code == ERROR_HEAD_TOO_LARGE);
        check(err.text[0] && err.hint[0]);
        return;
    }
    check_fields(&h, all);
    check(h.path.n > 0 && (h.minor == 0 || h.host.n > 0));
    check(h.framing != HTTP_BODY_UNTIL_CLOSE);
}

static void check_answer(struct view all, struct arena *a)
{
    struct http_head h;
    struct error err = {0};

    if (!http_answer_parse(all, all.n % 2, a, &h, &err)) {
        check(err.code == ERROR_UPSTREAM_PROTOCOL && err.text[0]);
        return;
    }
    check_fields(&h, all);
    check(h.status >= 100 && h.status <= 599);
    check(h.framing != HTTP_BODY_UNTIL_CLOSE || !h.keep_alive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view all = view_of((const char *)data, size);
    size_t whole = 0, pieces = 0, end = 0;

    if (size == 0)
        return 0;
    size_t expected = http_head_end(all, &whole);
    for (size_t n = 1; n <= size && n < 2048 && end == 0; n++)
        end = http_head_end(view_first(all, n), &pieces);
    if (end || size < 2048)
        check(end == expected);

    struct arena *a = arena_new(1 << 20);
    check(a != NULL);
    /* Also what the caller would never pass: bytes that are no whole head. */
    for (int part = 0; part < 2; part++) {
        struct view head = part == 0 ? all : view_first(all, expected);
        if (head.n == 0)
            continue;
        check_request(head, a);
        check_answer(head, a);
    }
    arena_free(a);
    return 0;
}
