/* Code that is given back comes again when it is called. */
#include "run/resident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of /proc/self/status, in KiB. */
static long rss_of_files(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kib = -1;

    assert_non_null(f);
    while (kib < 0 && fgets(line, sizeof(line), f))
        sscanf(line, "RssFile: %ld", &kib);
    fclose(f);
    return kib;
}

static void test_code_goes_and_comes_again(void **state)
{
    (void)state;
    long before = rss_of_files();
    resident_give_back_code();
    long after = rss_of_files();
    assert_true(before > 0);
    assert_true(after < before);
    assert_int_equal(strlen("it still runs"), 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_code_goes_and_comes_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
