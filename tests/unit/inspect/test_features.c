/* The rows of a request and the shape of its text. */
#include "inspect/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct look {
    struct features_shape shape;
    struct features rows;
};

static struct look features_of(struct view text)
{
    struct llm_message m = {.role = LLM_USER, .text = text};
    struct llm_request r = {.messages = &m, .n_messages = 1};
    struct look look;
    memset(&look, 0xA5, sizeof look);
    features_of_user(&r, &look.shape, &look.rows);
    return look;
}

static bool same_rows(const struct look *a, const struct look *b)
{
    return a->rows.n == b->rows.n &&
           memcmp(a->rows.rows, b->rows.rows, a->rows.n * sizeof *a->rows.rows) == 0;
}

static void case_does_not_matter(void **state)
{
    (void)state;
    struct look a = features_of(VIEW("ÜBERSETZE den TEXT Élan")),
                b = features_of(VIEW("übersetze den text élan"));
    assert_true(same_rows(&a, &b));
    struct look c = features_of(VIEW("ubersetze den text elan"));
    assert_false(same_rows(&a, &c));
}

/* Letters behind 0xC3 are lowered across the eight bytes of a step too, and nothing else is. */
static void lowers_across_steps(void **state)
{
    (void)state;
    for (unsigned blanks = 0; blanks < 16; blanks++) {
        char upper[40], lower[40];
        int n = snprintf(upper, sizeof upper, "%*sxÄy", (int)blanks, "");
        snprintf(lower, sizeof lower, "%*sxäy", (int)blanks, "");
        struct look a = features_of(view_of(upper, (size_t)n)),
                    b = features_of(view_of(lower, (size_t)n));
        assert_true(same_rows(&a, &b));
    }
    struct look a = features_of(VIEW("x \xD0\x90 y")), b = features_of(VIEW("x \xD0\xB0 y"));
    assert_false(same_rows(&a, &b));
}

static void rows_are_in_the_table(void **state)
{
    (void)state;
    struct look f = features_of(VIEW("one two one two one two one two one two"));
    assert_in_range(f.rows.n, 30, 200);
    for (unsigned i = 0; i < f.rows.n; i++)
        assert_true(f.rows.rows[i] < 1u << FEATURES_TABLE_BITS);
}

/* Words have a row of their own in a system message; of a long one both ends count. */
static void reads_the_system_message(void **state)
{
    (void)state;
    struct features f, again;
    features_of_system(VIEW("Be brief, be kind."), &f);
    assert_int_equal(f.n, 6);
    assert_int_equal(f.rows[0], f.rows[3]);
    features_of_system(VIEW_NONE, &f);
    assert_int_equal(f.n, 0);
    char text[1000];
    memset(text, 'a', sizeof text);
    for (size_t i = 7; i < sizeof text; i += 8)
        text[i] = ' ';
    features_of_system(view_of(text, sizeof text), &f);
    memcpy(text + 400, "zebra", 5);
    features_of_system(view_of(text, sizeof text), &again);
    assert_memory_equal(f.rows, again.rows, f.n * sizeof *f.rows);
    memcpy(text + 992, "zebra", 5);
    features_of_system(view_of(text, sizeof text), &again);
    assert_int_not_equal(f.rows[f.n - 1], again.rows[f.n - 1]);
}

static void reads_the_shape(void **state)
{
    (void)state;
    struct look f = features_of(VIEW("Which one?\nA) red\n(b) blue\nC. green\n"));
    assert_int_equal(f.shape.options, 3);
    assert_int_equal(f.shape.questions, 1);
    assert_int_equal(f.shape.last, 'n');
    assert_int_equal(f.shape.first_line, 10);
    f = features_of(VIEW("Text: a\nLabel: x\nText: b\nLabel: y\nText: c\nLabel:"));
    assert_int_equal(f.shape.repeats, 4);
    assert_int_equal(f.shape.last, ':');
    f = features_of(VIEW("fix\n```c\nint a[3];\n```\n- one\n* two\n3. three"));
    assert_int_equal(f.shape.fences, 2);
    assert_int_equal(f.shape.bullets, 3);
    assert_false(f.shape.json);
    f = features_of(VIEW("return {\"a\": 1} with 25 digits or \xC3\xBC"));
    assert_true(f.shape.json);
    assert_int_equal(f.shape.digits, 3);
    assert_int_equal(f.shape.high, 2);
}

/* What lies between head and tail is not looked at. */
static void cuts_long_texts(void **state)
{
    (void)state;
    size_t n = 5000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n);
    for (size_t i = 7; i < n; i += 8)
        text[i] = ' ';
    struct look a = features_of(view_of(text, n));
    memcpy(text + 2000, "zebra", 5);
    struct look b = features_of(view_of(text, n));
    assert_true(same_rows(&a, &b));
    memcpy(text + 300, "zebra", 5);
    b = features_of(view_of(text, n));
    assert_false(same_rows(&a, &b));
    assert_int_equal(b.shape.bytes, n);
    free(text);
}

/* Every length up to past the cut, in memory of just that size: nothing is read beyond. */
static void reads_no_further_than_the_text(void **state)
{
    (void)state;
    for (size_t n = 0; n < 1800; n++) {
        char *text = malloc(n ? n : 1);
        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(i * 7 % 251 + (i % 3 == 0 ? 5 : 0));
        struct look f = features_of(view_of(text, n));
        assert_true(f.rows.n > 0 && f.rows.n < FEATURES_MAX);
        free(text);
    }
}

static void only_marks_stay_in_bounds(void **state)
{
    (void)state;
    char text[1700];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = ".,;:!?()[]{}<>@#$%^&*"[(i * i + i / 3) % 21];
    struct look f = features_of(view_of(text, sizeof text));
    assert_true(f.rows.n < FEATURES_MAX);
    assert_true(f.shape.marks > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(lowers_across_steps),
        cmocka_unit_test(rows_are_in_the_table),
        cmocka_unit_test(reads_the_system_message),
        cmocka_unit_test(reads_the_shape),
        cmocka_unit_test(cuts_long_texts),
        cmocka_unit_test(reads_no_further_than_the_text),
        cmocka_unit_test(only_marks_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
