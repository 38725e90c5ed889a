#include "llm/join.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LONG "The quick brown fox jumps over the lazy dog, "

/* Feeds the second part in pieces of `size` bytes; false when it was refused. */
static bool joined(struct view said, struct view second, size_t size, struct buf *out)
{
    struct llm_join j = LLM_JOIN(said);
    struct view text;
    bool ok = true;

    buf_append(out, said);
    while (ok && second.n) {
        ok = llm_join_piece(&j, view_first(second, size), &text);
        if (ok)
            buf_append(out, text);
        second = view_skip(second, size);
    }
    if (ok)
        buf_append(out, llm_join_end(&j));
    llm_join_done(&j);
    return ok;
}

static void test_seams(void **state)
{
    static const struct {
        const char *said, *second, *whole; /* NULL: refused */
    } rows[] = {
        {"Hel", "lo", "Hello"},
        {"Hello ", "world", "Hello world"},
        {"Hello ", " world", "Hello world"},
        {"Hello\n\n", "\n\nworld", "Hello\n\nworld"},
        {"Hello\n\n", "\nworld", "Hello\n\nworld"},
        {"Hello\n\n", " world", "Hello\n\n world"},
        {"Hello ", "  world", "Hello  world"},
        {"Hello ", "", "Hello "},
        {"Hello ", " ", "Hello "},
        {" \n", " \nHello", " \nHello"},
        {"ha ", "ha ", "ha ha "},
        {LONG "it", " barked.", LONG "it barked."},
        {LONG "it", "The quick red fox", LONG "itThe quick red fox"},
        {LONG "it", "The quick brown fox jumps over th", NULL},
        {LONG "it", LONG "it barked.", NULL},
        {LONG "it", "\n " LONG, NULL},
        {"\n" LONG, LONG, NULL},
        /* a part that ends before it shows what it is is told */
        {LONG "it", "The quick", LONG "itThe quick"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t size = 1; size < 80; size += size < 4 ? 1 : 25) {
            struct buf out = BUF_MAX(1024);
            bool ok = joined(view_str(rows[i].said), view_str(rows[i].second), size, &out);
            if (ok != (rows[i].whole != NULL) ||
                (ok && !view_eq(buf_view(&out), view_str(rows[i].whole))))
                fail_msg("row %zu in pieces of %zu: %d '%.*s'", i, size, ok,
                         VIEW_ARG(buf_view(&out)));
            buf_done(&out);
        }
}

/* A model that goes on where the handed text ends gives the same text, wherever it was cut. */
static void test_a_cut_at_every_byte(void **state)
{
    struct view text = VIEW("Die \"Größe\"  von\n\n\tZürich:\r\n 雪 \\ 🕰️ fällt.  ");

    (void)state;
    for (size_t at = 0; at <= text.n; at++)
        for (size_t size = 1; size < 6; size++) {
            struct buf out = BUF_MAX(1024);
            struct view said = view_first(text, at);
            assert_true(joined(said, view_skip(text, llm_join_handed(said).n), size, &out));
            assert_true(view_eq(buf_view(&out), text));
            buf_done(&out);
        }
}

/* What was said grows by what is told, so its bytes move. */
static void test_what_was_said_may_go_once_it_is_open(void **state)
{
    struct buf said = BUF_MAX(256);
    struct view text;

    (void)state;
    buf_append_lit(&said, LONG "it ");
    struct llm_join j = LLM_JOIN(buf_view(&said));
    assert_true(llm_join_piece(&j, VIEW(" b"), &text));
    buf_done(&said);
    j.said = view_of((const char *)16, 64); /* a look at it would be a crash */
    assert_true(llm_join_piece(&j, VIEW("arked"), &text));
    assert_true(view_eq(text, VIEW("arked")));
    assert_int_equal(llm_join_end(&j).n, 0);
    llm_join_done(&j);
}

static void test_nothing_is_held_back_without_a_reason(void **state)
{
    struct llm_join j = LLM_JOIN(VIEW(LONG "it"));
    struct view text;

    (void)state;
    assert_true(llm_join_piece(&j, VIEW(" b"), &text));
    assert_true(view_eq(text, VIEW(" b")));
    assert_true(llm_join_piece(&j, VIEW("The quick brown fox jumps over the lazy dog"), &text));
    assert_int_equal(text.n, 43); /* only a beginning can be a beginning anew */
    llm_join_done(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_a_cut_at_every_byte),
        cmocka_unit_test(test_what_was_said_may_go_once_it_is_open),
        cmocka_unit_test(test_nothing_is_held_back_without_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
