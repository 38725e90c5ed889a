/* Retry-After in seconds and as a date. */
#include "http/retry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_MS INT64_C(784111777000)

static const struct {
    const char *value;
    int64_t ms;
} cases[] = {
    {"0", 0},
    {"7", 7000},
    {"0.25", 250},
    {"3600", HTTP_RETRY_MAX_MS},
    {"3601", HTTP_RETRY_MAX_MS},
    {"1e999", HTTP_RETRY_MAX_MS},
    {"-5", 0},
    {"-1e999", 0},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
    {"Sun, 06 Nov 1994 08:49:39 GMT", 2000},
    {"Sun, 06 Nov 1994 09:00:00 GMT", 623000},
    {"Mon, 07 Nov 1994 08:49:37 GMT", HTTP_RETRY_MAX_MS}, /* a day */
    {"Fri, 31 Dec 9999 23:59:59 GMT", HTTP_RETRY_MAX_MS},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Sat, 01 Jan 0000 00:00:00 GMT", 0},
    /* no such thing */
    {"", 0},
    {"soon", 0},
    {"Sun, 06 Nov 1994 09:00:00", 0},
    {"Sun, 06 Nov 1994 09:00:00 CET", 0},
    {"Sunday, 06-Nov-94 09:00:00 GMT", 0},
    {"Sun Nov  6 09:00:00 1994", 0},
    {"Sun, 06 anF 1994 09:00:00 GMT", 0},
    {"Sun, 06 Nob 1994 09:00:00 GMT", 0},
    {"Sun, 00 Nov 1994 09:00:00 GMT", 0},
    {"Sun, 32 Nov 1994 09:00:00 GMT", 0},
    {"Sun, 06 Nov 1994 24:00:00 GMT", 0},
    {"Sun, 06 Nov 1994 09:60:00 GMT", 0},
    {"Sun, 06 Nov 1994 09:00:61 GMT", 0},
    {"Sun, 06 Nov 1994 09-00:00 GMT", 0},
    {"Sun, 06 Nov 1994 -9:00:00 GMT", 0},
    {"Sun, 06 Nov  994 09:00:00 GMT", 0},
};

static void test_retry_after(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = http_retry_after_ms(view_str(cases[i].value), NOW_MS);
        if (ms != cases[i].ms)
            fail_msg("%s: %lld ms, not %lld", cases[i].value, (long long)ms,
                     (long long)cases[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_retry_after)};
    return cmocka_run_group_tests_name("http retry", tests, NULL, NULL);
}
