/* Addresses that carry a credential: user and password, a token or a signature, a webhook. */
#include "inspect/detect.h"
#include "inspect/random.h"
#include "inspect/wordlist.h"

#define MAX_URL 4096

static bool ends_url(char c)
{
    return c == '\0' || strchr(" \t\r\n\"'<>`|\\{}", c) != NULL;
}

static bool is_token_name(struct view name)
{
    return in_wordlist("token access_token refresh_token id_token auth_token auth api_key apikey "
                       "api-key key secret client_secret sig signature x-amz-signature "
                       "x-amz-security-token x-amz-credential x-goog-signature password passwd "
                       "pwd pass code jwt session sessionid session_id sid ticket hmac sas "
                       "access_key accesskey private_key authkey otp magic reset_token "
                       "confirmation_token invite_token invitation_token verification_token "
                       "login_token csrf_token "
                       "share_token upload_token download_token awsaccesskeyid hash t st",
                       name);
}

/* A query's or a fragment's pairs. */
static bool has_token(struct view query)
{
    while (query.n > 0) {
        struct view pair = view_cut(&query, '&'), name = view_cut(&pair, '=');
        size_t least = in_wordlist("t st hash key code", name) ? 16 : 6;
        if (pair.n >= least && is_token_name(name) && !random_is_placeholder(pair))
            return true;
    }
    return false;
}

static bool is_webhook(struct view host, struct view path)
{
    static const struct {
        struct view host, path;
    } hooks[] = {
        {VIEW_LIT("hooks.slack.com"), VIEW_LIT("/services/")},
        {VIEW_LIT("hooks.slack.com"), VIEW_LIT("/workflows/")},
        {VIEW_LIT("discord.com"), VIEW_LIT("/api/webhooks/")},
        {VIEW_LIT("discordapp.com"), VIEW_LIT("/api/webhooks/")},
        {VIEW_LIT("hooks.zapier.com"), VIEW_LIT("/hooks/")},
        {VIEW_LIT("maker.ifttt.com"), VIEW_LIT("/trigger/")},
        {VIEW_LIT("api.telegram.org"), VIEW_LIT("/bot")},
        {VIEW_LIT("webhook.office.com"), VIEW_LIT("/webhook")},
        {VIEW_LIT("outlook.office.com"), VIEW_LIT("/webhook")},
        {VIEW_LIT("chat.googleapis.com"), VIEW_LIT("/v1/spaces/")},
        {VIEW_LIT("open.feishu.cn"), VIEW_LIT("/open-apis/bot/")},
        {VIEW_LIT("webhook.site"), VIEW_LIT("/")},
    };
    for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
        if (host.n >= hooks[i].host.n &&
            view_eq_nocase(view_last(host, hooks[i].host.n), hooks[i].host) &&
            view_starts(path, hooks[i].path) && path.n > hooks[i].path.n + 8)
            return true;
    return false;
}

/* "/invite/oMJHtN4GsaNmQ3gFw4f73P": a drawn name behind a word that says what it opens. */
static bool has_secret_path(struct view path)
{
    bool opens = false;

    while (path.n > 0) {
        struct view part = view_cut(&path, '/');
        if (part.n >= 16 && opens && random_is_secret(part) && !random_is_uuid(part))
            return true;
        opens |= in_wordlist("invites invite invitation join reset reset-password password verify "
                             "confirm activate magic login share shared s token unsubscribe "
                             "download d private hook hooks webhook webhooks",
                             part);
    }
    return false;
}

/* "user:password@": where the scheme is not the web's, both are told apart. */
static bool credentials(struct scan *s, uint32_t from, struct view user, bool web)
{
    size_t colon = view_find_char(user, ':');
    struct view password = colon == VIEW_NPOS ? VIEW_NONE : view_skip(user, colon + 1);

    if (password.n == 0 ? user.n < 16 : random_is_placeholder(password))
        return false;
    if (web || password.n == 0)
        return true;
    if (colon > 0)
        scan_hit(s, from, from + (uint32_t)colon, DATA_USERNAME, FINDING_HARD, 90, NULL);
    scan_hit(s, from + (uint32_t)colon + 1, from + (uint32_t)user.n, DATA_PASSWORD, FINDING_HARD,
             95, NULL);
    return false;
}

/* "://" stands at `at`; returns where the address ends. */
static uint32_t url(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t start = at, from = at + 3, end = from;

    while (start > 0 && at - start < 24 &&
           (is_alpha(p[start - 1]) || is_digit(p[start - 1]) || strchr("+.-", p[start - 1])))
        start--;
    while (end < s->doc.n && end - from < MAX_URL && !ends_url(p[end]))
        end++;
    while (end > from && strchr(".,;:!?)]", p[end - 1]))
        end--;
    struct view rest = view_of(p + from, end - from), authority = rest;
    struct view scheme = view_of(p + start, at - start);
    bool web = view_starts(scheme, VIEW("http")) || view_starts(scheme, VIEW("ftp"));
    size_t slash = 0;
    while (slash < rest.n && rest.p[slash] != '/')
        slash++;
    if (!memchr(rest.p, '@', slash)) /* a password may hold the others */
        for (slash = 0; slash < rest.n && !strchr("/?#", rest.p[slash]);)
            slash++;
    authority.n = slash;
    size_t sign = authority.n;
    while (sign > 0 && authority.p[sign - 1] != '@')
        sign--;
    struct view path = view_skip(rest, slash), host = view_skip(authority, sign);
    struct view query = path;
    path = view_cut(&query, '?');
    bool found = sign > 1 && credentials(s, from, view_first(authority, sign - 1), web);
    size_t mark = view_find_char(rest, '#');
    found = found || has_token(query) || is_webhook(host, path) || has_secret_path(path) ||
            (mark != VIEW_NPOS && has_token(view_skip(rest, mark + 1)));
    if (found)
        scan_hit(s, start, end, DATA_URL_WITH_TOKEN, FINDING_HARD, 95, NULL);
    return end;
}

void detect_urls(struct scan *s)
{
    const char *p = s->doc.p;

    for (uint32_t at = 1; at + 3 < s->doc.n && !s->failed;) {
        const char *hit = memchr(p + at, ':', s->doc.n - at);
        if (!hit)
            return;
        at = (uint32_t)(hit - p);
        at = hit[1] == '/' && hit[2] == '/' ? url(s, at) : at + 1;
        at += at < s->doc.n && p[at] == ':' && p[at + 1] == '/' ? 1 : 0;
    }
}
