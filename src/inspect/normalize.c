/* The plain form of a text: one pass, one level of the web's encodings. */
#include "base/utf8.h"
#include "inspect/plain_parts.h"

/* What was found at a place: how many bytes of the source it takes, and what it stands for. */
struct piece {
    unsigned taken; /* 0: nothing, the byte stands for itself */
    size_t n;
    char bytes[4];
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static struct piece piece_of(unsigned taken, uint32_t code)
{
    struct piece piece = {.taken = taken};

    if (code < 0x20 && code != '\t' && code != '\n' && code != '\r')
        return (struct piece){0};
    if (code < 0x80 || (piece.n = plain_fold(code, piece.bytes)) == SIZE_MAX)
        piece.n = utf8_put(piece.bytes, code);
    return piece;
}

/* "%C3%A9": as many bytes as make one character. */
static struct piece percent(const char *p, const char *end)
{
    char bytes[4];
    uint32_t byte;
    size_t n = 0, want = 1;

    for (; n < want && end - p >= 3 && *p == '%' && plain_hex(p + 1, end, 2, &byte) == 2; p += 3) {
        bytes[n++] = (char)byte;
        if (n == 1)
            want = byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    }
    struct view v = view_of(bytes, n);
    if (n == 0 || n != want || !utf8_valid(v))
        return (struct piece){0};
    return piece_of((unsigned)n * 3, utf8_take(&v));
}

static struct piece named_entity(const char *p, size_t n)
{
    static const struct {
        struct view name;
        uint32_t code;
    } entities[] = {
        {VIEW_LIT("amp"), '&'},     {VIEW_LIT("lt"), '<'},      {VIEW_LIT("gt"), '>'},
        {VIEW_LIT("quot"), '"'},    {VIEW_LIT("apos"), '\''},   {VIEW_LIT("nbsp"), ' '},
        {VIEW_LIT("commat"), '@'},  {VIEW_LIT("period"), '.'},  {VIEW_LIT("colon"), ':'},
        {VIEW_LIT("sol"), '/'},     {VIEW_LIT("hyphen"), '-'},  {VIEW_LIT("dash"), '-'},
        {VIEW_LIT("ndash"), '-'},   {VIEW_LIT("mdash"), '-'},   {VIEW_LIT("lowbar"), '_'},
        {VIEW_LIT("plus"), '+'},    {VIEW_LIT("equals"), '='},  {VIEW_LIT("num"), '#'},
        {VIEW_LIT("shy"), 0xad},    {VIEW_LIT("zwj"), 0x200d},  {VIEW_LIT("zwnj"), 0x200c},
        {VIEW_LIT("lpar"), '('},    {VIEW_LIT("rpar"), ')'},    {VIEW_LIT("auml"), 0xe4},
        {VIEW_LIT("ouml"), 0xf6},   {VIEW_LIT("uuml"), 0xfc},   {VIEW_LIT("Auml"), 0xc4},
        {VIEW_LIT("Ouml"), 0xd6},   {VIEW_LIT("Uuml"), 0xdc},   {VIEW_LIT("szlig"), 0xdf},
        {VIEW_LIT("eacute"), 0xe9}, {VIEW_LIT("egrave"), 0xe8}, {VIEW_LIT("agrave"), 0xe0},
        {VIEW_LIT("ccedil"), 0xe7}, {VIEW_LIT("ntilde"), 0xf1}, {VIEW_LIT("aacute"), 0xe1},
        {VIEW_LIT("oacute"), 0xf3}, {VIEW_LIT("iacute"), 0xed}, {VIEW_LIT("aring"), 0xe5},
        {VIEW_LIT("oslash"), 0xf8}, {VIEW_LIT("aelig"), 0xe6},  {VIEW_LIT("euro"), 0x20ac},
    };
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        if (view_eq(entities[i].name, view_of(p, n)))
            return piece_of((unsigned)n + 2, entities[i].code);
    return (struct piece){0};
}

/* "&amp;", "&#64;", "&#x40;" */
static struct piece entity(const char *p, const char *end)
{
    size_t room = end - p < 12 ? (size_t)(end - p) : 12;
    const char *stop = memchr(p, ';', room);
    uint32_t code = 0;
    unsigned n;

