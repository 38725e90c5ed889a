/* Any answer, cut anywhere, is restored as when it comes whole; and what was masked comes back. The
 * first byte says where the cut is, the parts before and behind a first NUL are the user's own text
 * (two values stand in it) and the model's answer. */
#include "inspect/mask.h"
#include "json/reader.h"
#include "json/writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void restore(const struct mask_map *map, struct view text, size_t cut, struct buf *out)
{
    struct unmask u = {.map = map};

    buf_reset(out);
    unmask_piece(&u, view_first(text, cut), out);
    unmask_piece(&u, view_skip(text, cut), out);
    unmask_end(&u, out);
    check(buf_ok(out));
}

/* `["Ann <own> Bob"]`, and the text that it holds. */
static void write_body(struct view own, struct finding found[2], struct buf *body)
{
    check(buf_reserve(body, own.n * 12 + 64)); /* so that it may be appended to itself */
    buf_append_lit(body, "[");
    json_quote(body, own);
    body->len--; /* the text goes on behind its quote */
    found[0] = (struct finding){.start = (uint32_t)body->len, .value = VIEW("ann")};
    buf_append_lit(body, "Ann");
    found[0].end = (uint32_t)body->len;
    buf_append(body, view_of(body->p + 2, found[0].start - 2));
    found[1] = (struct finding){.start = (uint32_t)body->len, .value = VIEW("b")};
    buf_append_lit(body, "b@x.org\"]");
    found[1].end = (uint32_t)body->len - 2;
    found[0].class = DATA_PERSON;
    found[1].class = DATA_EMAIL;
    found[0].maskable = found[1].maskable = true;
}

static struct view text_of(struct view body, struct arena *a)
{
    struct json_reader r;
    struct json_array array;
    struct json_text text = {0};

    json_begin(&r, body);
    check(json_array_begin(&r, &array) && json_array_next(&r, &array) && json_string(&r, &text));
    return json_decode(text, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view answer = view_of((const char *)data, size);
    size_t cut = size ? data[0] : 0;
    struct view own = view_cut(&answer, '\0'), masked;
    struct arena *a = arena_new(64 << 20);
    struct mask_map *map = a ? mask_map_new(a) : NULL;
    struct buf body = BUF_MAX(16 << 20), whole = BUF_MAX(64 << 20), parted = BUF_MAX(64 << 20);
    struct finding found[2];
    struct findings findings = {.all = found, .n = 2};
    struct error err;

    check(map != NULL);
    write_body(own, found, &body);
    struct view text = text_of(buf_view(&body), a);
    if (mask_body(map, buf_view(&body), &findings, ~UINT32_C(0), a, &masked, &err)) {
        struct view left = text_of(masked, a);
        restore(map, left, cut < left.n ? cut : left.n, &whole);
        check(view_eq(buf_view(&whole), text));
        restore(map, answer, answer.n, &whole);
        restore(map, answer, cut < answer.n ? cut : answer.n, &parted);
        check(view_eq(buf_view(&whole), buf_view(&parted)));
        check(mask_leaks(map, VIEW("to b@x.org")));
        (void)mask_leaks(map, answer);
    }
    buf_done(&body);
    buf_done(&whole);
    buf_done(&parted);
    arena_free(a);
    return 0;
}
