/*
 * A property of the editor: whatever order and white space a request's members come in, the body
 * that leaves is JSON with the same members in the same order and the same bytes, but for the
 * edits. Requests are drawn at random from a fixed seed; the expected members are computed here
 * from lists, not from text.
 */
#include "base/buf.h"
#include "llm/request.h"
#include "json/reader.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROUNDS    4000
#define MAX_SHOWN 20

struct member {
    struct view key, value; /* raw, without quotes; raw JSON */
};

struct members {
    struct member at[MAX_SHOWN];
    unsigned n;
};

static uint64_t seed = 20261124;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % below;
}

static const struct member optional[] = {
    {VIEW_LIT("temperature"), VIEW_LIT("0.70")},
    {VIEW_LIT("top_p"), VIEW_LIT("1e-1")},
    {VIEW_LIT("max_tokens"), VIEW_LIT("512")},
    {VIEW_LIT("max_completion_tokens"), VIEW_LIT("256")},
    {VIEW_LIT("stream"), VIEW_LIT("true")},
    {VIEW_LIT("seed"), VIEW_LIT("12345678901234567890")},
    {VIEW_LIT("stop"), VIEW_LIT("[ \"}\\\",\" , \"{\" ]")},
    {VIEW_LIT("user"), VIEW_LIT("\"a \\u00e4 , \\\"temperature\\\":1\"")},
    {VIEW_LIT("logit_bias"), VIEW_LIT("{\"temperature\":1,\"50256\": -1.0E+2}")},
};

static const struct {
    struct view value, edited;
} stream_options[] = {
    {VIEW_LIT("{}"), VIEW_LIT("{\"include_usage\":true}")},
    {VIEW_LIT("{ }"), VIEW_LIT("{\"include_usage\":true}")},
    {VIEW_LIT("null"), VIEW_LIT("{\"include_usage\":true}")},
    {VIEW_LIT("{\"include_usage\":true}"), VIEW_LIT("{\"include_usage\":true}")},
    {VIEW_LIT("{\"include_usage\" : false}"), VIEW_LIT("{\"include_usage\" : true}")},
    {VIEW_LIT("{\"x\":1, \"include_usage\":null}"), VIEW_LIT("{\"x\":1, \"include_usage\":true}")},
    {VIEW_LIT("{\"x\":[{}]}"), VIEW_LIT("{\"include_usage\":true,\"x\":[{}]}")},
};
#define OPTION_KINDS (sizeof(stream_options) / sizeof(stream_options[0]))

static void add(struct members *m, const char *key, struct view value)
{
    m->at[m->n++] = (struct member){view_str(key), value};
}

/* A request in random order; `ret_options` tells which stream_options it has. */
static struct members draw_request(size_t *ret_options)
{
    struct members m = {.n = 0};

    add(&m, "model", VIEW("\"auto\""));
    add(&m, "messages",
        VIEW("[{\"role\":\"user\",\"content\":\"top_p, \\\"model\\\":\\\"x\\\"\"}]"));
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
        if (draw(2))
            m.at[m.n++] = optional[i];
    *ret_options = draw(OPTION_KINDS + 3);
    if (*ret_options < OPTION_KINDS)
        add(&m, "stream_options", stream_options[*ret_options].value);
    for (unsigned i = m.n - 1; i > 0; i--) {
        unsigned j = draw(i + 1);
        struct member swap = m.at[i];
        m.at[i] = m.at[j];
        m.at[j] = swap;
    }
    return m;
}

static void space(struct buf *out)
{
    static const struct view kinds[] = {VIEW_LIT(""), VIEW_LIT(""), VIEW_LIT(" "), VIEW_LIT("\n  "),
                                        VIEW_LIT("\t\r\n")};
    buf_append(out, kinds[draw(5)]);
}

static void print(const struct members *m, struct buf *out)
{
    space(out);
    buf_append_char(out, '{');
    for (unsigned i = 0; i < m->n; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        space(out);
        buf_append_char(out, '"');
        buf_append(out, m->at[i].key);
        buf_append_char(out, '"');
        space(out);
        buf_append_char(out, ':');
        space(out);
        buf_append(out, m->at[i].value);
        space(out);
    }
    buf_append_char(out, '}');
    space(out);
}

static bool has(const struct members *m, struct view key)
{
    for (unsigned i = 0; i < m->n; i++)
        if (view_eq(m->at[i].key, key))
            return true;
    return false;
}

static struct members expect(const struct members *m, const struct llm_rewrite *rw, size_t options)
{
    struct members want = {.n = 0};
    bool usage = rw->add_usage && has(m, VIEW("stream"));

    if (usage && options >= OPTION_KINDS)
        add(&want, "stream_options", VIEW("{\"include_usage\":true}"));
    for (unsigned i = 0; i < m->n; i++) {
        struct member x = m->at[i];
        if (view_eq(x.key, VIEW("model")))
            x.value = VIEW("\"gpt-5-mini\"");
        if (rw->drop_sampling &&
            (view_eq(x.key, VIEW("temperature")) || view_eq(x.key, VIEW("top_p"))))
            continue;
        if (rw->max_completion_tokens && view_eq(x.key, VIEW("max_tokens"))) {
            if (has(m, VIEW("max_completion_tokens")))
                continue;
            x.key = VIEW("max_completion_tokens");
        }
        if (usage && view_eq(x.key, VIEW("stream_options")))
            x.value = stream_options[options].edited;
        want.at[want.n++] = x;
    }
    return want;
}

static void compare(struct view text, const struct members *want)
{
    struct json_reader r;
    struct json_object o;
    struct view value;
    unsigned n = 0;

    json_begin(&r, text);
    assert_true(json_object_begin(&r, &o));
    while (json_object_next(&r, &o)) {
        assert_true(n < want->n && json_value(&r, &value));
        if (!view_eq(o.key, want->at[n].key) || !view_eq(value, want->at[n].value))
            fail_msg("member %u is %.*s: %.*s in %.*s", n, VIEW_ARG(o.key), VIEW_ARG(value),
                     VIEW_ARG(text));
        n++;
    }
    if (!json_end(&r) || n != want->n)
        fail_msg("not JSON, or members are missing: %.*s", VIEW_ARG(text));
}

static void test_edits(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct llm_rewrite rw = {VIEW("gpt-5-mini"), draw(2), draw(2), draw(2)};
        struct buf text = BUF_MAX(1 << 16), out = BUF_MAX(1 << 16);
        struct arena *a = arena_new(1 << 16);
        struct llm_request req;
        struct llm_body body;
        struct view notes;
        struct error err;
        size_t options;

        struct members m = draw_request(&options);
        struct members want = expect(&m, &rw, options);
        print(&m, &text);
        if (!llm_request_read(LLM_OPENAI_CHAT, buf_view(&text), a, &req, &err))
            fail_msg("%s: %.*s", err.text, VIEW_ARG(buf_view(&text)));
        assert_true(llm_request_write(&req, &rw, a, &body, &notes, &err));
        for (unsigned i = 0; i < body.n; i++)
            buf_append(&out, body.pieces[i]);
        assert_int_equal(body.bytes, out.len);
        compare(buf_view(&out), &want);
        buf_done(&text);
        buf_done(&out);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
