/* Keys by their issuers' prefixes, PEM blocks, JSON web tokens: what is secret by its form. */
#include "inspect/detect.h"
#include "inspect/random.h"

enum alphabet { H, U, A, W, B, D };

static const struct issuer {
    const char *sub;
    struct view prefix;
    enum alphabet alphabet;
    uint16_t shortest, longest;
} issuers[] = {
#define ISSUER(sub, prefix, alphabet, shortest, longest) \
    {sub, VIEW_LIT(prefix), alphabet, shortest, longest},
#include "inspect/issuers.def"
#undef ISSUER
};

/* Their first letters, apart: most are told from a run by these. */
static const char heads[] = {
#define ISSUER(sub, prefix, alphabet, shortest, longest) prefix[0],
#include "inspect/issuers.def"
#undef ISSUER
};

static bool in_alphabet(char c, enum alphabet alphabet)
{
    switch (alphabet) {
    case H:
        return is_hex(c);
    case U:
        return is_upper(c) || is_digit(c);
    case A:
        return is_alpha(c) || is_digit(c);
    case W:
        return is_alpha(c) || is_digit(c) || c == '_' || c == '-';
    case B:
        return is_alpha(c) || is_digit(c) || (c && strchr("_-+/=", c));
    case D:
        break;
    }
    return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

static bool issuer_key(struct scan *s, uint32_t at, const struct issuer *issuer)
{
    struct view text = view_skip(scan_text(s), at);
    uint32_t n = 0;

    if (!view_starts(text, issuer->prefix))
        return false;
    struct view body = view_skip(text, issuer->prefix.n);
    while (n < body.n && n <= issuer->longest && in_alphabet(body.p[n], issuer->alphabet))
        n++;
    while (n > 0 && (body.p[n - 1] == '.' || body.p[n - 1] == '-'))
        n--; /* a sentence's */
    if (n < issuer->shortest || n > issuer->longest || random_is_placeholder(view_first(body, n)) ||
        (n < body.n && (is_alpha(body.p[n]) || is_digit(body.p[n]))))
        return false;
    scan_hit(s, at, at + (uint32_t)issuer->prefix.n + n, DATA_API_KEY, FINDING_HARD, 99,
             issuer->sub);
    return true;
}

static uint32_t url_run(struct view text, uint32_t at)
{
    while (at < text.n && byte_is(text.p[at], BYTE_KEY))
        at++;
    return at;
}

/* "eyJ...": a head, a payload and mostly a signature, parted by dots. */
static bool jwt(struct scan *s, uint32_t at, uint32_t end)
{
    struct view text = scan_text(s);

    if (end - at < 10 || end + 4 >= text.n || text.p[end] != '.')
        return false;
    uint32_t payload = url_run(text, end + 1);
    if (payload - end < 8)
        return false;
    if (payload < text.n && text.p[payload] == '.')
        payload = url_run(text, payload + 1);
    scan_hit(s, at, payload, DATA_JWT, FINDING_HARD, 99, NULL);
    return true;
}

/* "-----BEGIN ... PRIVATE KEY-----" to its end, or to the end of what looks like it. */
static void pem(struct scan *s, uint32_t at)
{
    struct view text = view_skip(scan_text(s), at), line = view_first(text, 80);
    size_t head = view_find(view_skip(line, 11), VIEW("-----"));

    if (head == VIEW_NPOS)
        return;
    struct view label = view_of(text.p + 11, head);
    if (view_find(label, VIEW("PRIVATE KEY")) == VIEW_NPOS)
        return;
    struct view rest = view_skip(text, 11 + head + 5);
    size_t end = view_find(view_first(rest, 32768), VIEW("-----END "));
    uint32_t stop;
    if (end != VIEW_NPOS) {
        size_t tail = view_find(view_first(view_skip(rest, end + 9), 80), VIEW("-----"));
        stop = (uint32_t)(11 + head + 5 + end + 9 + (tail == VIEW_NPOS ? 0 : tail + 5));
    } else { /* cut: as far as it is base64 */
        size_t n = 0;
        while (n < rest.n && (in_alphabet(rest.p[n], B) || strchr("\r\n:, ", rest.p[n])))
            n++;
        stop = (uint32_t)(11 + head + 5 + n);
    }
    scan_hit(s, at, at + stop, DATA_PRIVATE_KEY, FINDING_HARD, 100, NULL);
}

static void key_run(struct scan *s, uint32_t at, uint32_t end)
{
    struct view run = view_of(s->doc.p + at, end - at);

    if (view_starts(run, VIEW("-----BEGIN")) || view_starts(run, VIEW("----BEGIN"))) {
        pem(s, at);
        return;
    }
    while (run.n > 0 && run.p[0] == '-')
        run = view_skip(run, 1), at++;
    if (view_starts(run, VIEW("eyJ")) && jwt(s, at, end))
        return;
    if (run.n == 0)
        return;
    const char *const none = heads + sizeof(heads);
    for (const char *head = heads; head < none; head++) {
        head = memchr(head, run.p[0], (size_t)(none - head));
        if (!head || issuer_key(s, at, &issuers[head - heads]))
            return;
    }
}

void detect_keys(struct scan *s)
{
    struct view text = scan_text(s);

    for (uint32_t at = 0; at < text.n && !s->failed;) {
        uint32_t end = url_run(text, at);
        if (end == at) {
            at++;
            continue;
        }
        /* the short heads are those with a dot behind them, and PEM's */
        bool dotted = text.p[end] == '.' && end - at < 8 && in_alphabet(text.p[end + 1], A);
        if (end - at >= 16 || dotted || (end - at > 9 && text.p[at] == '-'))
            key_run(s, at, end);
        at = end;
    }
}
