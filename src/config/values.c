#include "config/values.h"

#include <arpa/inet.h>
#include <stdio.h>

struct unit {
    struct view name;
    int64_t scale;
};

static const struct unit durations[] = {
    {VIEW_LIT("h"), 3600000},
    {VIEW_LIT("m"), 60000},
    {VIEW_LIT("s"), 1000},
    {VIEW_LIT("ms"), 1},
};

static const struct unit sizes[] = {
    {VIEW_LIT("GiB"), INT64_C(1) << 30},
    {VIEW_LIT("MiB"), 1 << 20},
    {VIEW_LIT("KiB"), 1 << 10},
    {VIEW_LIT("GB"), 1000000000},
    {VIEW_LIT("MB"), 1000000},
    {VIEW_LIT("KB"), 1000},
    {VIEW_LIT("B"), 1},
    {VIEW_LIT(""), 1},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "12unit", a blank between them allowed. */
static bool read_with_unit(struct view text, const struct unit *units, size_t n_units,
                           int64_t *ret_value)
{
    size_t digits = 0;
    uint64_t number;
    int64_t value;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    struct view name = view_trim(view_skip(text, digits));
    if (!view_to_u64(view_first(text, digits), &number))
        return false;
    for (size_t i = 0; i < n_units; i++)
        if (view_eq_nocase(units[i].name, name)) {
            if (__builtin_mul_overflow(number, units[i].scale, &value))
                return false;
            *ret_value = value;
            return true;
        }
    return false;
}

bool value_duration(struct view text, int64_t *ret_ms)
{
    return read_with_unit(text, durations, COUNT(durations), ret_ms);
}

bool value_size(struct view text, uint64_t *ret_bytes)
{
    int64_t value;

    if (!read_with_unit(text, sizes, COUNT(sizes), &value))
        return false;
    *ret_bytes = (uint64_t)value;
    return true;
}

void value_write_duration(struct buf *out, int64_t ms)
{
    size_t i = 0;

    while (ms == 0 ? i < 2 : ms % durations[i].scale != 0)
        i++;
    buf_append_u64(out, (uint64_t)(ms / durations[i].scale));
    buf_append(out, durations[i].name);
}

void value_write_size(struct buf *out, uint64_t bytes)
{
    size_t i = 0;

    while (i < 3 && (bytes == 0 || bytes % (uint64_t)sizes[i].scale != 0))
        i++;
    if (i == 3) {
        buf_append_u64(out, bytes);
        return;
    }
    buf_append_u64(out, bytes / (uint64_t)sizes[i].scale);
    buf_append(out, sizes[i].name);
}

bool value_decimal(struct view text, unsigned decimals, int64_t *ret_value)
{
    int64_t value = 0;
    unsigned behind = 0;
    bool point = false, digit = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.' && !point && digit) {
            point = true;
            digit = false; /* one must follow */
            continue;
        }
        if (c < '0' || c > '9' || (point && behind == decimals))
            return false;
        digit = true;
        behind += point;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (int64_t)(c - '0'), &value))
            return false;
    }
    if (!digit)
        return false;
    for (; behind < decimals; behind++)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    *ret_value = value;
    return true;
}

void value_write_decimal(struct buf *out, int64_t value, unsigned decimals)
{
    int64_t scale = 1;
    char digits[24];

    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    buf_append_u64(out, (uint64_t)(value / scale));
    if (value % scale == 0)
        return;
    int n = snprintf(digits, sizeof(digits), ".%0*lld", (int)decimals, (long long)(value % scale));
    while (digits[n - 1] == '0')
        n--;
    buf_append(out, view_of(digits, (size_t)n));
}

bool value_is_loopback(struct view host)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in_addr v4;
    struct in6_addr v6;

    if (view_eq_nocase(host, VIEW("localhost")))
        return true;
    if (host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool host_is_v6(struct view host)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr v6;

    if (host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET6, text, &v6) == 1;
}

