/* Small texts of Ollama's dialect: arguments on one line, times. */
#include "llm/ollama.h"

#include "base/clock.h"

void ollama_put_line(struct buf *out, struct view json)
{
    size_t from = out->len;

    /* Line breaks stand only between tokens: inside strings JSON has them escaped. */
    buf_append(out, json);
    if (!buf_ok(out) || (!memchr(json.p, '\n', json.n) && !memchr(json.p, '\r', json.n)))
        return;
    for (size_t i = from; i < out->len; i++)
        if (out->p[i] == '\n' || out->p[i] == '\r')
            out->p[i] = ' ';
}

static bool is_object(struct view json)
{
    struct json_reader r;

    json_begin(&r, json);
    return json_peek(&r) == JSON_OBJECT && json_skip(&r) && json_end(&r);
}

void ollama_put_arguments(struct buf *out, struct view json)
{
    json = view_trim(json);
    if (json.n == 0) {
        buf_append_lit(out, "{}");
    } else if (is_object(json)) {
        ollama_put_line(out, json);
    } else {
        buf_append_lit(out, "{\"arguments\":");
        json_quote(out, json);
        buf_append_char(out, '}');
    }
}

static char *digits(char *to, unsigned value, unsigned n)
{
    for (unsigned i = n; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + n;
}

size_t ollama_time(char *to, int64_t wall_ns)
{
    int64_t s = wall_ns < 0 ? 0 : wall_ns / NS_PER_S;
    unsigned ns = wall_ns < 0 ? 0 : (unsigned)(wall_ns % NS_PER_S), of_day = (unsigned)(s % 86400);
    /* Days since 1 March of the year 0, in eras of 400 years: leap days come last. */
    unsigned days = (unsigned)(s / 86400) + 719468, era = days / 146097, doe = days % 146097;
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    char *p = digits(to, (era * 400 + yoe + (month <= 2)) % 10000, 4);

    *p++ = '-';
    p = digits(p, month, 2);
    *p++ = '-';
    p = digits(p, doy - (153 * mp + 2) / 5 + 1, 2);
    *p++ = 'T';
    p = digits(p, of_day / 3600, 2);
    *p++ = ':';
    p = digits(p, of_day / 60 % 60, 2);
    *p++ = ':';
    p = digits(p, of_day % 60, 2);
    if (ns) {
        *p++ = '.';
        p = digits(p, ns, 9);
        while (p[-1] == '0')
            p--;
    }
    *p++ = 'Z';
    return (size_t)(p - to);
}

/* Digits from `at` on as a number; -1 when others stand there. */
static int64_t number_at(struct view text, size_t at, size_t n)
{
    uint64_t value;

    if (text.n < at + n || !view_to_u64(view_of(text.p + at, n), &value))
        return -1;
    return (int64_t)value;
}

int64_t ollama_time_read(struct view text)
{
    int64_t y = number_at(text, 0, 4), mo = number_at(text, 5, 2), d = number_at(text, 8, 2);
    int64_t h = number_at(text, 11, 2), mi = number_at(text, 14, 2), s = number_at(text, 17, 2);

    if (y < 1970 || mo < 1 || mo > 12 || d < 1 || h < 0 || mi < 0 || s < 0)
        return 0;
    int64_t year = mo <= 2 ? y - 1 : y, era = year / 400, yoe = year % 400;
    int64_t doy = (153 * (mo > 2 ? mo - 3 : mo + 9) + 2) / 5 + d - 1;
    int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    int64_t zone = 0;
    size_t at = 19; /* the fraction is passed over; then Z, or an offset */
    while (at < text.n && (text.p[at] == '.' || (text.p[at] >= '0' && text.p[at] <= '9')))
        at++;
    if (at < text.n && (text.p[at] == '+' || text.p[at] == '-')) {
        int64_t zh = number_at(text, at + 1, 2), zm = number_at(text, at + 4, 2);
        if (zh < 0 || zm < 0)
            return 0;
        zone = (text.p[at] == '-' ? -1 : 1) * (zh * 3600 + zm * 60);
    }
    return days * 86400 + h * 3600 + mi * 60 + s - zone;
}
