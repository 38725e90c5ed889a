/* The rows of a request and the shape of its text. */
#include "inspect/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct features features_of(struct view text)
{
    struct llm_message m = {.role = LLM_USER, .text = text};
    struct llm_request r = {.messages = &m, .n_messages = 1};
    struct features f;
    memset(&f, 0xA5, sizeof f);
    features_extract(&r, &f);
    return f;
}

static bool same_rows(const struct features *a, const struct features *b)
{
    return a->n == b->n && memcmp(a->rows, b->rows, a->n * sizeof *a->rows) == 0;
}

static void case_does_not_matter(void **state)
{
    (void)state;
    struct features a = features_of(VIEW("ÜBERSETZE den TEXT Élan")),
                    b = features_of(VIEW("übersetze den text élan"));
    assert_true(same_rows(&a, &b));
    struct features c = features_of(VIEW("ubersetze den text elan"));
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
        struct features a = features_of(view_of(upper, (size_t)n)),
                        b = features_of(view_of(lower, (size_t)n));
        assert_true(same_rows(&a, &b));
    }
    struct features a = features_of(VIEW("x \xD0\x90 y")), b = features_of(VIEW("x \xD0\xB0 y"));
    assert_false(same_rows(&a, &b));
}

static void rows_are_a_set_in_the_table(void **state)
{
    (void)state;
    struct features f = features_of(VIEW("one two one two one two one two one two"));
    for (unsigned i = 0; i < f.n; i++) {
        assert_true(f.rows[i] < 1u << FEATURES_TABLE_BITS);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(f.rows[i], f.rows[k]);
    }
}

static void reads_the_shape(void **state)
{
    (void)state;
    struct features f = features_of(VIEW("Which one?\nA) red\n(b) blue\nC. green\n"));
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
    struct features a = features_of(view_of(text, n));
    memcpy(text + 2000, "zebra", 5);
    struct features b = features_of(view_of(text, n));
    assert_true(same_rows(&a, &b));
    memcpy(text + 700, "zebra", 5);
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
        struct features f = features_of(view_of(text, n));
        assert_true(f.n > 0 && f.n < FEATURES_MAX);
        free(text);
    }
}

static void only_marks_stay_in_bounds(void **state)
{
    (void)state;
    char text[1700];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = ".,;:!?()[]{}<>@#$%^&*"[(i * i + i / 3) % 21];
    struct features f = features_of(view_of(text, sizeof text));
    assert_true(f.n < FEATURES_MAX);
    assert_true(f.shape.marks > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(lowers_across_steps),
        cmocka_unit_test(rows_are_a_set_in_the_table),
        cmocka_unit_test(reads_the_shape),
        cmocka_unit_test(cuts_long_texts),
        cmocka_unit_test(reads_no_further_than_the_text),
        cmocka_unit_test(only_marks_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