static bool host_is_name(struct view host)
{
    if (host.n == 0 || host.n > 253)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = ascii_lower(host.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool read_port(struct view text, uint16_t *ret_port)
{
    uint64_t port;

    if (!view_to_u64(text, &port) || port == 0 || port > 65535)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Cuts "host" or "[v6]" off the front; what is left is "" or ":port". */
static bool cut_host(struct view *rest, struct view *ret_host, struct error *err)
{
    if (rest->n && rest->p[0] == '[') {
        size_t end = view_find_char(*rest, ']');
        struct view host = end == VIEW_NPOS ? VIEW("") : view_of(rest->p + 1, end - 1);
        if (!host_is_v6(host)) {
            error_set(err, ERROR_BAD_CONFIG, "what stands in [ ] is no IPv6 address");
            return error_hint(err, "write it like [::1] or [2001:db8::7], without a zone");
        }
        *ret_host = host;
        *rest = view_skip(*rest, end + 1);
    } else {
        size_t end = view_find_char(*rest, ':');
        struct view host = end == VIEW_NPOS ? *rest : view_first(*rest, end);
        if (end != VIEW_NPOS && view_find_char(view_skip(*rest, end + 1), ':') != VIEW_NPOS) {
            error_set(err, ERROR_BAD_CONFIG, "an IPv6 address needs brackets");
            return error_hint(err, "write it like \"[::1]:8484\", with the quotes");
        }
        if (!host_is_name(host)) {
            error_set(err, ERROR_BAD_CONFIG,
                      "the host is empty or holds a character that no host "
                      "has");
            return error_hint(err, "write a name, an IPv4 address or an IPv6 address in [ ]");
        }
        *ret_host = host;
        *rest = view_skip(*rest, host.n);
    }
    if (rest->n && rest->p[0] != ':') {
        error_set(err, ERROR_BAD_CONFIG, "only :port may follow the ]");
        return error_hint(err, "write it like \"[::1]:8484\"");
    }
    return true;
}

bool value_address(struct view text, struct arena *a, struct config_listen *ret_listen,
                   struct error *err)
{
    struct config_listen listen = {0};
    struct view rest = text, host;
    uint16_t port;

    if (view_starts(text, VIEW(":")) && view_find_char(view_skip(text, 1), ':') == VIEW_NPOS) {
        error_set(err, ERROR_BAD_CONFIG, "the host before the port is missing");
        return error_hint(err, "write 127.0.0.1%.*s, or 0.0.0.0%.*s for every network",
                          VIEW_ARG(view_first(text, 8)), VIEW_ARG(view_first(text, 8)));
    }
    if (!cut_host(&rest, &host, err))
        return false;
    if (!rest.n || !read_port(view_skip(rest, 1), &port)) {
        error_set(err, ERROR_BAD_CONFIG, "the port is missing or not a number from 1 to 65535");
        return error_hint(err, "write host:port, like 127.0.0.1:8484");
    }
    listen.host = arena_dup(a, host);
    listen.port = port;
    listen.loopback = value_is_loopback(host);
    listen.text = arena_dup(a, text);
    *ret_listen = listen;
    return true;
}

static bool url_fail(struct error *err, const char *text, const char *hint)
{
    error_set(err, ERROR_BAD_CONFIG, "%s", text);
    return error_hint(err, "%s", hint);
}

static bool url_characters(struct view text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || strchr("\"<>\\^`{|}", text.p[i]))
            return false;
    return true;
}

/* The path before /v1/...; users paste addresses that end in /v1 or in a blank path. */
static bool url_prefix(struct view path, struct view *ret_prefix, struct error *err)
{
    while (view_ends(path, VIEW("/")))
        path.n--;
    if (view_ends(path, VIEW("/v1")))
        path.n -= 3;
    while (view_ends(path, VIEW("/")))
        path.n--;
    if (view_ends(path, VIEW("/completions")) || view_ends(path, VIEW("/messages")))
        return url_fail(err, "the URL goes on behind the server's base",
                        "write the base only, like https://api.openai.com");
    *ret_prefix = path;
    return true;
}

bool config_url_parse(struct view text, struct arena *a, struct config_url *ret_url,
                      struct error *err)
{
    struct config_url url = {0};
    struct view rest = text, host, prefix;

    if (text.n > 1024 || !url_characters(text))
        return url_fail(err, "the URL is too long or holds a character that no URL has",
                        "write it like http://10.0.0.7:8000 or https://api.openai.com");
    if (view_eq_nocase(view_first(text, 8), VIEW("https://")))
        url.tls = true;
    else if (!view_eq_nocase(view_first(text, 7), VIEW("http://")))
        return url_fail(err, "a URL begins with http:// or https://",
                        "write it like http://10.0.0.7:8000 or https://api.openai.com");
    rest = view_skip(text, url.tls ? 8 : 7);
    if (view_find_char(rest, '?') != VIEW_NPOS || view_find_char(rest, '#') != VIEW_NPOS)
        return url_fail(err, "the URL has a query or a fragment", "cut it before the ? or #");
    size_t slash = view_find_char(rest, '/');
    struct view authority = slash == VIEW_NPOS ? rest : view_first(rest, slash);
    struct view path = view_skip(rest, authority.n);
    if (view_find_char(authority, '@') != VIEW_NPOS)
        return url_fail(err, "the URL holds a user or a password",
                        "use key: for the credential and leave the part before @ out");
    if (!cut_host(&authority, &host, err))
        return false;
    url.port = url.tls ? 443 : 80;
    if (authority.n && !read_port(view_skip(authority, 1), &url.port))
        return url_fail(err, "the port of the URL is not a number from 1 to 65535",
                        "write it like http://10.0.0.7:8000");
    if (!url_prefix(path, &prefix, err))
        return false;
    url.host = arena_dup(a, host);
    url.prefix = arena_dup(a, prefix);
    url.text = arena_dup(a, text);
    *ret_url = url;
    return true;
}

void config_url_write_host(const struct config_url *url, struct buf *out)
{
    bool v6 = view_find_char(url->host, ':') != VIEW_NPOS;

    buf_printf(out, v6 ? "[%.*s]" : "%.*s", VIEW_ARG(url->host));
    if (url->port != (url->tls ? 443 : 80))
        buf_printf(out, ":%u", url->port);
}

struct view value_choice_at(const char *choices, unsigned index)
{
    struct view rest = view_str(choices);

    for (; index && rest.n; index--)
        view_cut(&rest, '|');
    return view_trim(view_cut(&rest, '|'));
}

bool value_choice(struct view text, const char *choices, unsigned *ret_index)
{
    struct view rest = view_str(choices);

    for (unsigned i = 0; rest.n; i++)
        if (view_eq(view_trim(view_cut(&rest, '|')), text)) {
            *ret_index = i;
            return true;
        }
    return false;
}
