#include "egress/egress.h"

#include "http/syntax.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* "host", "host:port", "::1", "[::1]" or "[::1]:port" to its host. */
static struct view cut_port(struct view entry, uint64_t *port)
{
    size_t end = view_starts(entry, VIEW("[")) ? view_find_char(entry, ']') : VIEW_NPOS;
    size_t colon = end == VIEW_NPOS ? view_find_char(entry, ':') : end + 1;

    if (colon != VIEW_NPOS && colon < entry.n && entry.p[colon] == ':' &&
        view_to_u64(view_skip(entry, colon + 1), port))
        entry = view_first(entry, colon);
    return end == VIEW_NPOS ? entry : view_of(entry.p + 1, end - 1);
}

/* NO_PROXY: a comma-separated list of "*", hosts, and domains with or without a leading dot; an
 * entry may end in ":port". */
static bool excluded(struct view list, const struct config_url *url)
{
    while (list.n > 0) {
        struct view entry = view_trim(view_cut(&list, ','));
        uint64_t port = url->port;
        entry = cut_port(entry, &port);
        if (port != url->port)
            continue;
        if (view_eq(entry, VIEW("*")))
            return true;
        if (view_starts(entry, VIEW(".")))
            entry = view_skip(entry, 1);
        if (entry.n == 0 || entry.n > url->host.n)
            continue;
        struct view tail = view_last(url->host, entry.n);
        bool whole = entry.n == url->host.n || url->host.p[url->host.n - entry.n - 1] == '.';
        if (whole && view_eq_nocase(tail, entry))
            return true;
    }
    return false;
}

/* "Basic ..." of the user:password part. */
static struct view basic_authorization(struct view written, struct arena *a)
{
    struct view user = http_percent_decoded(written, a);
    char *text = arena_bytes(a, 6 + (user.n + 2) / 3 * 4 + 1);

    if (!user.p || !text)
        return VIEW_NONE;
    memcpy(text, "Basic ", 6);
    int n = EVP_EncodeBlock((unsigned char *)text + 6, (const unsigned char *)user.p, (int)user.n);
    return view_of(text, 6 + (size_t)n);
}

bool egress_proxy_from(struct view https_proxy, struct view no_proxy, const struct config_url *url,
                       struct arena *a, struct http_proxy *ret_proxy, struct error *err)
{
    struct config_url proxy;
    struct view authorization = VIEW_NONE, text = https_proxy;

    *ret_proxy = (struct http_proxy){0};
    if (!url->tls || https_proxy.n == 0 || excluded(no_proxy, url))
        return true;
    if (view_starts(text, VIEW("http://")))
        text = view_skip(text, 7);
    bool known = view_find(text, VIEW("://")) == VIEW_NPOS; /* no other scheme */
    size_t at = view_find_char(text, '@');
    if (at != VIEW_NPOS) {
        authorization = basic_authorization(view_first(text, at), a);
        text = view_skip(text, at + 1);
    }
    if (!known ||
        !config_url_parse(arena_printf(a, "http://%.*s", VIEW_ARG(text)), a, &proxy, err)) {
        error_set(err, ERROR_BAD_CONFIG, "HTTPS_PROXY is not a proxy's address");
        return error_hint(err, "Write http://host:port; proxies reached by TLS are not supported.");
    }
    *ret_proxy =
        (struct http_proxy){.host = proxy.host, .port = proxy.port, .authorization = authorization};
    return true;
}

static struct view environment(const char *upper, const char *lower)
{
    const char *value = getenv(upper);
    return view_str(value ? value : getenv(lower));
}

bool egress_proxy_for(const struct config_url *url, struct arena *a, struct http_proxy *ret_proxy,
                      struct error *err)
{
    return egress_proxy_from(environment("HTTPS_PROXY", "https_proxy"),
                             environment("NO_PROXY", "no_proxy"), url, a, ret_proxy, err);
}
