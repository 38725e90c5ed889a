/* E-mail, addresses of the net, of hardware and of wallets. */
#include "inspect/check_digits.h"
#include "inspect/detect.h"

#include <arpa/inet.h>

static bool is_mail_byte(char c)
{
    return is_word(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '%' || c == '\'';
}

static bool is_host_byte(char c)
{
    return is_word(c) || c == '.' || c == '-';
}

/* Domains that RFC 2606 keeps for documents. */
static bool is_example(struct view host)
{
    static const struct view names[] = {VIEW_LIT("example.com"), VIEW_LIT("example.org"),
                                        VIEW_LIT("example.net"), VIEW_LIT(".example"),
                                        VIEW_LIT(".test"),       VIEW_LIT(".invalid"),
                                        VIEW_LIT("localhost")};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (host.n >= names[i].n && view_eq_nocase(view_last(host, names[i].n), names[i]))
            return true;
    return false;
}

/* Four numbers with dots, where a domain would stand. */
static bool is_ip(struct view host)
{
    char name[16];
    struct in_addr address;

    if (host.n >= sizeof(name) || host.n < 7)
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    return inet_pton(AF_INET, name, &address) == 1;
}

static bool has_top_level(struct view host)
{
    size_t letters = 0;

    while (letters < host.n && is_word(host.p[host.n - 1 - letters]) &&
           !is_digit(host.p[host.n - 1 - letters]))
        letters++;
    return letters >= 2 && letters + 2 < host.n + 1 && letters < host.n &&
           host.p[host.n - 1 - letters] == '.';
}

static void at_sign(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t start = at, end = at + 1, n = s->doc.n;

    while (start > 0 && at - start < 64 && is_mail_byte(p[start - 1]))
        start--;
    while (start < at && strchr("'.-%+", p[start]))
        start++;
    while (end < n && end - at < 254 && is_host_byte(p[end]))
        end++;
    while (end > at + 1 && (p[end - 1] == '.' || p[end - 1] == '-'))
        end--;
    struct view host = view_of(p + at + 1, end - at - 1);
    if (start == at || host.n < 3 || is_example(host))
        return;
    bool six = p[end] == ':' && host.n <= 4 && is_hex(host.p[0]) && is_hex(p[end + 1]);
    if (is_ip(host) || six)
        scan_hit(s, start, at, DATA_USERNAME, FINDING_CUE, 80, NULL);
    else if (has_top_level(host))
        scan_hit(s, start, end, DATA_EMAIL, FINDING_HARD, 95, NULL);
}

/* Addresses that belong to somebody: neither private, reserved, for documents, nor a name server
 * that everybody knows. */
static bool is_public(uint32_t ip)
{
    static const struct {
        uint32_t net, bits;
    } others[] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
        {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
        {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 3},  {0x08080808, 32},
        {0x08080404, 32}, {0x01010101, 32}, {0x01000001, 32}, {0x09090909, 32}, {0x01020304, 32},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if ((ip ^ others[i].net) >> (32 - others[i].bits) == 0)
            return false;
    return true;
}

/* The common log format: address, identity, user, time in brackets. */
static void log_user(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t end = at + 3;

    if (strncmp(p + at, " - ", 3) != 0)
        return;
    while (p[end] > ' ' && end - at < 64)
        end++;
    if (end - at > 5 && p[end] == ' ' && p[end + 1] == '[')
        scan_hit(s, at + 3, end, DATA_USERNAME, FINDING_CUE, 85, NULL);
}

/* The end of a dotted quad at `at`, or `at`. */
static uint32_t ipv4(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t i = at, ip = 0;

    for (unsigned part = 0; part < 4; part++) {
        unsigned value = 0, n = 0;
        if (part > 0 && p[i++] != '.')
            return at;
        for (; is_digit(p[i]) && n < 4; n++)
            value = value * 10 + (unsigned)(p[i++] - '0');
        if (n == 0 || n > 3 || value > 255 || (n > 1 && p[i - n] == '0'))
            return at;
        ip = ip << 8 | value;
    }
    if (is_word(p[i]) || (p[i] == '.' && is_digit(p[i + 1])))
        return at;
    const struct cue *counter = scan_cue_before(s, at, CUE_BIT(COUNTER), 12);
    bool version = counter && !memchr(p + counter->end, '\n', at - counter->end);
    if (is_public(ip) && !version)
        scan_hit(s, at, i, DATA_IP_ADDRESS, FINDING_HARD, 90, "ipv4");
    log_user(s, i);
    return i;
}

static bool ipv6(struct scan *s, uint32_t start, uint32_t end)
{
    char name[INET6_ADDRSTRLEN];
    unsigned char b[16];

    if (end - start >= sizeof(name))
        return false;
    memcpy(name, s->doc.p + start, end - start);
    name[end - start] = '\0';
    if (inet_pton(AF_INET6, name, b) != 1)
        return false;
    bool global = (b[0] & 0xe0) == 0x20, document = memcmp(b, "\x20\x01\x0d\xb8", 4) == 0;
    if (global && !document)
        scan_hit(s, start, end, DATA_IP_ADDRESS, FINDING_HARD, 95, "ipv6");
    log_user(s, end);
    return true;
}

/* Six pairs with one sort of joint, or three fours with dots. */
static bool mac(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    unsigned size = 0;
    uint32_t i = at, seen = 0, ones = 0xff;

    while (is_hex(p[at + size]) && size < 5)
        size++;
    char joint = p[at + size];
    if (!(size == 2 && (joint == ':' || joint == '-')) && !(size == 4 && joint == '.'))
        return false;
    unsigned groups = size == 2 ? 6 : 3;
    for (unsigned g = 0; g < groups; g++) {
        if (g > 0 && p[i++] != joint)
            return false;
        for (unsigned k = 0; k < size; k++, i++) {
            if (!is_hex(p[i]))
                return false;
            seen |= p[i] != '0';
            ones &= ascii_lower(p[i]) == 'f' ? 0xff : 0;
        }
    }
    if (is_word(p[i]) || (p[i] == joint && joint != '.' && is_hex(p[i + 1])))
        return false;
    bool digits = false;
    for (uint32_t k = at; k < i; k++)
        digits |= is_digit(p[k]);
    if (seen && !ones && (size == 2 || digits))
        scan_hit(s, at, i, DATA_MAC_ADDRESS, FINDING_HARD, 95, NULL);
    return true;
}

static void wallet(struct scan *s, uint32_t at, uint32_t end)
{
    struct view v = view_of(s->doc.p + at, end - at);
    bool ether = v.n == 42 && v.p[0] == '0' && ascii_lower(v.p[1]) == 'x';

    for (size_t i = 2; i < v.n && ether; i++)
        ether = is_hex(v.p[i]);
    if (ether)
        scan_hit(s, at, end, DATA_CRYPTO_WALLET, FINDING_HARD, 90, "ethereum");
    else if (view_starts(v, VIEW("bc1")) || view_starts(v, VIEW("tb1")) ||
             view_starts(v, VIEW("ltc1")))
        (check_bech32(v) || scan_cue_before(s, at, CUE_BIT(WALLET), 64))
            ? scan_hit(s, at, end, DATA_CRYPTO_WALLET, FINDING_HARD, 99, "bitcoin")
            : (void)0;
    else if (v.n >= 26 && v.n <= 35 && strchr("13LMDX", v.p[0]) && check_base58(v))
        scan_hit(s, at, end, DATA_CRYPTO_WALLET, FINDING_HARD, 99, "bitcoin");
}

static uint32_t hex_run(const struct scan *s, uint32_t at)
{
    uint32_t end = at;
    while (end - at < 64 && (is_hex(s->doc.p[end]) || s->doc.p[end] == ':' || s->doc.p[end] == '.'))
        end++;
    while (end > at && s->doc.p[end - 1] == '.')
        end--;
    return end;
}

/* What begins with the letter or digit at `at`, which stands behind none; returns where to go on.
 */
static uint32_t word_start(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t end = at, stop = at;

    while (is_alnum(p[stop]))
        stop++;
    bool joined = p[stop] == '.' || p[stop] == ':' || p[stop] == '-';
    if (joined && is_digit(p[at]) && (at == 0 || p[at - 1] != '.') && (end = ipv4(s, at)) > at)
        return end;
    if (joined && is_hex(p[at])) {
        if (mac(s, at))
            return at + 12;
        end = hex_run(s, at);
        if (memchr(p + at, ':', end - at) && end - at > 6) {
            uint32_t from = at >= 2 && p[at - 1] == ':' && p[at - 2] == ':' ? at - 2 : at;
            if (ipv6(s, from, end))
                return end;
        }
    }
    end = stop;
    if (end - at == 3 && (p[at] | 0x20) == 'd' && (p[at + 1] | 0x20) == 'o' &&
        (p[at + 2] | 0x20) == 't' && p[end] == ' ')
        detect_veiled_dot(s, at);
    if (end - at >= 26 && end - at <= 90 && !is_word(p[end]))
        wallet(s, at, end);
    return end > at ? end : at + 1;
}

void detect_contacts(struct scan *s)
{
    const char *p = s->doc.p;

    for (uint32_t at = 0; at < s->doc.n && !s->failed;) {
        if (p[at] == '@')
            at_sign(s, at);
        if (is_word(p[at])) {
            at = word_start(s, at);
            continue;
        }
        if ((p[at + 1] | 0x20) == 'a' && at > 0 &&
            (p[at] == '(' || p[at] == '[' || p[at] == '{' || p[at] == '<'))
            detect_veiled_bracket(s, at);
        at++;
    }
}
