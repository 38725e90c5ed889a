/* The organisation's patterns: what they match, what is refused, and that time stays linear. */
#include "base/clock.h"
#include "inspect/pattern.h"
#include "inspect/sensitivity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 << 20);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* The first match, or "-". */
static struct view match(const char *expression, struct view text)
{
    struct error err;
    struct pattern *p = pattern_new(view_str(expression), &err);
    struct pattern_search *search;
    size_t start, end;

    if (!p)
        fail_msg("%s: %s", expression, err.text);
    assert_non_null(search = pattern_search_new(p, arena));
    bool found = pattern_find(search, text, 0, &start, &end);
    pattern_free(p);
    return found ? view_of(text.p + start, end - start) : VIEW("-");
}

static void matches(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *text, *match;
    } rows[] = {
        {"abc", "xxabcabc", "abc"},
        {"a.c", "abc a\nc", "abc"},
        {"a|ab|abc", "xabcd", "abc"},
        {"(foo|ba[rz])+", "x foobarbaz", "foobarbaz"},
        {"PRJ-\\d{4,6}", "see PRJ-123, PRJ-1234567", "PRJ-123456"},
        {"\\bPRJ-\\d{4}\\b", "XPRJ-1234 PRJ-12345 PRJ-4321.", "PRJ-4321"},
        {"[^a-c]+", "abcxyzabc", "xyz"},
        {"(?i)project\\s+zeus", "PROJECT \t Zeus", "PROJECT \t Zeus"},
        {"x{3}", "xx xxxx", "xxx"},
        {"x{2,}y", "xy xxxxy", "xxxxy"},
        {"ab?c", "ac", "ac"},
        {"^b$", "a\nb\nc", "b"},
        {"^b", "ab", "-"},
        {"a{,2}", "a{,2}", "a{,2}"},
        {"[]x]+", "a]x]", "]x]"},
        {"[\\w.]+@corp", "to bob.x@corp now", "bob.x@corp"},
        {"(a*)*b", "aaab", "aaab"},
        {"\xc3\xa4+", "x\xc3\xa4", "\xc3\xa4"},
        {"\\Bend", "end bend", "end"},
        {"a.*?b", "xaxbxb", "axbxb"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view got = match(rows[i].expression, view_str(rows[i].text));
        if (!view_eq(got, view_str(rows[i].match)))
            fail_msg("%s on %s: %.*s", rows[i].expression, rows[i].text, VIEW_ARG(got));
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const expressions[] = {
        "",
        "(",
        ")",
        "a)",
        "[a",
        "*a",
        "a**",
        "(?=a)b",
        "(?<!a)b",
        "(a)\\1",
        "\\q",
        "a\\",
        "[z-a]",
        "a*",
        "(a|)",
        "x{9999}",
        ("(((((((((((((((((((x{1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){1}){"
         "1}){1})"),
        "((((x{200}){200}){200}))",
        "x{3,2}",
    };
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        struct error err = {0};
        struct pattern *p = pattern_new(view_str(expressions[i]), &err);
        if (p)
            fail_msg("'%s' was taken", expressions[i]);
        assert_int_equal(err.code, ERROR_BAD_VALUE);
    }
}

/* Going back would take 2^n steps for these. */
static void time_is_linear(void **state)
{
    (void)state;
    static char text[200000];

    memset(text, 'a', sizeof(text));
    int64_t from = clock_mono_ns();
    assert_true(view_eq(match("(a|aa)+$x", view_of(text, sizeof(text))), VIEW("-")));
    assert_true(view_eq(match("(a*)*(a*)*b", view_of(text, sizeof(text))), VIEW("-")));
    assert_true(clock_mono_ns() - from < 20 * NS_PER_S);
}

static void words_and_patterns(void **state)
{
    (void)state;
    struct view words[] = {VIEW("Project Zeus"), VIEW("streng geheim")};
    struct view patterns[] = {VIEW("PRJ-\\d{4}")}, wrong[] = {VIEW("PRJ-(\\d)\\1")};
    struct sensitivity_own own = {words, 2, patterns, 1};
    struct sensitivity_options options = {.classes = UINT32_MAX, .no_tagger = true};
    struct findings found;
    struct error err;
    struct sensitivity *s = sensitivity_new(&own, &err);

    assert_non_null(s);
    words[0] = VIEW("changed"); /* it has copies */
    assert_true(sensitivity_scan_text(
        s, VIEW("project zeus is STRENG GEHEIM, PRJ-1234 and PRJ-9; Project Zeuss is not"),
        &options, arena, &found, &err));
    assert_int_equal(found.counts[DATA_CONFIDENTIAL], 3);
    assert_int_equal(found.all[0].evidence, FINDING_OWN);
    sensitivity_free(s);
    own.patterns = wrong;
    assert_null(sensitivity_new(&own, &err));
    assert_int_equal(err.code, ERROR_BAD_VALUE);
    assert_non_null(strstr(err.text, "PRJ-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(refusals),
        cmocka_unit_test(time_is_linear),
        cmocka_unit_test(words_and_patterns),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
