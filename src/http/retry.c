#include "http/retry.h"

#include <time.h>

/* Two digits, or -1. */
static int two(const char *p)
{
    bool digits = p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
    return digits ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

/* 0 is January; -1. */
static int month_of(struct view name)
{
    size_t at = view_find(VIEW("JanFebMarAprMayJunJulAugSepOctNovDec"), name);
    return at == VIEW_NPOS || at % 3 != 0 ? -1 : (int)(at / 3);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT": all of it has one width. The day's name says nothing new. */
static bool date_read(struct view v, int64_t *ret_ms)
{
    static const char form[] = "aaa, dd aaa dddd dd:dd:dd GMT";

    if (v.n != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (form[i] != 'a' && form[i] != 'd' && v.p[i] != form[i])
            return false;
    int day = two(v.p + 5), month = month_of(view_of(v.p + 8, 3));
    int century = two(v.p + 12), year = two(v.p + 14);
    int hour = two(v.p + 17), minute = two(v.p + 20), second = two(v.p + 23);
    if (day < 1 || day > 31 || month < 0 || century < 0 || year < 0 || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    struct tm parts = {.tm_mday = day,
                       .tm_mon = month,
                       .tm_year = century * 100 + year - 1900,
                       .tm_hour = hour,
                       .tm_min = minute,
                       .tm_sec = second};
    *ret_ms = (int64_t)timegm(&parts) * 1000;
    return true;
}

int64_t http_retry_after_ms(struct view value, int64_t now_ms)
{
    double seconds;
    int64_t at_ms, ms;

    if (view_to_double(value, &seconds))
        ms = seconds * 1000 < (double)HTTP_RETRY_MAX_MS ? (int64_t)(seconds * 1000)
                                                        : HTTP_RETRY_MAX_MS;
    else if (date_read(value, &at_ms))
        ms = at_ms - now_ms;
    else
        return 0;
    return ms < 0 ? 0 : ms > HTTP_RETRY_MAX_MS ? HTTP_RETRY_MAX_MS : ms;
}
