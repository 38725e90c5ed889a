/* Paragraphs around findings: where they begin and end in the raw body, and what replaces them. */
#include "inspect/portions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Findings stand between brackets in the body; the one string is the whole of it but for its
 * quotes. `want` has the portions between bars. */
struct marked {
    char body[400];
    struct finding all[8];
    struct findings found;
    struct scanned_string string;
};

static void mark(struct marked *m, const char *text)
{
    uint32_t n = 0, start = 0;

    memset(m, 0, sizeof(*m));
    for (const char *c = text; *c; c++) {
        if (*c == '[')
            start = n;
        else if (*c == ']')
            m->all[m->found.n++] =
                (struct finding){.start = start, .end = n, .class = DATA_PERSON, .maskable = true};
        else
            m->body[n++] = *c;
    }
    m->string = (struct scanned_string){.start = 1, .end = n - 1};
    m->found.all = m->all;
    m->found.strings = &m->string;
    m->found.n_strings = 1;
}

static void test_paragraphs(void **state)
{
    static const struct {
        const char *body, *replaced;
    } cases[] = {
        {"\"no line's end: [Ada] is ill\"", "\"#\""},
        {"\"What is it?\\n\\n[Ada] is ill\"", "\"What is it?\\n\\n#\""},
        {"\"[Ada] is ill\\n\\nWhat is it?\"", "\"#\\n\\nWhat is it?\""},
        {"\"a\\n\\nx [Ada] y\\nz [Bob]\\n\\nb\"", "\"a\\n\\n#\\n\\nb\""},
        {"\"a\\n\\n[Ada]\\n\\nb\\n\\n[Bob]\"", "\"a\\n\\n#\\n\\nb\\n\\n#\""},
        {"\"a\\n\\r\\n[Ada]\\n\\r\\nb\"", "\"a\\n\\r\\n#\\n\\r\\nb\""},
        /* a backslash and two letters, no line's end */
        {"\"C:\\\\n\\\\n[Ada]\"", "\"#\""},
    };
    struct arena *a = arena_new(1 << 20);

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct marked m;
        struct portion *portions;
        struct view body, texts[8];
        unsigned n;
        struct error err;
        mark(&m, cases[i].body);
        assert_true(portions_find(view_str(m.body), &m.found, UINT32_MAX, a, &portions, &n, &err));
        for (unsigned k = 0; k < n; k++)
            texts[k] = VIEW("#");
        assert_true(portions_replace(view_str(m.body), portions, texts, n, a, &body, &err));
        if (!view_eq(body, view_str(cases[i].replaced)))
            print_error("%.*s is not %s\n", VIEW_ARG(body), cases[i].replaced);
        assert_true(view_eq(body, view_str(cases[i].replaced)));
    }
    arena_free(a);
}

static void test_what_comes_in_is_escaped(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct marked m;
    struct portion *portions;
    struct view body, text = VIEW("say \"so\"\n");
    unsigned n;
    struct error err;

    (void)state;
    mark(&m, "\"q\\n\\n[Ada] \\\"the\\\" \\u00e9\"");
    assert_true(portions_find(view_str(m.body), &m.found, UINT32_MAX, a, &portions, &n, &err));
    assert_int_equal(n, 1);
    assert_true(view_eq(portion_text(view_str(m.body), portions, a), VIEW("Ada \"the\" \xc3\xa9")));
    assert_true(portions_replace(view_str(m.body), portions, &text, 1, a, &body, &err));
    assert_true(view_eq(body, VIEW("\"q\\n\\nsay \\\"so\\\"\\n\"")));
    arena_free(a);
}

static void test_what_cannot_be_cut_out(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct marked m;
    struct portion *portions;
    unsigned n;
    struct error err;

    (void)state;
    mark(&m, "\"[Ada]\"");
    m.all[0].maskable = false;
    assert_false(portions_find(view_str(m.body), &m.found, UINT32_MAX, a, &portions, &n, &err));
    assert_int_equal(err.code, ERROR_BAD_VALUE);
    /* other classes do not matter */
    assert_true(
        portions_find(view_str(m.body), &m.found, 1u << DATA_EMAIL, a, &portions, &n, &err));
    assert_int_equal(n, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paragraphs),
        cmocka_unit_test(test_what_comes_in_is_escaped),
        cmocka_unit_test(test_what_cannot_be_cut_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