    if (!stop || stop - p < 3)
        return (struct piece){0};
    if (p[1] != '#')
        return named_entity(p + 1, (size_t)(stop - p) - 1);
    if (ascii_lower(p[2]) == 'x') {
        n = plain_hex(p + 3, stop, 6, &code);
        if (n == 0 || p + 3 + n != stop)
            return (struct piece){0};
    } else {
        for (const char *d = p + 2; d < stop; d++) {
            if (*d < '0' || *d > '9' || code > 0x10ffff)
                return (struct piece){0};
            code = code * 10 + (uint32_t)(*d - '0');
        }
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return (struct piece){0};
    return piece_of((unsigned)(stop - p) + 1, code);
}

/* Escapes of strings in code and JSON that a text quotes. */
static struct piece backslash(const char *p, const char *end)
{
    uint32_t code;
    unsigned n;

    if (end - p < 2)
        return (struct piece){0};
    switch (p[1]) {
    case 'u':
        n = plain_unicode_escape(p, end, &code);
        return n ? piece_of(n, code) : (struct piece){0};
    case 'x':
        return plain_hex(p + 2, end, 2, &code) == 2 && code < 0x80 ? piece_of(4, code)
                                                                   : (struct piece){0};
    case 'n':
        return piece_of(2, '\n');
    case 't':
        return piece_of(2, '\t');
    case 'r':
        return end - p >= 3 && p[2] == '\\' ? piece_of(2, '\r') : (struct piece){0};
    case '"':
    case '\'':
    case '/':
        return piece_of(2, (unsigned char)p[1]);
    default:
        return (struct piece){0};
    }
}

/* Whether the word that goes on at `v` holds an ASCII letter or digit. */
static bool in_latin_word(struct view v)
{
    for (unsigned i = 0; i < 8 && v.n > 0; i++) {
        if ((unsigned char)v.p[0] < 0x80)
            return is_alnum(v.p[0]);
        uint32_t c = utf8_take(&v);
        if (!plain_look_alike(c))
            return false;
    }
    return false;
}

static struct piece character(const struct plain *out, const char *p, const char *end)
{
    struct view v = view_of(p, (size_t)(end - p));
    uint32_t c = utf8_take(&v);
    struct piece piece = {.taken = (unsigned)(v.p - p)};
    char prev = out->p[(int64_t)out->n - 1], look;

    if (c >= 0x300 && c < 0x34f && is_alnum(prev))
        return piece; /* a mark over an ASCII letter goes */
    if (((c >= 0x391 && c <= 0x3c5) || (c >= 0x405 && c <= 0x51d)) &&
        (look = plain_look_alike(c)) && (is_alnum(prev) || in_latin_word(v))) {
        piece.n = 1;
        piece.bytes[0] = look;
        return piece;
    }
    piece.n = plain_fold(c, piece.bytes);
    if (piece.n == SIZE_MAX)
        piece.taken = 0;
    return piece;
}

static bool is_special(char c)
{
    /* '%' and '&' are neighbours */
    return (signed char)c < 0 || (unsigned char)(c - '%') < 2 || c == '\\';
}

/* A word with a bit in each byte of `x` that is zero; others may be set behind such a byte. */
static uint64_t zero_bytes(uint64_t x)
{
    return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/* Passes bytes that are not special, eight at a time; may stop before the first special one. */
static uint32_t pass_plain(const char *p, uint32_t at, uint32_t to)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t x;

    for (; to - at >= sizeof(x); at += sizeof(x)) {
        memcpy(&x, p + at, sizeof(x));
        if ((x & each << 7) | zero_bytes(x ^ each * '%') | zero_bytes(x ^ each * '&') |
            zero_bytes(x ^ each * '\\'))
            break;
    }
    return at;
}

bool plain_normalize(struct plain *out, const struct plain *in, uint32_t from, uint32_t to)
{
    uint32_t at = from; /* from..at is copied as it is */

    while (at < to) {
        const char *p = in->p + at, *end = in->p + to;
        struct piece piece;
        if (!is_special(*p)) {
            at = pass_plain(in->p, at + 1, to);
            while (at < to && !is_special(in->p[at]))
                at++;
            continue;
        }
        if ((signed char)*p < 0) {
            if (from < at && !plain_copy(out, in, from, at))
                return false;
            from = at;
            piece = character(out, p, end);
            if (piece.taken == 0) { /* plain already: stays in the run */
                at++;
                while (at < to && (in->p[at] & 0xc0) == 0x80)
                    at++;
                continue;
            }
        } else {
            piece = *p == '%' ? percent(p, end) : *p == '&' ? entity(p, end) : backslash(p, end);
            if (piece.taken == 0) {
                at++;
                continue;
            }
        }
        if ((from < at && !plain_copy(out, in, from, at)) ||
            !plain_replace(out, in, at, at + piece.taken, piece.bytes, piece.n))
            return false;
        from = at += piece.taken;
    }
    return from == at || plain_copy(out, in, from, at);
}
