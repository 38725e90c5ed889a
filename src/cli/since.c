#include "cli/since.h"

#include <time.h>

static bool parse_ago(struct view text, int64_t now_ms, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t count;

    if (text.n < 2 || !view_to_u64(view_first(text, text.n - 1), &count) || count > 10000000)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (text.p[text.n - 1] == units[i].unit) {
            *ret_ms = now_ms - (int64_t)count * units[i].seconds * 1000;
            return true;
        }
    return false;
}

static bool parse_time(struct view text, int64_t *ret_ms)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};
    char copy[32];
    bool utc = view_ends(text, VIEW("Z"));

    text.n -= utc;
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (text.n > 10 && copy[10] == ' ')
        copy[10] = 'T';
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm parts = {.tm_isdst = -1};
        const char *end = strptime(copy, forms[i], &parts);
        if (!end || *end)
            continue;
        struct tm given = parts;
        time_t seconds = utc ? timegm(&parts) : mktime(&parts);
        if (seconds == (time_t)-1 || parts.tm_mday != given.tm_mday)
            return false; /* the 31st of February */
        *ret_ms = (int64_t)seconds * 1000;
        return true;
    }
    return false;
}

bool since_parse(struct view text, int64_t now_ms, int64_t *ret_ms, struct error *err)
{
    if (parse_ago(text, now_ms, ret_ms) || parse_time(text, ret_ms))
        return true;
    error_set(err, ERROR_BAD_VALUE, "'%.*s' is no time", VIEW_ARG(text));
    return error_hint(err, "write how long ago (15m, 2h, 3d, 1w), a day (2026-11-01) or a time "
                           "(2026-11-01T14:30, with Z for UTC)");
}
