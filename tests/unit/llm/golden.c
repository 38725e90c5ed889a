#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void read_file(const char *name, struct buf *out)
{
    char path[1024];
    const char *root = getenv("WEIR_SOURCE");

    snprintf(path, sizeof(path), "%s/tests/golden/%s", root ? root : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    for (;;) {
        char *to = buf_reserve(out, 4096);
        assert_non_null(to);
        size_t n = fread(to, 1, 4096, f);
        out->len += n;
        if (n == 0)
            break;
    }
    fclose(f);
}

/* Behind the first `mark`; the mark must be there. */
static struct view behind(struct view text, struct view mark)
{
    size_t at = view_find(text, mark);

    if (at == VIEW_NPOS)
        fail_msg("a golden file lacks \"%.*s\"", VIEW_ARG(mark));
    return view_skip(text, at + mark.n);
}

static void dechunk(struct view body, struct buf *out)
{
    for (;;) {
        char *end;
        unsigned long n = strtoul(body.p, &end, 16);
        body = behind(body, VIEW("\r\n"));
        if (n == 0)
            return;
        assert_true(n + 2 <= body.n);
        buf_append(out, view_first(body, n));
        body = view_skip(body, n + 2);
    }
}

void golden_open(struct golden *g, const char *name)
{
    struct view response, head;

    *g = (struct golden){.file = BUF_MAX(1 << 20), .body = BUF_MAX(1 << 20)};
    read_file(name, &g->file);
    response = behind(buf_view(&g->file), VIEW("\n##### response\n"));
    g->request = behind(buf_view(&g->file), VIEW("\r\n\r\n"));
    g->request.n = view_find(g->request, VIEW("\n##### response\n"));
    while (g->request.n && g->request.p[g->request.n - 1] == '\n')
        g->request.n--;
    assert_true(view_starts(response, VIEW("HTTP/1.1 ")));
    g->status = (int)strtol(response.p + 9, NULL, 10);
    head = view_first(response, view_find(response, VIEW("\r\n\r\n")));
    response = behind(response, VIEW("\r\n\r\n"));
    if (view_find_nocase(head, VIEW("transfer-encoding: chunked")) != VIEW_NPOS)
        dechunk(response, &g->body);
    else
        buf_append(&g->body, response);
    assert_true(buf_ok(&g->body));
}

void golden_close(struct golden *g)
{
    buf_done(&g->file);
    buf_done(&g->body);
}

bool golden_event(struct view *rest, struct view *ret_data)
{
    size_t end = view_find(*rest, VIEW("\n\n"));

    if (end == VIEW_NPOS)
        return false;
    assert_true(view_starts(*rest, VIEW("data: ")));
    *ret_data = view_of(rest->p + 6, end - 6);
    *rest = view_skip(*rest, end + 2);
    return true;
}

void golden_replace(struct view text, struct view from, struct view to, struct buf *out)
{
    for (;;) {
        size_t at = view_find(text, from);
        buf_append(out, view_first(text, at == VIEW_NPOS ? text.n : at));
        if (at == VIEW_NPOS)
            return;
        buf_append(out, to);
        text = view_skip(text, at + from.n);
    }
}
