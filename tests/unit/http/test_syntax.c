#include "http/syntax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_percents(void **state)
{
    static const struct {
        const char *text, *decoded;
    } rows[] = {
        {"", ""},
        {"inside%2Fa%2d", "inside/a-"},
        {"%", "%"},
        {"%4", "%4"},
        {"%zz%4g", "%zz%4g"},
        {"100%", "100%"},
        {"%2540", "%40"},
        {"a%41", "aA"},
    };
    struct arena *a = arena_new(1 << 16);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view got = http_percent_decoded(view_str(rows[i].text), a);
        if (!view_eq(got, view_str(rows[i].decoded)))
            fail_msg("'%s' became '%.*s'", rows[i].text, VIEW_ARG(got));
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_percents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
